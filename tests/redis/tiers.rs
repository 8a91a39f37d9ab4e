//! Limits whose quota depends on a tier: each tier counts apart, under keys that Redis takes however long they are.

use paceline::{Budget, Limit, Quota};

use super::process;
use crate::support::{redis_url, unique};

#[tokio::test]
async fn each_tier_counts_apart_for_the_whole_fleet() {
    let (limit, tier) = ("x".repeat(64), "y".repeat(32));
    let minute = Limit::sliding_window(&limit, Quota::per_minute(1)).tiers([(tier.as_str(), 2), ("M", 3)]);
    let budget = Budget::builder(unique("tiers")).limit(minute.scope("operation")).build().unwrap();
    let (one, other) = (process(redis_url(), &budget).await, process(redis_url(), &budget).await);
    // Percent signs make the longest value there may be.
    let operation = "/".repeat(42);
    let [one, other] = [one, other].map(|limiter| limiter.scoped("operation", &operation).unwrap());
    for (tier, quota) in [(tier.as_str(), 2), ("M", 3)] {
        let (one, other) = (one.tier(tier).unwrap(), other.tier(tier).unwrap());
        for _ in 0..quota {
            one.acquire(1).await.unwrap().complete();
        }
        one.flush().await.unwrap();
        assert!(!other.try_acquire(1).await.unwrap().is_granted(), "{tier} is full, for the other process too");
    }
    let report = one.inspect().await.unwrap().unwrap();
    let mut used: Vec<_> = report.limits.iter().map(|limit| (limit.name.clone(), limit.used)).collect();
    used.sort();
    let key = |tier: &str| format!("{limit}@{tier}@{}", "%2F".repeat(42));
    assert_eq!(used, [(key("M"), 3), (key(&tier), 2)]);
}
