//! What stands in Redis: little, and never for ever.

use std::time::Duration;

use futures::future::join_all;
use paceline::{
    Budget, Limit, Limiter, ManualClock, Quota, RedisStore, Store,
    exchange::{Complete, Part, Reply, Request, Terms},
};

use super::{budget, process};
use crate::support::{RedisServer, redis_url, shared_redis, unique};

/// Uses up a whole budget with many callers, who answer at different times.
async fn fill(limiter: &Limiter, permits: u64, at_once: u64) {
    let callers = (0..at_once).map(|_| async {
        for _ in 0..permits / at_once {
            let permit = limiter.acquire(1).await.unwrap();
            tokio::time::sleep(Duration::from_micros(fastrand::u64(0..2000))).await;
            permit.complete();
        }
    });
    join_all(callers).await;
    limiter.flush().await.unwrap();
}

fn memory(name: &str) -> u64 {
    let key = format!("pl:1:{{{name}}}");
    shared_redis().command(&["MEMORY", "USAGE", &key, "SAMPLES", "0"]).parse().unwrap()
}

#[tokio::test]
async fn a_full_window_of_a_thousand_takes_less_than_16_kib() {
    let name = unique("thousand");
    let hour = Limit::sliding_window("hour", Quota::per_hour(1000));
    let limiter = process(redis_url(), &budget(&name, hour)).await;
    // Forty at a time, so that their landings are many entries, not few.
    fill(&limiter, 1000, 40).await;
    assert!(!limiter.try_acquire(1).await.unwrap().is_granted(), "it is full");
    assert!(memory(&name) <= 16 * 1024, "{} bytes", memory(&name));
}

#[tokio::test]
async fn a_window_of_a_million_takes_less_than_64_kib() {
    let name = unique("million");
    let store = RedisStore::connect_with_clock(redis_url(), ManualClock::new()).await.unwrap();
    let hour = 3_600_000_000;
    let limit = Terms::SlidingWindow { key: "hour".to_owned(), quota: 1_000_000, per_us: hour };
    let (exchanges, reports) = (40, 256);
    for seq in 1..=exchanges {
        // Reports of all ages, so that every place of the merged log is taken.
        let report = |i: u64| {
            let age_us = (seq * reports + i) * (hour / ((exchanges + 1) * reports + reports));
            Complete { class: 0, count: 90, age_us, hold_us: 0, part: Part::Whole }
        };
        let request = Request {
            session: "a.1".to_owned(),
            seq,
            acked: seq - 1,
            node: "n".to_owned(),
            settle_us: Some(0),
            lease_us: hour,
            limits: vec![limit.clone()],
            classes: vec![vec![(0, 1)]],
            completes: (0..reports).map(report).collect(),
            ..Request::default()
        };
        let reply = store.exchange(&name, &request).await.unwrap();
        let Reply::Done(done) = reply else { panic!("{reply:?}") };
        assert_eq!(done.free[0], 1_000_000 - (seq * reports * 90) as i64);
    }
    assert!((8 * 1024..=64 * 1024).contains(&memory(&name)), "{} bytes", memory(&name));
}

#[tokio::test]
async fn every_key_has_an_expiry() {
    let server = RedisServer::own();
    let budget = Budget::builder("expiry")
        .limit(Limit::concurrency("calls", 2))
        .limit(Limit::sliding_window("spike", Quota::per_second(3)).scope("endpoint"))
        .limit(Limit::fixed_window("day", Quota::per_day(100)))
        .limit(Limit::token_bucket("bucket", Quota::per_minute(60)))
        .build()
        .unwrap();
    let limiter = process(server.url(), &budget).await.for_key("tenant").unwrap().scoped("endpoint", "a").unwrap();
    let held = limiter.acquire(2).await.unwrap();
    // One that waits stands in the line, too.
    _ = limiter.acquire_within(1, Duration::from_millis(200)).await;
    let waiting = tokio::time::timeout(Duration::from_millis(200), limiter.acquire(1)).await;
    assert!(waiting.is_err());
    let keys = server.command(&["KEYS", "*"]);
    assert!(keys.lines().count() >= 3, "{keys}");
    for key in keys.lines() {
        let left: i64 = server.command(&["PTTL", key]).parse().unwrap();
        assert!(left > 0, "{key}: {left}");
    }
    held.complete();
}
