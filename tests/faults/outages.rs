//! What callers are told while the store is out of reach, and what it is told afterwards.

use std::time::{Duration, Instant};

use paceline::{Budget, Limit, Limiter, OnStoreError, Quota, RedisStore};
use tokio::time::sleep;

use crate::support::{Mode, Proxy, RedisServer};

const SECOND: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(100);

/// Ten in five seconds, so that what was used is still seen after an outage.
async fn limiter(url: &str, policy: OnStoreError) -> Limiter {
    let quota = Quota::try_new(10, SECOND * 5).unwrap();
    let budget = Budget::builder("outage").limit(Limit::sliding_window("window", quota)).on_store_error(policy);
    let limiter = Limiter::new(RedisStore::connect_trusting(url).await.unwrap(), budget.build().unwrap());
    limiter.acquire(1).await.unwrap().complete();
    limiter.flush().await.unwrap();
    limiter
}

#[tokio::test]
async fn refuse_waits_until_the_deadline_and_then_says_that_the_store_is_gone() {
    let mut server = RedisServer::own();
    let limiter = limiter(server.url(), OnStoreError::Refuse).await;
    server.kill();
    for within in [SECOND / 5, SECOND / 2, SECOND * 3 / 2] {
        let asked = Instant::now();
        let error = limiter.acquire_within(1, within).await.unwrap_err();
        let took = asked.elapsed();
        assert!(took <= within + SLACK && took >= within, "{within:?}: told after {took:?}");
        let place = format!("127.0.0.1:{}", server.port());
        assert!(error.is_store() && error.to_string().contains(&place), "{within:?}: {error}");
    }
}

#[tokio::test]
async fn refuse_goes_on_as_soon_as_the_store_is_back() {
    let mut server = RedisServer::own();
    let limiter = limiter(server.url(), OnStoreError::Refuse).await;
    server.kill();
    let waiter = tokio::spawn(async move { limiter.acquire_within(1, SECOND * 8).await });
    sleep(SECOND).await;
    tokio::task::spawn_blocking(move || {
        server.restart_empty();
        server
    })
    .await
    .map(std::mem::forget)
    .unwrap();
    waiter.await.unwrap().unwrap().complete();
}

#[tokio::test]
async fn a_store_that_is_silent_is_named_when_the_deadline_ends() {
    let server = RedisServer::own();
    let proxy = Proxy::start(server.port()).await;
    let limiter = limiter(&proxy.url(), OnStoreError::Refuse).await;
    proxy.set(Mode::BlackHole);
    for within in [SECOND / 2, SECOND * 2] {
        let asked = Instant::now();
        let error = limiter.acquire_within(1, within).await.unwrap_err();
        assert!(asked.elapsed() <= within + SLACK, "{within:?}: told after {:?}", asked.elapsed());
        let text = error.to_string();
        assert!(text.contains("answer"), "{within:?}: {text}");
    }
}

#[tokio::test]
async fn a_store_that_fell_silent_is_named_even_if_a_limit_was_known_to_bind() {
    let server = RedisServer::own();
    let proxy = Proxy::start(server.port()).await;
    let budget = Budget::builder("silent").limit(Limit::sliding_window("window", Quota::per_second(1)));
    let store = RedisStore::connect_trusting(&proxy.url()).await.unwrap();
    let limiter = Limiter::new(store, budget.build().unwrap());
    limiter.acquire(1).await.unwrap().complete();
    let waiter = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.acquire(1).await }
    });
    sleep(SECOND / 2).await;
    proxy.set(Mode::BlackHole);
    // By now it has asked for its turn, and hears nothing.
    sleep(SECOND * 7 / 10).await;
    let error = limiter.acquire_within(1, SECOND / 5).await.unwrap_err().to_string();
    assert!(error.contains("the store did not answer") && !error.contains("binds"), "{error}");
    waiter.abort();
}

#[tokio::test]
async fn a_second_caller_hears_at_once_that_its_deadline_is_out_of_reach() {
    let server = RedisServer::own();
    let limiter = limiter(server.url(), OnStoreError::Refuse).await;
    limiter.acquire(9).await.unwrap().complete();
    for _ in 0..3 {
        let asked = Instant::now();
        limiter.acquire_within(1, SECOND).await.unwrap_err();
        assert!(asked.elapsed() < SLACK, "told after {:?}", asked.elapsed());
    }
}

#[tokio::test]
async fn allow_lets_through_counts_and_charges_afterwards() {
    let server = RedisServer::own();
    let proxy = Proxy::start(server.port()).await;
    let limiter = limiter(&proxy.url(), OnStoreError::Allow).await;
    assert_eq!(limiter.uncounted(), 0);
    proxy.set(Mode::BlackHole);
    // The first finds out, which takes as long as an answer may; the others follow at once.
    let asked = Instant::now();
    limiter.acquire(1).await.unwrap().complete();
    assert!(asked.elapsed() < SECOND * 3 / 2, "{:?}", asked.elapsed());
    let asked = Instant::now();
    for _ in 0..3 {
        limiter.acquire(1).await.unwrap().complete();
    }
    limiter.acquire(1).await.unwrap().cancel();
    assert!(asked.elapsed() < SECOND / 2, "{:?}", asked.elapsed());
    assert_eq!(limiter.uncounted(), 5);
    proxy.set(Mode::Pass);
    // One before the outage may have left the window; the four that were sent during it are in there.
    let mut used = 0;
    for _ in 0..40 {
        sleep(SECOND / 10).await;
        used = limiter.inspect().await.ok().flatten().map_or(0, |report| report.limits[0].used);
        if used >= 4 {
            break;
        }
    }
    assert!((4..=5).contains(&used), "{used} are used");
    let uncounted = limiter.uncounted();
    limiter.acquire(1).await.unwrap().complete();
    assert_eq!(limiter.uncounted(), uncounted, "counted again");
}
