//! Replicas and their callers, in virtual time.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use indicatif::ProgressBar;
use paceline::{ArrivalWithin, Budget, CountFrom, Limiter, MemoryStore};
use tokio::{
    task::LocalSet,
    time::{Instant, sleep},
};

use super::{
    outcome::Tried,
    upstream::{Allowance, Upstream},
};
use crate::{
    Failure,
    calls::{Kind, Take},
    provider::Delay,
    send::Waits,
};

/// What more calls do is known from so many.
pub const MOST_TRIED: u64 = 200_000;
/// The progress is told of every so many calls.
const TOLD: u64 = 256;

/// How replicas keep to the limits.
#[derive(Clone, Copy)]
pub enum Pace {
    /// With paceline.
    Together,
    /// Each caller sleeps between its calls, so long that its replica alone would keep to the limit of the shortest window.
    Alone { sleep: Duration },
}

impl Pace {
    pub fn alone(load: &Load, callers: u32) -> Self {
        let allowances = load.takes.iter().filter_map(Allowance::of);
        // The shortest window is the one that people have in mind.
        let shortest = allowances.min_by(|a, b| a.per_s.total_cmp(&b.per_s));
        let sleep = shortest.map_or(0.0, |allowance| f64::from(callers) / allowance.rate());
        Self::Alone { sleep: Duration::from_secs_f64(sleep) }
    }
}

/// Calls of one kind on a budget.
#[derive(Clone)]
pub struct Load {
    pub budget: Budget,
    pub kind: Kind,
    pub takes: Vec<Take>,
}

/// Who sends how much.
pub struct Fleet {
    pub load: Load,
    pub calls: u64,
    pub replicas: u32,
    pub callers: u32,
    pub latency: Delay,
    pub pace: Pace,
    pub progress: ProgressBar,
}

/// What the callers share.
struct Shared {
    fleet: Fleet,
    started: Instant,
    started_unix: Duration,
    left: Cell<u64>,
    upstream: RefCell<Upstream>,
    waits: RefCell<Waits>,
    /// When each accepted call was answered.
    answered: RefCell<Vec<Duration>>,
    failure: RefCell<Option<paceline::Error>>,
}

impl Fleet {
    /// Sends all calls. Runs on a paused clock.
    pub async fn run(self) -> Result<Tried, Failure> {
        let store = MemoryStore::new();
        let Load { budget, kind, takes } = &self.load;
        let limiter = |_| kind.of(Limiter::new(store.clone(), budget.clone()));
        let limiters = (0..self.replicas).map(limiter).collect::<Result<Vec<_>, _>>()?;
        let shared = Rc::new(Shared {
            started: Instant::now(),
            started_unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            left: Cell::new(self.calls),
            upstream: RefCell::new(Upstream::of(takes)),
            waits: RefCell::default(),
            answered: RefCell::new(Vec::with_capacity(self.calls as usize)),
            failure: RefCell::default(),
            fleet: self,
        });
        let tasks = LocalSet::new();
        for limiter in &limiters {
            for _ in 0..shared.fleet.callers {
                tasks.spawn_local(shared.clone().caller(limiter.clone()));
            }
        }
        tasks.await;
        shared.fleet.progress.finish_and_clear();
        if let Some(error) = shared.failure.take() {
            return Err(error.into());
        }
        Ok(Tried {
            answered: shared.answered.take(),
            rejected: shared.upstream.borrow().rejected,
            exchanges: limiters.iter().map(Limiter::exchanges).sum(),
            waits: shared.waits.take(),
            hold_s: shared.fleet.hold_s(),
            allowances: shared.fleet.load.takes.iter().filter_map(Allowance::of).collect(),
        })
    }
}

impl Fleet {
    /// How long a unit is in flight, in the mean.
    fn hold_s(&self) -> f64 {
        let latency = (self.latency.least + self.latency.most) / 2;
        let hold = match (self.pace, self.load.budget.count_from(), self.load.budget.arrival_within()) {
            (Pace::Together, CountFrom::Response, ArrivalWithin::Limited(within)) => latency.min(within),
            (Pace::Together, CountFrom::Response, ArrivalWithin::Unbounded) => latency,
            _ => Duration::ZERO,
        };
        hold.as_secs_f64()
    }
}

impl Shared {
    async fn caller(self: Rc<Self>, limiter: Limiter) {
        let cost = self.fleet.load.kind.cost(1);
        while let Some(left) = self.left.get().checked_sub(1) {
            self.left.set(left);
            let since = Instant::now();
            let permit = match self.fleet.pace {
                Pace::Together => match limiter.acquire(cost.clone()).await {
                    Ok(permit) => Some(permit),
                    Err(error) => {
                        *self.failure.borrow_mut() = Some(error);
                        self.left.set(0);
                        return;
                    }
                },
                Pace::Alone { .. } => None,
            };
            loop {
                if let Pace::Alone { sleep: pause } = self.fleet.pace {
                    sleep(pause).await;
                }
                let left_at = Instant::now();
                if self.call().await {
                    self.waits.borrow_mut().record(left_at - since);
                    break;
                }
                // With paceline it is told of the throttle; a trial with one is a trial that failed.
                if permit.is_some() {
                    break;
                }
            }
            if let Some(permit) = permit {
                permit.complete();
            }
        }
    }

    /// One call: there, and back. `false`: it was told 429.
    async fn call(&self) -> bool {
        let Delay { least, most } = self.fleet.latency;
        let way = Delay { least: least / 2, most: most / 2 };
        way.travel().await;
        let accepted = self.upstream.borrow_mut().arrives(self.started_unix + self.started.elapsed());
        if accepted {
            self.upstream.borrow_mut().answers();
        }
        way.travel().await;
        if accepted {
            let mut answered = self.answered.borrow_mut();
            answered.push(self.started.elapsed());
            if (answered.len() as u64).is_multiple_of(TOLD) {
                self.fleet.progress.set_position(answered.len() as u64);
            }
        }
        accepted
    }
}
