//! A throttle stops the whole fleet, and what comes after it comes little by little.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// When each request was sent and when it arrived, in milliseconds from the start.
type Sent = Arc<Mutex<Vec<(u128, u128)>>>;

/// Eight processes of eight callers on 50/s, at a provider that rejects what arrives in `rejects` (from, to) and asks
/// for a wait of 10 s, or says nothing of how long.
async fn fleet(rejects: (u128, u128), says: Option<Duration>) -> Vec<(u128, u128)> {
    let store = MemoryStore::new();
    let budget = Budget::builder("api").limit(Limit::sliding_window("key", Quota::per_second(50))).build().unwrap();
    let (start, log) = (Instant::now(), Sent::default());
    let mut random = fastrand::Rng::with_seed(7);
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let limiter = Limiter::new(store.clone(), budget.clone());
        for _ in 0..8 {
            let (limiter, log, mut random) = (limiter.clone(), log.clone(), random.fork());
            tasks.push(tokio::spawn(async move {
                let mut delay = move || Duration::from_millis(random.u64(5..=50));
                loop {
                    let permit = limiter.acquire(1).await.unwrap();
                    let sent = start.elapsed().as_millis();
                    sleep(delay()).await;
                    let arrived = start.elapsed().as_millis();
                    log.lock().unwrap().push((sent, arrived));
                    sleep(delay()).await;
                    if (rejects.0..rejects.1).contains(&arrived) { permit.throttled(says) } else { permit.complete() }
                }
            }));
        }
    }
    sleep(30 * SECOND).await;
    for task in tasks {
        task.abort();
        _ = timeout(SECOND, task).await;
    }
    let mut log = std::mem::take(&mut *log.lock().unwrap());
    log.sort_unstable();
    log
}

#[tokio::test(start_paused = true)]
async fn after_the_first_throttle_nobody_sends_but_what_was_on_its_way() {
    let log = fleet((5000, 5300), Some(10 * SECOND)).await;
    let first = log.iter().filter(|(_, at)| (5000..5300).contains(at)).map(|&(_, at)| at).min().unwrap();
    // The answer takes 50 ms at most; from then on the fleet knows. (One exchange, which takes no time here.)
    let told = first + 50;
    let after: Vec<_> = log.iter().filter(|(sent, _)| (told + 1..first + 10_000).contains(sent)).collect();
    assert!(after.is_empty(), "{} were sent after the fleet was told: {after:?}", after.len());
    let next = log.iter().map(|(sent, _)| *sent).filter(|&sent| sent >= first + 10_000).min().unwrap();
    assert!(next <= first + 10_000 + 60, "the pause ended {} ms late", next - first - 10_000);
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_one_goes_first_then_more_and_more_then_all() {
    let log = fleet((5000, 5300), Some(10 * SECOND)).await;
    let sent: Vec<_> = log.iter().map(|(sent, _)| *sent).filter(|&sent| sent > 10_000).collect();
    let probe = sent[0];
    let in_flight = |from, to| log.iter().filter(|(s, _)| (from..to).contains(s)).count();
    assert_eq!(in_flight(probe, probe + 10), 1, "one goes first: {:?}", &sent[..8]);
    let arrived = log.iter().filter(|(_, at)| (16_000..29_000).contains(at)).count();
    // A second later nearly all that the delays leave (50 in 1.055 s) is used again.
    assert!(arrived as f64 >= 0.93 * 13.0 * 50.0 / 1.055, "{arrived} in 13 s");
}

#[tokio::test(start_paused = true)]
async fn while_the_provider_says_only_no_the_pauses_grow() {
    let log = fleet((5000, 60_000), None).await;
    let first = log.iter().filter(|(_, at)| *at >= 5000).map(|&(_, at)| at).min().unwrap();
    let probes: Vec<_> = log.iter().map(|(sent, _)| *sent).filter(|&sent| sent > first + 100).collect();
    // After 1 s, 2 s, 4 s and 8 s one goes, and hears no.
    assert_eq!(probes.len(), 4, "{probes:?}");
    for (i, pair) in probes.windows(2).enumerate() {
        let pause = u128::from(2000u32 << i);
        assert!((pause..pause + 150).contains(&(pair[1] - pair[0])), "{probes:?}");
    }
}
