//! The product's theorem: no window at the upstream ever holds more than its quota, whatever goes wrong. Thousands of
//! small fleets, each with its own seed; `PACELINE_SEED` runs one seed only.

use std::{env, thread, time::Duration};

use paceline::CountFrom;

use super::{
    storm::{Limits, Storm},
    wire::Weather,
};

/// So many fleets each; `PACELINE_SEEDS` for more.
const SEEDS: u64 = 250;

/// What each seed of a storm came to.
struct Outcome {
    seed: u64,
    flaws: Vec<String>,
    requests: usize,
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn run(seeds: u64, storm: impl Fn(u64) -> Storm + Sync) -> Vec<Outcome> {
    let given = env::var("PACELINE_SEED").ok().and_then(|seed| seed.parse::<u64>().ok());
    let seeds = env::var("PACELINE_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(seeds);
    let seeds: Vec<u64> = given.map_or_else(|| (1..=seeds).collect(), |seed| vec![seed]);
    let (storm, seeds) = (&storm, &seeds);
    let part = |number: usize| {
        let mine = seeds.iter().skip(number).step_by(2);
        mine.map(|&seed| {
            let (flaws, requests) = storm(seed).run();
            Outcome { seed, flaws, requests }
        })
        .collect::<Vec<_>>()
    };
    thread::scope(|scope| {
        let other = scope.spawn(|| part(1));
        let mut all = part(0);
        all.extend(other.join().unwrap());
        all
    })
}

#[track_caller]
fn never_exceeds(seeds: u64, storm: impl Fn(u64) -> Storm + Sync) {
    let outcomes = run(seeds, storm);
    let failed: Vec<_> = outcomes.iter().filter(|o| !o.flaws.is_empty()).collect();
    let lines: Vec<_> = failed.iter().map(|o| format!("PACELINE_SEED={}: {}", o.seed, o.flaws.join("; "))).collect();
    assert!(failed.is_empty(), "{} of {} fleets exceeded a limit:\n{}", failed.len(), outcomes.len(), lines.join("\n"));
    // A fleet that sends nothing is safe, too.
    let requests: usize = outcomes.iter().map(|o| o.requests).sum();
    assert!(requests > outcomes.len() * 8, "{requests} requests in {} fleets prove little", outcomes.len());
}

fn mixed(seed: u64) -> Storm {
    Storm { limits: Limits::Mixed, ..Storm::new(seed) }
}

fn bad_wire() -> Weather {
    Weather { delay: ms(100), lost_requests: 0.02, lost_replies: 0.05, repeated: 0.1, late: 0.02, silence: None }
}

#[test]
fn a_window_is_never_exceeded_however_long_requests_travel() {
    never_exceeds(SEEDS, Storm::new);
}

#[test]
fn a_bucket_never_runs_dry_even_if_much_is_given_back() {
    never_exceeds(SEEDS, |seed| Storm { limits: Limits::OneBucket, fickle: seed % 2 == 0, ..Storm::new(seed) });
}

#[test]
fn no_limit_of_any_kind_is_exceeded_in_any_mix() {
    never_exceeds(SEEDS, mixed);
}

#[test]
fn exchanges_may_be_delayed_lost_repeated_and_late() {
    never_exceeds(SEEDS, |seed| Storm { weather: bad_wire(), ..mixed(seed) });
}

#[test]
fn replies_may_stay_away_for_longer_than_the_lease() {
    never_exceeds(SEEDS, |seed| {
        let silence = Some((ms(1000 + seed % 7 * 300), ms(3000 + seed % 31 * 100)));
        Storm { weather: Weather { delay: ms(20), silence, ..Weather::default() }, ..mixed(seed) }
    });
}

#[test]
fn processes_may_die_with_permits_out() {
    never_exceeds(SEEDS, |seed| Storm { deaths: true, ..mixed(seed) });
}

#[test]
fn callers_may_give_up_and_responses_may_get_lost() {
    never_exceeds(SEEDS, |seed| Storm { fickle: true, ..mixed(seed) });
}

#[test]
fn the_store_may_forget_everything() {
    // Nobody can tell a store what it forgot through a network that loses it: only delays here.
    let weather = Weather { delay: ms(20), repeated: 0.05, ..Weather::default() };
    never_exceeds(SEEDS, |seed| Storm { weather, fickle: true, forgets: Some(ms(2500)), ..mixed(seed) });
}

#[test]
fn everything_at_once_is_survived() {
    never_exceeds(SEEDS, |seed| Storm { weather: bad_wire(), deaths: true, fickle: true, ..mixed(seed) });
}

#[test]
fn the_rig_catches_a_limiter_that_counts_at_the_grant() {
    let outcomes = run(30, |seed| Storm { count_from: CountFrom::Grant, ..Storm::new(seed) });
    let caught = outcomes.iter().filter(|o| !o.flaws.is_empty()).count();
    assert!(caught * 10 >= outcomes.len() * 9, "only {caught} of {} were caught", outcomes.len());
}
