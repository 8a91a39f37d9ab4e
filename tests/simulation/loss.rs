//! What a store forgot is told it again, also by those who had nothing more to do.

use std::time::Duration;

use paceline::{Budget, Limit, Limiter, Quota};
use tokio::time::{Instant, sleep, timeout};

use super::wire::{Network, Weather, Wire};

const SECOND: Duration = Duration::from_secs(1);

fn network() -> std::sync::Arc<Network> {
    Network::new(Weather { delay: Duration::from_millis(2), ..Weather::default() }, fastrand::Rng::with_seed(1))
}

fn limiter(network: &std::sync::Arc<Network>, limit: Limit) -> Limiter {
    Limiter::new(Wire::new(network.clone()), Budget::builder("api").limit(limit).build().unwrap())
}

/// How many permits there are within a while; each is answered at once.
async fn taken(limiter: &Limiter, within: Duration) -> usize {
    let (end, mut taken) = (Instant::now() + within, 0);
    while let Ok(permit) = timeout(end.saturating_duration_since(Instant::now()), limiter.acquire(1)).await {
        permit.unwrap().complete();
        taken += 1;
    }
    taken
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_long_done_still_tells_what_it_used() {
    sleep(2 * SECOND).await;
    let network = network();
    let window = Limit::sliding_window("minute", Quota::per_minute(10));
    let (a, b) = (limiter(&network, window.clone()), limiter(&network, window));
    assert_eq!(taken(&a, SECOND).await, 10);
    sleep(5 * SECOND).await;
    network.forget();
    assert_eq!(taken(&b, 20 * SECOND).await, 0, "all ten were used within the minute");
}

#[tokio::test(start_paused = true)]
async fn grants_resume_a_second_after_a_loss_and_a_window() {
    sleep(2 * SECOND).await;
    let network = network();
    let window = Limit::sliding_window("spike", Quota::per_second(5));
    let (a, b) = (limiter(&network, window.clone()), limiter(&network, window));
    assert_eq!(taken(&a, SECOND / 2).await + taken(&b, SECOND / 4).await, 5);
    network.forget();
    let lost = Instant::now();
    a.acquire(1).await.unwrap().complete();
    assert!(lost.elapsed() <= 2 * SECOND, "{:?}", lost.elapsed());
}

#[tokio::test(start_paused = true)]
async fn permits_that_are_out_survive_a_loss() {
    sleep(2 * SECOND).await;
    let network = network();
    let calls = Limit::concurrency("calls", 2);
    let (a, b) = (limiter(&network, calls.clone()), limiter(&network, calls));
    let held = [a.acquire(1).await.unwrap(), a.acquire(1).await.unwrap()];
    sleep(3 * SECOND).await;
    network.forget();
    assert_eq!(taken(&b, 10 * SECOND).await, 0, "both calls are still open");
    drop(held);
    timeout(SECOND, b.acquire(1)).await.unwrap().unwrap().complete();
}
