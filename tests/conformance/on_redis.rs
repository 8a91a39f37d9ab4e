//! The tree on a real Redis, whose scripts take their time from the test.

use std::sync::Arc;

use paceline::{
    ManualClock, RedisStore, Store,
    exchange::{Ask, Request, Terms},
};

use crate::support::{redis_url, shared_redis, unique};

#[path = "tree.rs"]
mod tree;

/// A store that lives by `clock`.
async fn store(clock: &ManualClock) -> Arc<dyn Store> {
    Arc::new(RedisStore::connect_with_clock(redis_url(), clock.clone()).await.unwrap())
}

/// upstash/ratelimit sets its expiry only when a window begins with a cost of one: others stay for ever.
#[tokio::test]
async fn nothing_stays_in_redis_for_ever_however_it_began() {
    let store = store(&ManualClock::new()).await;
    let address = unique("expiry");
    let fixed = Terms::FixedWindow {
        key: "minute".to_owned(),
        quota: 10,
        per_us: 60_000_000,
        skew_us: 0,
        offset_us: 0,
        edges: None,
    };
    let mut request = tree::next("a", 0, &[fixed, Terms::Concurrency { key: "calls@here".to_owned(), max: 5 }]);
    request.classes = vec![vec![(0, 3), (1, 3)]];
    request.asks = vec![Ask { route: 0, wait: true, runs: vec![(0, 9)] }];
    for seq in 1..=3 {
        request = Request { seq, acked: seq - 1, ..request };
        store.exchange(&address, &request).await.unwrap();
        let keys = shared_redis().command(&["KEYS", &format!("*{address}*")]);
        assert_eq!(keys.lines().count(), 2, "{keys}");
        for key in keys.lines() {
            let left: i64 = shared_redis().command(&["PTTL", key]).parse().unwrap();
            assert!(left > 60_000, "{key} lives for {left} ms more");
        }
    }
}
