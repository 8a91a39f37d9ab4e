//! The pacer in front of real HTTP clients and a real server: reqwest, hyper's client through tower, and the examples.

#![cfg(all(feature = "reqwest", feature = "tower", feature = "cli"))]

#[path = "middleware/examples.rs"]
mod examples;
#[path = "middleware/layer.rs"]
mod layer;
#[path = "middleware/obeys.rs"]
mod obeys;
#[path = "middleware/one_for_one.rs"]
mod one_for_one;
#[path = "middleware/opentelemetry.rs"]
mod opentelemetry;
#[path = "middleware/server.rs"]
mod server;
mod support;
#[path = "middleware/traces.rs"]
mod traces;

use std::time::Duration;

use paceline::{Budget, Limit, Limiter, MemoryStore, Pacer, Preset, Quota};

const SECOND: Duration = Duration::from_secs(1);

/// A budget of so many a second.
fn limiter(store: &MemoryStore, quota: u64) -> Limiter {
    let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(quota)));
    Limiter::new(store.clone(), budget.build().unwrap())
}

fn pacer(quota: u64) -> (Pacer, Limiter) {
    let limiter = limiter(&MemoryStore::new(), quota);
    (Pacer::new(limiter.clone()), limiter)
}

/// A provider with one limit, whose response is in with its `"headers"` or its `"body"`; `rules`: more of its file.
fn preset(complete: &str, rules: &str) -> Preset {
    let text = format!(
        r#"
        name = "ours"
        about = "a provider of our own"
        read = 2026-11-23
        sources = ["https://example.com"]
        [[limit]]
        name = "minute"
        kind = "sliding-window"
        quota = 100
        per = "1m"
        [[route]]
        [response]
        complete = "{complete}"
        {rules}
        "#
    );
    Preset::parse(&text).unwrap()
}

/// Units used and in flight of the first limit.
async fn used(limiter: &Limiter) -> (u64, u64) {
    limiter.flush().await.unwrap();
    let report = limiter.inspect().await.unwrap().unwrap();
    (report.limits[0].used, report.limits[0].in_flight)
}
