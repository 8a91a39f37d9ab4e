//! A Redis that goes away and comes back.

use std::time::Duration;

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};

use super::heard;
use crate::support::RedisServer;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_is_lost_and_comes_back_is_told_of_once_each() {
    let mut server = RedisServer::own();
    let limit = Limit::sliding_window("minute", Quota::per_minute(100));
    let budget = Budget::builder("events").limit(limit).build().unwrap();
    let limiter = Limiter::new(RedisStore::connect_trusting(server.url()).await.unwrap(), budget);
    let mut events = limiter.events();
    limiter.acquire(1).await.unwrap().complete();
    limiter.flush().await.unwrap();
    assert!(heard(&mut events).is_empty());
    for _ in 0..2 {
        server.kill();
        // Long enough for several tries.
        limiter.acquire_within(1, SECOND).await.unwrap_err();
        assert_eq!(heard(&mut events), ["lost"]);
        tokio::task::block_in_place(|| server.restart_empty());
        limiter.acquire_within(1, 10 * SECOND).await.unwrap().complete();
        let mut told = heard(&mut events);
        told.sort();
        assert_eq!(told, ["back", "resumed"]);
    }
}
