//! Somebody else spends half of the key for ten minutes, and no header tells of him.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
use tokio::time::{Instant, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);
const MINUTES: u32 = 10;

/// The provider's own window of a second, and what it said.
#[derive(Default)]
struct Provider {
    quota: usize,
    accepted: VecDeque<Instant>,
    ours: u64,
    rejected: u64,
    /// When it said so last.
    no: Option<Instant>,
    too_early: u64,
}

impl Provider {
    /// Whether a call is accepted now.
    fn accepts(&mut self) -> bool {
        let now = Instant::now();
        while self.accepted.front().is_some_and(|at| *at + SECOND <= now) {
            self.accepted.pop_front();
        }
        let room = self.accepted.len() < self.quota;
        if room {
            self.accepted.push_back(now);
        }
        room
    }

    /// The same of one of our calls, which was sent then.
    fn answers(&mut self, sent: Instant) -> bool {
        let accepted = self.accepts();
        // A hundred milliseconds later everybody has been told.
        let told = |no: Instant| (no + SECOND / 10..no + SECOND).contains(&sent);
        self.too_early += u64::from(self.no.is_some_and(told));
        if accepted {
            self.ours += 1;
        } else {
            self.rejected += 1;
            // What was on its way with it is told the same.
            self.no = self.no.filter(|no| no.elapsed() < SECOND).or(Some(Instant::now()));
        }
        accepted
    }
}

/// Four processes of four callers beside him; what came of it.
async fn beside_a_stranger(quota: u64, seed: u64) -> (u64, u64, u64) {
    let store = MemoryStore::new();
    let limit = Limit::sliding_window("key", Quota::per_second(quota));
    let budget = Budget::builder("api").limit(limit).strangers(true).build().unwrap();
    let provider = Arc::new(Mutex::new(Provider { quota: quota as usize, ..Provider::default() }));
    let mut random = fastrand::Rng::with_seed(seed);
    // The limiter's own draws, too.
    fastrand::seed(seed);
    let mut tasks = Vec::new();
    let (his, gap) = (provider.clone(), SECOND * 2 / quota as u32);
    tasks.push(tokio::spawn(async move {
        loop {
            _ = his.lock().unwrap().accepts();
            sleep(gap).await;
        }
    }));
    sleep(2 * SECOND).await;
    for _ in 0..4 {
        let limiter = Limiter::new(store.clone(), budget.clone());
        for _ in 0..4 {
            let (limiter, provider, mut random) = (limiter.clone(), provider.clone(), random.fork());
            tasks.push(tokio::spawn(async move {
                let mut delay = move || Duration::from_millis(random.u64(5..=50));
                loop {
                    let permit = limiter.acquire(1).await.unwrap();
                    let sent = Instant::now();
                    sleep(delay()).await;
                    let accepted = provider.lock().unwrap().answers(sent);
                    sleep(delay()).await;
                    if accepted { permit.complete() } else { permit.throttled(Some(SECOND)) }
                }
            }));
        }
    }
    sleep(MINUTES * 60 * SECOND).await;
    for task in tasks {
        task.abort();
        _ = timeout(SECOND, task).await;
    }
    let provider = provider.lock().unwrap();
    (provider.ours, provider.rejected, provider.too_early)
}

#[tokio::test(start_paused = true)]
async fn few_calls_find_out_about_him_and_what_he_leaves_is_used() {
    for (quota, seed) in [(5, 1), (10, 2), (10, 3), (50, 4), (100, 5)] {
        let (ours, rejected, too_early) = beside_a_stranger(quota, seed).await;
        let left = quota * 60 * u64::from(MINUTES) / 2;
        println!("{quota}/s: {ours} of {left} accepted, {rejected} rejected");
        assert_eq!(too_early, 0, "{quota}/s");
        // About one in a hundred where a window has 5, 9 to 12 in ten minutes; where it has more, far fewer.
        assert!(rejected * 80 < ours, "{quota}/s: {rejected} of {ours}");
        assert!(ours * 10 >= left * 7, "{quota}/s: {ours} of {left}");
    }
}
