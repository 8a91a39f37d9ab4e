//! Load from several processes (as far as Redis can tell) on one budget, and the upstream that counts it.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use tokio::{task::JoinHandle, time::sleep};

/// The window of the tests, and what fits in it.
pub const QUOTA: usize = 10;
pub const WINDOW: Duration = Duration::from_millis(500);
/// A caller waits so long, and how much later it may be told at the latest.
const PATIENCE: Duration = Duration::from_millis(400);
const SLACK: Duration = Duration::from_millis(100);

pub fn budget(name: &str) -> Budget {
    let quota = Quota::try_new(QUOTA as u64, WINDOW).unwrap();
    Budget::builder(name).limit(Limit::sliding_window("window", quota)).build().unwrap()
}

/// When requests arrived. It shares nothing with the limiter.
#[derive(Debug, Clone, Default)]
pub struct Upstream(Arc<Mutex<Vec<Instant>>>);

impl Upstream {
    pub fn arrive(&self) {
        // The time is taken under the lock, so that the log is in order.
        let mut log = self.0.lock().unwrap();
        log.push(Instant::now());
    }

    pub fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    /// The first arrival after a moment.
    pub fn first_after(&self, moment: Instant) -> Option<Instant> {
        self.0.lock().unwrap().iter().find(|at| **at > moment).copied()
    }

    /// # Panics
    /// When any window held more than the quota.
    #[track_caller]
    pub fn assert_never_exceeded(&self) {
        let log = self.0.lock().unwrap();
        for (i, at) in log.iter().enumerate() {
            let inside = log[..=i].iter().rev().take_while(|earlier| *at - **earlier < WINDOW).count();
            assert!(inside <= QUOTA, "{inside} arrivals within {WINDOW:?}, of {} in all", log.len());
        }
    }
}

/// Callers that never stop asking.
pub struct Load {
    pub upstream: Upstream,
    pub limiters: Vec<Limiter>,
    callers: Vec<JoinHandle<()>>,
    late: Arc<Mutex<Vec<Duration>>>,
}

impl Load {
    pub async fn start(urls: &[String], budget: &Budget, callers: usize) -> Self {
        let (upstream, late) = (Upstream::default(), Arc::new(Mutex::new(Vec::new())));
        let (mut limiters, mut tasks) = (Vec::new(), Vec::new());
        for url in urls {
            let limiter = Limiter::new(RedisStore::connect(url).await.unwrap(), budget.clone());
            for _ in 0..callers {
                tasks.push(tokio::spawn(call(limiter.clone(), upstream.clone(), late.clone())));
            }
            limiters.push(limiter);
        }
        Self { upstream, limiters, callers: tasks, late }
    }

    /// Stops, and sees that nothing was exceeded, nobody hung and all of the budget comes back.
    pub async fn finish(self) {
        self.callers.iter().for_each(JoinHandle::abort);
        self.upstream.assert_never_exceeded();
        let late = self.late.lock().unwrap().clone();
        assert!(late.is_empty(), "told too late: {late:?}");
        for limiter in &self.limiters {
            limiter.flush().await.unwrap();
        }
        sleep(WINDOW * 2).await;
        let report = self.limiters[0].inspect().await.unwrap().expect("there is a state");
        let limit = &report.limits[0];
        assert_eq!((limit.in_flight, limit.free, limit.waiting), (0, QUOTA as u64, 0), "{report:?}");
    }
}

async fn call(limiter: Limiter, upstream: Upstream, late: Arc<Mutex<Vec<Duration>>>) {
    let travel = || Duration::from_millis(fastrand::u64(0..15));
    loop {
        let asked = Instant::now();
        let permit = limiter.acquire_within(1, PATIENCE).await;
        if asked.elapsed() > PATIENCE + SLACK {
            late.lock().unwrap().push(asked.elapsed());
        }
        let Ok(permit) = permit else {
            sleep(Duration::from_millis(5)).await;
            continue;
        };
        if permit.check().is_err() {
            permit.cancel();
            continue;
        }
        sleep(travel()).await;
        upstream.arrive();
        sleep(travel()).await;
        permit.complete();
    }
}
