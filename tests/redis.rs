//! The store on a real Redis: the ways in, what it leaves there, and how fast what comes free is handed on.
#![cfg(feature = "redis")]

mod support;

#[path = "redis/address.rs"]
mod address;
#[path = "redis/footprint.rs"]
mod footprint;
#[path = "redis/handover.rs"]
mod handover;
#[path = "redis/orders.rs"]
mod orders;
#[path = "redis/raw_requests.rs"]
mod raw_requests;
#[path = "redis/tiers.rs"]
mod tiers;
#[cfg(feature = "tls")]
#[path = "redis/tls.rs"]
mod tls;

use paceline::{Budget, Limit, Limiter, RedisStore};

/// A process of its own, as far as Redis can tell: a store and a limiter of this budget.
async fn process(url: &str, budget: &Budget) -> Limiter {
    Limiter::new(RedisStore::connect(url).await.unwrap(), budget.clone())
}

fn budget(name: &str, limit: Limit) -> Budget {
    Budget::builder(name).limit(limit).build().unwrap()
}
