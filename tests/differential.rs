//! Both ledgers, step by step: random limits, costs, times, sessions, losses, repeats and late reports, to the store in
//! memory and to Redis alike. They must answer the same, and show an operator the same.

#[path = "differential/plan.rs"]
mod plan;
mod support;

use std::{sync::Arc, time::Duration};

use paceline::{ManualClock, MemoryStore, RedisStore, Store};
use plan::{Driver, Plan};
use proptest::{prelude::*, test_runner::TestCaseError};

/// One plan on both stores.
async fn run(plan: &Plan, store: &RedisStore, clock: &ManualClock) -> Result<(), TestCaseError> {
    let memory: Arc<dyn Store> = Arc::new(MemoryStore::with_clock(clock.clone()));
    let redis: Arc<dyn Store> = Arc::new(store.clone());
    let address = support::unique("differential");
    let mut driver = Driver::new(plan);
    for (number, step) in plan.steps.iter().enumerate() {
        clock.advance(Duration::from_micros(step.after_us));
        let request = driver.request(step);
        let ours = memory.exchange(&address, &request).await;
        let theirs = redis.exchange(&address, &request).await;
        match (&ours, &theirs) {
            (Ok(ours), Ok(theirs)) => {
                prop_assert_eq!(ours, theirs, "step {} of {:#?}\n{:#?}", number, plan.limits, request)
            }
            (Err(_), Err(_)) => {}
            _ => prop_assert!(false, "step {number}: {ours:?} but {theirs:?}\n{request:#?}"),
        }
        driver.heard(step, &request, ours.ok());
        if number % 4 == 0 {
            let (ours, theirs) = (memory.inspect(&address).await.unwrap(), redis.inspect(&address).await.unwrap());
            prop_assert_eq!(ours, theirs, "what an operator sees after step {}\n{:#?}", number, request);
        }
    }
    Ok(())
}

/// As many plans as `PACELINE_CASES` says, or the `part`-th part of them where each is so much longer.
fn alike(plans: impl Strategy<Value = Plan>, part: u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let clock = ManualClock::new();
    let store = runtime.block_on(RedisStore::connect_with_clock(support::redis_url(), clock.clone())).unwrap();
    let cases = std::env::var("PACELINE_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(400) / part;
    let config =
        ProptestConfig { cases, max_shrink_iters: 4000, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let result = runner.run(&plans, |plan| runtime.block_on(run(&plan, &store, &clock)));
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn both_ledgers_answer_alike() {
    alike(plan::plan(), 1);
}

#[test]
fn long_logs_stay_alike() {
    alike(plan::long(), 4);
}
