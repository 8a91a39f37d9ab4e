//! Many processes with many callers each on one memory store, in virtual time.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use paceline::{Budget, Limiter, MemoryStore};
use tokio::time::{Instant, sleep, timeout};

use super::upstream::Upstream;

/// A fleet and the network between it and the upstream.
#[derive(Clone)]
pub struct Fleet {
    pub budget: Budget,
    pub processes: usize,
    pub callers: usize,
    /// Limits asked for, and the route's name at the upstream; callers of each process are on each of them.
    pub routes: Vec<(&'static str, Option<Vec<&'static str>>)>,
    pub seconds: u64,
    /// Delay each way.
    pub there: (Duration, Duration),
    pub seed: u64,
}

/// What came of a run.
pub struct Seen {
    pub upstream: Upstream,
    pub by_process: Vec<usize>,
    pub exchanges: u64,
    pub mean_hold: Duration,
    pub seconds: u64,
}

impl Fleet {
    pub fn new(budget: Budget) -> Self {
        Self {
            budget,
            processes: 4,
            callers: 4,
            routes: vec![("all", None)],
            seconds: 30,
            there: (Duration::ZERO, Duration::ZERO),
            seed: 1,
        }
    }

    pub fn run(&self) -> Seen {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(self.drive())
    }

    async fn drive(&self) -> Seen {
        let store = MemoryStore::new();
        let start = Instant::now();
        let log = Arc::new(Mutex::new((Upstream::default(), Duration::ZERO, vec![0usize; self.processes])));
        let mut limiters = Vec::new();
        let mut tasks = Vec::new();
        let mut random = fastrand::Rng::with_seed(self.seed);
        for process in 0..self.processes {
            let limiter = Limiter::new(store.clone(), self.budget.clone());
            limiters.push(limiter.clone());
            for (route, only) in &self.routes {
                let limiter = match only {
                    Some(only) => limiter.only(only).unwrap(),
                    None => limiter.clone(),
                };
                for _ in 0..self.callers {
                    let (limiter, log, mut random, there) = (limiter.clone(), log.clone(), random.fork(), self.there);
                    let route = *route;
                    tasks.push(tokio::spawn(async move {
                        let mut delay = move || {
                            let (lo, hi) = (there.0.as_micros() as u64, there.1.as_micros() as u64);
                            Duration::from_micros(random.u64(lo..=hi))
                        };
                        sleep(delay()).await;
                        loop {
                            let permit = limiter.acquire(1).await.unwrap();
                            let granted = Instant::now();
                            sleep(delay()).await;
                            log.lock().unwrap().0.arrive(route, start.elapsed().as_micros() as u64);
                            sleep(delay()).await;
                            {
                                let mut log = log.lock().unwrap();
                                log.1 += granted.elapsed();
                                log.2[process] += 1;
                            }
                            permit.complete();
                        }
                    }));
                }
            }
        }
        let end = start + Duration::from_secs(self.seconds);
        for task in &mut tasks {
            _ = timeout(end.saturating_duration_since(Instant::now()), task).await;
        }
        tasks.iter().for_each(|t| t.abort());
        let exchanges = limiters.iter().map(Limiter::exchanges).sum();
        let log = log.lock().unwrap();
        let answered: usize = log.2.iter().sum();
        Seen {
            upstream: log.0.clone(),
            by_process: log.2.clone(),
            exchanges,
            mean_hold: log.1 / answered.max(1) as u32,
            seconds: self.seconds,
        }
    }
}

impl Seen {
    pub fn jain(&self) -> f64 {
        let sum: f64 = self.by_process.iter().map(|&x| x as f64).sum();
        let squares: f64 = self.by_process.iter().map(|&x| (x * x) as f64).sum();
        sum * sum / self.by_process.len() as f64 / squares.max(1.0)
    }

    pub fn line(&self, limits: &[(&str, u64, Duration)]) -> String {
        let all = self.upstream.arrivals(&["all"]);
        let mut out = String::new();
        for (name, n, window) in limits {
            let share = all.len() as f64 / (*n as f64 * self.seconds as f64 / window.as_secs_f64());
            let bound = window.as_secs_f64() / (window.as_secs_f64() + self.mean_hold.as_secs_f64());
            out += &format!(
                "{name}: worst {}/{n} share {share:.3} of bound {:.3}; ",
                Upstream::worst(&all, *window),
                share / bound
            );
        }
        out + &format!("jain {:.3} exchanges/permit {:.2}", self.jain(), self.exchanges as f64 / all.len() as f64)
    }
}
