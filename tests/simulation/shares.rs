//! Next to nothing of a budget is wasted, and it is shared evenly, in the plain cases.

use std::time::Duration;

use paceline::{Budget, Limit, Quota};

use super::{fleet::Fleet, upstream::Upstream};

const SECOND: Duration = Duration::from_secs(1);

fn window(n: u64) -> Limit {
    Limit::sliding_window("key", Quota::per_second(n))
}

fn fleet(processes: usize, callers: usize, n: u64) -> Fleet {
    let budget = Budget::builder("api").limit(window(n)).build().unwrap();
    Fleet { processes, callers, seconds: 120, ..Fleet::new(budget) }
}

fn ms(from: u64, to: u64) -> (Duration, Duration) {
    (Duration::from_millis(from), Duration::from_millis(to))
}

/// Runs it, and sees that it is safe, evenly shared and uses so much of what it may.
#[track_caller]
fn uses(share: f64, fleet: Fleet, n: u64) {
    let seen = fleet.run();
    let what = format!("{} x {} on {n}/s, {:?}", fleet.processes, fleet.callers, fleet.there);
    assert!(Upstream::worst(&seen.upstream.arrivals(&["all"]), SECOND) <= n, "{what}");
    let used = seen.share(&["all"], n);
    assert!(used >= share, "{what}: a share of {used:.4}, not {share}");
    // 50 slots for 16 sessions are three for each, and two that may go to the same ones for a while.
    let fair = if fleet.processes > 8 { 0.98 } else { 0.99 };
    assert!(seen.jain() >= fair, "{what}: fairness is {:.4}, {:?}", seen.jain(), seen.by_process);
}

#[test]
fn without_delay_all_but_a_fiftieth_is_used_and_evenly() {
    // As on one machine. (Where nothing takes any time at all, every cycle is like the one before it, and a slot more than
    // there are sessions goes to the same one each time.)
    let there = (Duration::from_micros(200), Duration::from_micros(800));
    for (processes, callers, n) in [(8, 8, 5), (8, 8, 50), (16, 8, 50)] {
        uses(0.98, Fleet { there, ..fleet(processes, callers, n) }, n);
    }
}

#[test]
fn with_delay_nearly_all_that_the_delay_leaves_is_used_and_evenly() {
    for (n, seeds) in [(5, 8), (50, 1)] {
        for there in [ms(5, 50), ms(0, 400)] {
            for seed in 1..=seeds {
                uses(0.97, Fleet { there, seed, ..fleet(8, 8, n) }, n);
            }
        }
    }
}

#[test]
fn two_limits_of_which_one_binds_cost_nothing() {
    let minute = Limit::sliding_window("minute", Quota::per_minute(600));
    let budget = Budget::builder("api").limit(window(50)).limit(minute).build().unwrap();
    let seen = Fleet { processes: 8, callers: 8, seconds: 300, ..Fleet::new(budget) }.run();
    let arrivals = seen.upstream.arrivals(&["all"]);
    assert!(Upstream::worst(&arrivals, SECOND) <= 50);
    assert_eq!(Upstream::worst(&arrivals, SECOND * 60), 600);
    // Five minutes hold five times the quota.
    assert!(arrivals.len() as f64 >= 0.98 * 3000.0, "{}", arrivals.len());
}

#[track_caller]
fn two_routes(there: (Duration, Duration)) {
    let narrow = Limit::sliding_window("narrow", Quota::per_second(5));
    let budget = Budget::builder("api").limit(window(50)).limit(narrow).build().unwrap();
    let routes = vec![("wide", Some(vec!["key"])), ("narrow", None)];
    let seen = Fleet { processes: 8, callers: 4, seconds: 120, there, routes, ..Fleet::new(budget) }.run();
    let (all, narrow) = (seen.upstream.arrivals(&["wide", "narrow"]), seen.upstream.arrivals(&["narrow"]));
    assert!(Upstream::worst(&all, SECOND) <= 50 && Upstream::worst(&narrow, SECOND) <= 5);
    let (all, narrow) = (seen.share(&["wide", "narrow"], 50), seen.share(&["narrow"], 5));
    assert!(all >= 0.97 && narrow >= 0.97, "{all:.4} of 50/s, {narrow:.4} of 5/s");
}

#[test]
fn two_routes_on_one_budget_each_get_what_their_limits_leave() {
    two_routes(ms(5, 50));
}

#[test]
fn two_routes_without_delay_each_get_what_their_limits_leave() {
    two_routes(ms(0, 0));
}

#[test]
fn a_permit_costs_few_exchanges_however_many_wait() {
    for (processes, n, most) in [(16, 50, 1.6), (8, 5, 3.0)] {
        let seen = fleet(processes, 8, n).run();
        let cost = seen.exchanges_per_permit();
        assert!(cost <= most, "{processes} x 8 on {n}/s: {cost:.2} exchanges a permit");
    }
}

#[test]
fn one_process_with_many_callers_hardly_exchanges() {
    let budget = Budget::builder("api").limit(window(1_000_000)).build().unwrap();
    let fleet = Fleet { processes: 1, callers: 256, seconds: 5, there: ms(5, 50), ..Fleet::new(budget) };
    let seen = fleet.run();
    // In virtual time nothing takes time but the delays, so this is the worst case of grouping.
    assert!(seen.exchanges_per_permit() < 0.5, "{:.3}", seen.exchanges_per_permit());
}
