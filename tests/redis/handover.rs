//! What comes free goes to the next at once, in whichever process it waits, and nobody waits for nothing.

use std::time::{Duration, Instant};

use paceline::{
    Limit, Quota, RedisStore, Store,
    exchange::{Reply, Request, Terms},
};
use tokio::time::{sleep, timeout};

use super::{budget, process};
use crate::support::{RedisServer, redis_url, unique};

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_cancel_wakes_a_sleeper_of_another_process_at_once() {
    let budget = budget(&unique("cancel"), Limit::sliding_window("minute", Quota::per_minute(1)));
    let (a, b) = (process(redis_url(), &budget).await, process(redis_url(), &budget).await);
    // Its channel is subscribed to in the background.
    sleep(SECOND / 5).await;
    let held = a.acquire(1).await.unwrap();
    let waiter = tokio::spawn(async move { b.acquire(1).await.map(|permit| (Instant::now(), permit)) });
    sleep(SECOND / 5).await;
    let cancelled = Instant::now();
    held.cancel();
    let (at, permit) = timeout(5 * SECOND, waiter).await.expect("it slept on").unwrap().unwrap();
    permit.complete();
    assert!(at - cancelled < SECOND / 4, "woken after {:?}", at - cancelled);
}

#[tokio::test]
async fn a_concurrency_slot_is_handed_on_promptly() {
    let budget = budget(&unique("slot"), Limit::concurrency("calls", 1));
    let (a, b) = (process(redis_url(), &budget).await, process(redis_url(), &budget).await);
    sleep(SECOND / 5).await;
    let mut waits = Vec::new();
    for round in 0..6 {
        let (from, to) = if round % 2 == 0 { (&a, b.clone()) } else { (&b, a.clone()) };
        let held = from.acquire(1).await.unwrap();
        let waiter = tokio::spawn(async move { to.acquire(1).await.map(|permit| (Instant::now(), permit)) });
        // Much longer than the hold that was expected.
        sleep(SECOND / 5).await;
        let done = Instant::now();
        held.complete();
        let (at, permit) = timeout(5 * SECOND, waiter).await.expect("it slept on").unwrap().unwrap();
        permit.complete();
        waits.push(at - done);
    }
    waits.sort();
    assert!(waits[3] < SECOND / 10, "{waits:?}");
}

/// Between a look at the node and the exchange that trusts it, the node may forget, and a budget that others spent from
/// would start anew.
#[tokio::test]
async fn who_looked_before_the_node_forgot_starts_no_budget() {
    let server = RedisServer::own();
    let (early, late) = (RedisStore::connect(server.url()), RedisStore::connect(server.url()));
    let (early, late) = (early.await.unwrap(), late.await.unwrap());
    let request = |node: String| Request {
        session: "s.1".to_owned(),
        seq: 1,
        node,
        settle_us: Some(0),
        lease_us: 5_000_000,
        limits: vec![Terms::Concurrency { key: "calls".to_owned(), max: 1 }],
        ..Request::default()
    };
    let before = early.look().await.unwrap().node;
    server.command(&["FLUSHALL"]);
    assert_eq!(early.exchange("budget", &request(before.clone())).await.unwrap(), Reply::NoState, "no marker");
    let after = late.look().await.unwrap().node;
    assert_eq!(early.exchange("budget", &request(before)).await.unwrap(), Reply::NoState, "another marker");
    assert!(matches!(early.exchange("budget", &request(after)).await.unwrap(), Reply::Done(_)));
}

#[tokio::test]
async fn a_new_redis_costs_the_first_caller_a_second_once() {
    let server = RedisServer::own();
    let store = RedisStore::connect(server.url()).await.unwrap();
    let limiter = |name: &str| paceline::Limiter::new(store.clone(), budget(name, Limit::concurrency("calls", 9)));
    let started = Instant::now();
    limiter("first").acquire(1).await.unwrap().complete();
    let first = started.elapsed();
    assert!((SECOND / 2..SECOND + SECOND / 4).contains(&first), "{first:?}");
    for name in ["second", "third"] {
        let started = Instant::now();
        limiter(name).acquire(1).await.unwrap().complete();
        assert!(started.elapsed() < SECOND / 5, "{name}: {:?}", started.elapsed());
    }
    // Another process, too, knows that Redis by its marker.
    let started = Instant::now();
    process(server.url(), &budget("fourth", Limit::concurrency("calls", 9))).await.acquire(1).await.unwrap().complete();
    assert!(started.elapsed() < SECOND / 5, "{:?}", started.elapsed());
}
