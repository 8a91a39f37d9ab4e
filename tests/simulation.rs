//! Whole fleets against an upstream that keeps its own exact log, in virtual time: whatever the network does, no window
//! at the upstream ever holds more than its quota, and next to nothing of the quota is wasted.

#[path = "simulation/fleet.rs"]
mod fleet;
#[path = "simulation/upstream.rs"]
mod upstream;

use fleet::{Fleet, Seen};
use paceline::{Budget, Limit, Quota};
use std::time::Duration;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn one(n: u64) -> Budget {
    Budget::builder("api").limit(Limit::sliding_window("key", Quota::per_second(n))).build().unwrap()
}

#[test]
fn trial() {
    for (p, c, n) in [(4, 4, 5), (8, 8, 5), (8, 8, 50), (16, 8, 50), (50, 4, 100), (16, 8, 500)] {
        for (lo, hi) in [(0, 0), (5, 50), (0, 400)] {
            let seen =
                Fleet { processes: p, callers: c, seconds: 30, there: (ms(lo), ms(hi)), ..Fleet::new(one(n)) }.run();
            let Seen { .. } = &seen;
            println!("{p}x{c} {n}/s {lo}..{hi}ms: {}", seen.line(&[("key", n, ms(1000))]));
        }
    }
}

#[test]
fn debug_one() {
    let seen = Fleet { processes: 8, callers: 8, seconds: 12, ..Fleet::new(one(5)) }.run();
    for a in seen.upstream.arrivals(&["all"]) {
        print!("{:.4} ", a as f64 / 1e6);
    }
    println!("{:?}", seen.by_process);
}
