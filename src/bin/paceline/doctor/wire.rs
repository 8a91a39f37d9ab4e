//! What lies between a process and its Redis: clocks, the time a call takes, and connections that are cut.

use std::time::{Duration, Instant, SystemTime};

use paceline::{ArrivalWithin, Config, CountFrom, Kind, Limit, Survey};
use tokio::time::sleep;

use super::{
    finding::{Check, Finding},
    info::Info,
    memory::bytes,
};

const CLOCK: Check = Check {
    name: "clock",
    why: "All time is Redis's own. Against the provider's clock it matters to fixed windows only; where it jumps, units \
          age too early or too late.",
};

const LATENCY: Check = Check {
    name: "latency",
    why: "A permit may be sent under for a fifth of arrival_within from when it was asked for, so one that took longer is \
          worthless; and what a call takes is lost of a short window.",
};

const CONNECTIONS: Check = Check {
    name: "connections",
    why: "Each process keeps two: one for its calls, and one that hears what came free. A call on one that was cut is \
          sent again, later.",
};

/// So many looks, this far apart: half a second in all.
const LOOKS: usize = 50;
const APART: Duration = Duration::from_millis(10);
/// As the `skew` that a fixed window has by default.
const SKEW: f64 = 1.0;
/// Between two looks it went on by as much as here, give or take the time they took and this.
const JUMP: f64 = 0.1;
/// What a budget has that says nothing else.
const USUAL_ARRIVAL: Duration = Duration::from_millis(500);
/// The window to go by without a configuration.
const USUAL_WINDOW: Duration = Duration::from_secs(1);
/// The part of it in which a permit may be sent under.
const SENT_WITHIN: u32 = 5;
/// A round trip this much shorter than a window is lost in it.
const OF_A_WINDOW: u32 = 20;
/// The largest reply that a client gets is far below this.
const SMALL_BUFFER: u64 = 1 << 20;
/// Connections in percent of the most there may be.
const NEARLY_ALL: u64 = 90;

/// One look at the server's clock.
#[derive(Debug, Clone, Copy)]
struct Tick {
    /// Seconds since 1970 there, and here in the middle of the round trip.
    there: f64,
    here: f64,
    /// By a clock that cannot be set: seconds since the first look.
    passed: f64,
    took: Duration,
}

pub async fn times(survey: &Survey, config: Option<&Config>) -> Vec<Finding> {
    let start = Instant::now();
    let mut ticks = Vec::with_capacity(LOOKS);
    for _ in 0..LOOKS {
        let asked = Instant::now();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let Some(there) = survey.time().await else {
            return vec![CLOCK.unknown("TIME"), LATENCY.unknown("TIME")];
        };
        let (took, passed) = (asked.elapsed(), asked - start);
        let [here, passed] = [now, passed].map(|before| (before + took / 2).as_secs_f64());
        ticks.push(Tick { there: there.as_secs_f64(), here, passed, took });
        sleep(APART).await;
    }
    let trips = ticks.iter().map(|tick| tick.took).collect();
    vec![clock(&ticks), latency(trips, &Needs::of(config))]
}

fn clock(ticks: &[Tick]) -> Finding {
    let jump = |pair: &[Tick]| {
        let [before, after] = [pair[0], pair[1]];
        let slack = JUMP + (before.took + after.took).as_secs_f64();
        let ahead = (after.there - before.there) - (after.passed - before.passed);
        (ahead.abs() > slack).then_some(ahead)
    };
    if let Some(ahead) = ticks.windows(2).find_map(jump) {
        let seen = format!("it jumped by {ahead:+.1} s while it was looked at");
        return CLOCK.broken(seen, "let its host's clock be slewed, not stepped (chrony does)");
    }
    // The quickest look knows it best.
    let best = ticks.iter().min_by_key(|tick| tick.took);
    let ahead = best.map_or(0.0, |tick| tick.there - tick.here);
    let seen = format!("{:.1} s {} this machine's", ahead.abs(), if ahead < 0.0 { "behind" } else { "ahead of" });
    if ahead.abs() > SKEW {
        CLOCK.warning(seen, "let both hosts follow NTP, or give fixed windows a larger skew")
    } else {
        CLOCK.ok(seen)
    }
}

/// What the budgets ask of a call.
#[derive(Debug)]
struct Needs {
    /// None: a permit may be sent under for as long as it is held.
    arrival: Option<Duration>,
    window: Duration,
}

impl Needs {
    fn of(config: Option<&Config>) -> Self {
        let Some(config) = config else { return Self { arrival: Some(USUAL_ARRIVAL), window: USUAL_WINDOW } };
        let arrival = config.budgets().filter_map(|budget| match (budget.count_from(), budget.arrival_within()) {
            (CountFrom::Response, ArrivalWithin::Limited(within)) => Some(within),
            _ => None,
        });
        let windows = config.budgets().flat_map(|budget| budget.limits()).filter_map(window);
        Self { arrival: arrival.min(), window: windows.min().unwrap_or(USUAL_WINDOW) }
    }
}

pub fn window(limit: &Limit) -> Option<Duration> {
    match limit.kind() {
        Kind::SlidingWindow { quota } | Kind::FixedWindow { quota, .. } => Some(quota.period()),
        _ => None,
    }
}

