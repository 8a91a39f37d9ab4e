//! What is counted while a Redis goes away and comes back.

use std::time::Duration;

use paceline::{Budget, Limit, Limiter, OnStoreError, Quota, RedisStore};

use super::{Metrics, counted};
use crate::support::RedisServer;

const SECOND: Duration = Duration::from_secs(1);

async fn on(server: &RedisServer, policy: OnStoreError) -> (Limiter, Metrics) {
    let limit = Limit::sliding_window("minute", Quota::per_minute(100));
    let budget = Budget::builder("store").limit(limit).on_store_error(policy).build().unwrap();
    let (limiter, metrics) = counted(RedisStore::connect_trusting(server.url()).await.unwrap(), budget);
    limiter.acquire(1).await.unwrap().complete();
    limiter.flush().await.unwrap();
    (limiter, metrics)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_lost_is_counted_and_so_is_what_it_is_told_again() {
    let mut server = RedisServer::own();
    let (limiter, metrics) = on(&server, OnStoreError::Refuse).await;
    let of = |name: &str| metrics.value(&format!(r#"paceline_{name}{{budget="store"}}"#));
    assert_eq!((of("store_errors_total"), of("resumes_total")), (0.0, 0.0));
    server.kill();
    limiter.acquire_within(1, SECOND).await.unwrap_err();
    assert!(of("store_errors_total") >= 2.0);
    assert_eq!(metrics.value(r#"paceline_refused_total{budget="store",reason="store"}"#), 1.0);
    tokio::task::block_in_place(|| server.restart_empty());
    limiter.acquire_within(1, 10 * SECOND).await.unwrap().complete();
    assert_eq!((of("resumes_total"), of("permits_total")), (1.0, 2.0));
    // One that was not answered has no latency.
    assert!(of("exchanges_total") >= of("exchange_seconds_count") + of("store_errors_total"));
}

#[tokio::test]
async fn what_goes_uncounted_is_counted_as_that() {
    let mut server = RedisServer::own();
    let (limiter, metrics) = on(&server, OnStoreError::Allow).await;
    server.kill();
    for _ in 0..3 {
        limiter.acquire(1).await.unwrap().complete();
    }
    let of = |name: &str| metrics.value(&format!(r#"paceline_{name}{{budget="store"}}"#));
    assert_eq!((of("uncounted_total"), of("permits_total")), (3.0, 1.0));
}
