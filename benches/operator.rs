//! How long an operator waits where there is much to see, and how long others wait meanwhile: `list` of 10,000 partitions, and
//! `inspect` of a budget with 2,000 sessions. Run with `cargo bench --bench operator --features cli`.

#[path = "../tests/support/mod.rs"]
mod support;

use std::{
    process::Command,
    time::{Duration, Instant},
};

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use support::RedisServer;

const PARTITIONS: usize = 10_000;
const SESSIONS: usize = 2_000;
const ROUNDS: usize = 5;

fn budget() -> Budget {
    Budget::builder("keap")
        .limit(Limit::sliding_window("spike", Quota::per_second(5)))
        .limit(Limit::fixed_window("day", Quota::per_day(30_000)))
        .build()
        .expect("a budget")
}

/// Runs the command some times; prints the median, and the longest that any command kept Redis busy.
fn time(server: &RedisServer, arguments: &[&str]) {
    server.command(&["SLOWLOG", "RESET"]);
    server.command(&["CONFIG", "SET", "slowlog-log-slower-than", "500"]);
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            let done =
                Command::new(env!("CARGO_BIN_EXE_paceline")).args(arguments).args(["--redis", server.url()]).output();
            assert!(done.expect("it runs").status.success());
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    // An entry begins with its number, its time and how long it took.
    let slow = server.command(&["SLOWLOG", "GET", "1000"]);
    let slow: Vec<&str> = slow.lines().collect();
    let evals =
        slow.windows(2).filter(|pair| ["EVALSHA", "EVAL", "SCAN"].contains(&pair[1])).filter_map(|p| p[0].parse().ok());
    let longest = evals.max().unwrap_or(0_u64);
    println!(
        "    {}: {:?}; the longest call to Redis: {longest} us (0: none above 500)",
        arguments.join(" "),
        took[ROUNDS / 2]
    );
}

#[tokio::main]
async fn main() {
    let server = RedisServer::start();
    let store = RedisStore::connect_trusting(server.url()).await.expect("connect");
    let limiter = Limiter::new(store.clone(), budget());
    let mut held = Vec::new();
    for partition in 0..PARTITIONS {
        let tenant = limiter.for_key(&format!("tenant-{partition}")).expect("a key");
        held.push(tenant.acquire(1).await.expect("a permit"));
    }
    println!("{PARTITIONS} partitions:");
    time(&server, &["list"]);
    time(&server, &["list", "--top", "0", "--json"]);

    let crowd = Budget::builder("crowd").limit(Limit::concurrency("open", 10_000)).build().expect("a budget");
    for _ in 0..SESSIONS {
        let limiter = Limiter::new(store.clone(), crowd.clone());
        held.push(limiter.acquire(1).await.expect("a permit"));
    }
    println!("{SESSIONS} sessions:");
    time(&server, &["inspect", "crowd"]);
    time(&server, &["why", "crowd"]);
    drop(held);
}