fn latency(mut trips: Vec<Duration>, needs: &Needs) -> Finding {
    trips.sort_unstable();
    let (median, worst) = (trips[trips.len() / 2], trips[trips.len() - 1]);
    let seen = format!(
        "median {}, worst {} of {} calls; arrival_within {}, shortest window {}",
        millis(median),
        millis(worst),
        trips.len(),
        needs.arrival.map_or("unbounded".to_owned(), |within| humantime::format_duration(within).to_string()),
        humantime::format_duration(needs.window),
    );
    let mend = "bring them nearer to each other, see what holds Redis up, or raise arrival_within";
    let too_late = |trip: Duration| needs.arrival.is_some_and(|within| trip >= within / SENT_WITHIN);
    if too_late(median) {
        LATENCY.broken(seen, mend)
    } else if too_late(worst) || median * OF_A_WINDOW > needs.window {
        LATENCY.warning(seen, mend)
    } else {
        LATENCY.ok(seen)
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

pub async fn connections(info: &Info, survey: &Survey) -> Vec<Finding> {
    let (now, most) = (info.number("connected_clients"), info.number("maxclients"));
    let (idle, buffers) = (survey.setting("timeout").await, survey.setting("client-output-buffer-limit").await);
    let mut findings = Vec::new();
    if let (Some(now), Some(most)) = (now, most)
        && now * 100 >= most * NEARLY_ALL
    {
        findings.push(CONNECTIONS.warning(format!("{now} of {most} are taken"), "raise maxclients"));
    }
    if let Some(idle) = idle.as_deref().filter(|idle| *idle != "0") {
        findings.push(CONNECTIONS.warning(format!("those idle for {idle} s are cut"), "set timeout 0"));
    }
    for (class, hard) in buffers.as_deref().map(small_buffers).unwrap_or_default() {
        findings.push(CONNECTIONS.warning(
            format!("a {class} client to whom {} are on their way is cut", bytes(hard)),
            format!("set client-output-buffer-limit {class} as Redis has it by default"),
        ));
    }
    if findings.is_empty() {
        findings.push(match (now, most, idle) {
            (_, _, None) => CONNECTIONS.unknown("CONFIG GET"),
            (Some(now), Some(most), _) => CONNECTIONS.ok(format!("{now} of {most} are taken; idle ones are kept")),
            _ => CONNECTIONS.ok("idle ones are kept"),
        });
    }
    findings
}

/// Of `normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60`, those that are ours and too small.
fn small_buffers(limits: &str) -> Vec<(&str, u64)> {
    let words: Vec<_> = limits.split_whitespace().collect();
    let classes = words.chunks_exact(4).filter(|class| matches!(class[0], "normal" | "pubsub"));
    let hard = classes.filter_map(|class| Some((class[0], class[1].parse().ok()?)));
    hard.filter(|&(_, hard)| (1..SMALL_BUFFER).contains(&hard)).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Status, *};

    fn tick(there: f64, passed: f64) -> Tick {
        Tick { there, here: passed + 1000.0, passed, took: Duration::from_millis(1) }
    }

    #[test]
    fn a_clock_that_goes_with_ours_may_be_off_a_little() {
        for (ahead, seen, status) in [
            (0.2, "0.2 s ahead of this machine's", Status::Ok),
            (-3600.0, "3600.0 s behind this machine's", Status::Warning),
        ] {
            let ticks: Vec<_> = (0..5).map(|i| tick(1000.0 + ahead + f64::from(i), f64::from(i))).collect();
            let found = clock(&ticks);
            assert_eq!((found.seen.as_str(), found.status), (seen, status));
        }
    }

    #[test]
    fn a_clock_that_jumps_is_seen() {
        for by in [-5.0, 5.0] {
            let found = clock(&[tick(1000.0, 0.0), tick(1000.1 + by, 0.1), tick(1000.2 + by, 0.2)]);
            assert_eq!(found.status, Status::Broken, "{}", found.seen);
        }
    }

    #[test]
    fn a_call_is_slow_by_what_the_budgets_ask() {
        let config = "[budget.a]\narrival_within = '100ms'\n\
                      limit = [{ name = 'spike', kind = 'sliding-window', quota = 5, per = '200ms' }]";
        let needs = |config: &str| Needs::of(Some(&Config::parse(config).unwrap()));
        let (strict, loose, usual) = (needs(config), needs(&config.replace("100ms", "unbounded")), Needs::of(None));
        for (trips, needs, status) in [
            ([1, 1, 19], &strict, Status::Ok),
            ([1, 1, 20], &strict, Status::Warning),
            ([1, 11, 19], &strict, Status::Warning),
            ([1, 20, 20], &strict, Status::Broken),
            ([1, 10, 1000], &loose, Status::Ok),
            ([20, 40, 99], &usual, Status::Ok),
            ([20, 51, 99], &usual, Status::Warning),
            ([1, 100, 100], &usual, Status::Broken),
        ] {
            let found = latency(trips.map(Duration::from_millis).to_vec(), needs);
            assert_eq!(found.status, status, "{trips:?}: {}", found.seen);
        }
    }

    #[test]
    fn only_buffers_of_ours_that_are_too_small_matter() {
        assert!(small_buffers("normal 0 0 0 slave 1000 1000 60 pubsub 33554432 8388608 60").is_empty());
        assert_eq!(small_buffers("normal 1000 0 0 slave 0 0 0 pubsub 5 5 60"), [("normal", 1000), ("pubsub", 5)]);
    }
}
