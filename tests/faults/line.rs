//! Nobody asks Redis over and over while it waits.

use std::time::Duration;

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use tokio::time::sleep;

use crate::support::{redis_url, unique};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn small_requests_do_not_poll_while_units_are_kept_for_a_large_one() {
    let bucket = Limit::token_bucket("bucket", Quota::per_second(4)).burst(4);
    let budget = Budget::builder(unique("poll")).limit(bucket).build().unwrap();
    let mut limiters = Vec::new();
    let mut tasks = Vec::new();
    for units in [1, 1, 3, 4] {
        let limiter = Limiter::new(RedisStore::connect_trusting(redis_url()).await.unwrap(), budget.clone());
        limiters.push(limiter.clone());
        tasks.push(tokio::spawn(async move {
            loop {
                limiter.acquire(units).await.unwrap().complete();
            }
        }));
    }
    sleep(Duration::from_secs(5)).await;
    tasks.iter().for_each(|task| task.abort());
    let exchanges: u64 = limiters.iter().map(Limiter::exchanges).sum();
    // Some twenty units came back, so there were ten to twenty grants.
    assert!(exchanges <= 120, "{exchanges} exchanges in five seconds");
}
