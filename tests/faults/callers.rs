//! What callers may do at any moment: leave, give back, come late, ask for too much.

use std::time::{Duration, Instant};

use futures::future::join_all;
use paceline::{Budget, Decision, Limit, Limiter, ManualClock, MemoryStore, Quota, RedisStore};
use tokio::time::{sleep, timeout};

use crate::support::{redis_url, unique};

const SECOND: Duration = Duration::from_secs(1);

fn window(n: u64, per: Duration) -> Budget {
    let limit = Limit::sliding_window("window", Quota::try_new(n, per).unwrap());
    Budget::builder(unique("callers")).limit(limit).build().unwrap()
}

async fn limiter(budget: Budget) -> Limiter {
    Limiter::new(RedisStore::connect_trusting(redis_url()).await.unwrap(), budget)
}

async fn used(limiter: &Limiter) -> (u64, u64) {
    limiter.flush().await.unwrap();
    let report = limiter.inspect().await.unwrap().unwrap();
    (report.limits[0].used, report.limits[0].in_flight)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn futures_dropped_at_any_moment_leave_the_line_and_hold_nothing() {
    let budget = window(20, SECOND / 5);
    let limiters = [limiter(budget.clone()).await, limiter(budget).await];
    let callers = (0..60).map(|i| {
        let limiter = limiters[i % 2].clone();
        tokio::spawn(async move {
            for _ in 0..25 {
                let patience = Duration::from_micros(fastrand::u64(0..40_000));
                // Whoever is lucky gives it back: nothing may be left of any of it.
                if let Ok(Ok(permit)) = timeout(patience, limiter.acquire(fastrand::u64(1..4))).await {
                    permit.cancel();
                }
            }
        })
    });
    join_all(callers).await.into_iter().for_each(Result::unwrap);
    sleep(SECOND / 5).await;
    for limiter in &limiters {
        limiter.flush().await.unwrap();
    }
    let report = limiters[0].inspect().await.unwrap().unwrap();
    let limit = &report.limits[0];
    assert_eq!((limit.waiting, limit.in_flight, limit.used, limit.free), (0, 0, 0, 20), "{report:?}");
    assert!(report.sessions.iter().all(|s| s.waiting == 0 && s.held == 0), "{report:?}");
}

#[tokio::test]
async fn a_permit_ends_as_it_says() {
    let limiter = limiter(window(10, SECOND * 60)).await;
    limiter.acquire(3).await.unwrap().complete();
    assert_eq!(used(&limiter).await, (3, 0));
    limiter.acquire(3).await.unwrap().cancel();
    assert_eq!(used(&limiter).await, (3, 0));
    limiter.acquire(4).await.unwrap().settle(1);
    assert_eq!(used(&limiter).await, (4, 0));
    limiter.acquire(1).await.unwrap().settle(3);
    assert_eq!(used(&limiter).await, (7, 0));
    let permit = limiter.acquire(1).await.unwrap();
    assert_eq!(used(&limiter).await, (7, 1));
    drop(permit);
    // Sent, but nobody knows whether it has arrived: held until it must have.
    assert_eq!(used(&limiter).await, (7, 1));
    sleep(Duration::from_millis(600)).await;
    assert_eq!(used(&limiter).await, (8, 0));
}

#[tokio::test]
async fn a_permit_that_is_too_old_may_not_be_sent() {
    let limiter = limiter(window(2, SECOND)).await;
    let permit = limiter.acquire(1).await.unwrap();
    permit.check().unwrap();
    assert!(permit.send_within().unwrap() <= Duration::from_millis(100));
    sleep(Duration::from_millis(150)).await;
    let error = permit.check().unwrap_err();
    assert!(error.is_expired() && error.to_string().contains("100 ms"), "{error}");
    permit.cancel();
    // A refund rather than a use, though the request must have arrived by now had it been sent.
    sleep(Duration::from_millis(500)).await;
    assert_eq!(used(&limiter).await, (0, 0));
}

#[tokio::test]
async fn a_deadline_that_cannot_be_met_is_refused_at_once() {
    let limiter = limiter(window(1, SECOND * 30)).await;
    limiter.acquire(1).await.unwrap().complete();
    let asked = Instant::now();
    let error = limiter.acquire_within(1, SECOND * 5).await.unwrap_err();
    assert!(error.is_too_late() && error.to_string().contains("window"), "{error}");
    assert!(asked.elapsed() < SECOND / 2, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn one_who_cannot_wait_is_refused_without_a_call_while_others_wait() {
    let limiter = limiter(window(1, SECOND * 30)).await;
    limiter.acquire(1).await.unwrap().complete();
    let waiting = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.acquire(1).await }
    });
    sleep(SECOND / 5).await;
    let before = limiter.exchanges();
    for _ in 0..100 {
        let Decision::Denied(denial) = limiter.try_acquire(1).await.unwrap() else { panic!("granted") };
        assert!(denial.limit() == "window" && denial.retry_after() > SECOND * 20, "{denial:?}");
    }
    assert_eq!(limiter.exchanges(), before);
    waiting.abort();
}

#[tokio::test]
async fn the_queue_is_bounded() {
    let limiter = Limiter::new(MemoryStore::with_clock(ManualClock::new()), window(1, SECOND));
    limiter.acquire(1).await.unwrap().complete();
    let mut waiting: Vec<_> = (0..100_000).map(|_| Box::pin(limiter.acquire(1))).collect();
    for future in &mut waiting {
        assert!(futures::poll!(future).is_pending());
    }
    let error = limiter.acquire(1).await.unwrap_err();
    assert!(error.is_queue_full() && error.to_string().contains("100000"), "{error}");
    drop(waiting.pop());
    assert!(timeout(SECOND / 20, limiter.acquire(1)).await.is_err(), "there is a place again, and it waits");
}
