//! What one permit costs, always beside something run at the same time on the same machine: `cargo bench --bench engine`.
//! Ratios are printed, nothing is asserted.

#[path = "engine/cost.rs"]
mod cost;
#[path = "engine/peers.rs"]
mod peers;
#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use peers::SmallScript;
use support::RedisServer;

/// How long each rate is measured.
const RUN: Duration = Duration::from_secs(3);
const ROUNDS: usize = 7;

#[tokio::main]
async fn main() {
    // A word on the command line picks what is measured.
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
    let wants = |what: &str| wanted.as_deref().is_none_or(|wanted| what.contains(wanted));
    let server = RedisServer::start();
    println!("Redis on loopback, {} cores\n", std::thread::available_parallelism().map_or(0, usize::from));
    let store = RedisStore::connect_trusting(server.url()).await.expect("connect");
    if wants("lone") {
        lone(&store).await;
    }
    if wants("crowd") {
        wake_up(&server, &store).await;
    }
    for callers in [256, 2000] {
        if wants("crowd") {
            crowd(&server, &store, callers).await;
        }
    }
    if wants("quota") {
        cost::by_quota(&server, &store).await;
    }
    if wants("sessions") {
        cost::by_sessions(&server, &store).await;
    }
}

fn wide(name: &str) -> Budget {
    let limit = Limit::sliding_window("wide", Quota::per_second(100_000_000));
    Budget::builder(support::unique(name)).limit(limit).build().expect("a budget")
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort_unstable();
    all[all.len() / 2]
}

/// One acquire at a time, in turn with a PING.
async fn lone(store: &RedisStore) {
    let limiter = Limiter::new(store.clone(), wide("lone"));
    let (mut acquires, mut pings) = (Vec::new(), Vec::new());
    for round in 0..6000 {
        let start = Instant::now();
        let permit = limiter.acquire(1).await.expect("a permit");
        let acquire = start.elapsed();
        drop(permit);
        let ping = store.ping().await.expect("an answer");
        if round > 500 {
            acquires.push(acquire);
            pings.push(ping);
        }
    }
    let (acquire, ping) = (median(acquires), median(pings));
    println!("one lone acquire, median: {acquire:?}; PING on the same connection: {ping:?}");
    println!("    ratio {:.2}\n", acquire.as_secs_f64() / ping.as_secs_f64());
}

/// What it costs Redis to be woken at all, which each exchange does: the calls of many callers side by side keep it awake.
async fn wake_up(server: &RedisServer, store: &RedisStore) {
    let handle = store.clone();
    let ping = move || {
        let store = handle.clone();
        async move { _ = store.ping().await.expect("an answer") }
    };
    let pings = peers::rate(server, 1, RUN, ping).await;
    println!("one PING after another: {:.0} us of Redis CPU each, most of it to wake up\n", pings.cpu_us());
}

/// Many callers at once, against one script call per permit on one connection with as many callers.
async fn crowd(server: &RedisServer, store: &RedisStore, callers: usize) {
    let limiter = Limiter::new(store.clone(), wide("crowd"));
    for (peer, text) in
        [("the smallest script that keeps a rate", peers::PACE), ("a script that only counts", peers::COUNTER)]
    {
        let small = SmallScript::connect(server.url(), text).await;
        let (mut rates, mut cpus) = (Vec::new(), Vec::new());
        println!("{callers} callers, a permit each time, against {peer}:");
        for _ in 0..ROUNDS {
            let before = limiter.exchanges();
            let handle = limiter.clone();
            let acquire = move || {
                let limiter = handle.clone();
                async move { drop(limiter.acquire(1).await.expect("a permit")) }
            };
            let ours = peers::rate(server, callers, RUN, acquire).await;
            let exchanges = (limiter.exchanges() - before) as f64 / ours.calls as f64;
            let handle = small.clone();
            let theirs = peers::rate(server, callers, RUN, move || handle.clone().call()).await;
            println!(
                "    {:.0} a second, {exchanges:.4} exchanges and {:.2} us of Redis CPU each; script: {:.0} a second, {:.2} us",
                ours.per_second(),
                ours.cpu_us(),
                theirs.per_second(),
                theirs.cpu_us()
            );
            rates.push(ours.per_second() / theirs.per_second());
            cpus.push(theirs.cpu_us() / ours.cpu_us());
        }
        rates.sort_by(f64::total_cmp);
        cpus.sort_by(f64::total_cmp);
        println!(
            "    ratio {:.1} in permits, 1/{:.0} in Redis CPU (medians of {ROUNDS})\n",
            rates[ROUNDS / 2],
            cpus[ROUNDS / 2]
        );
    }
}
