//! A small fleet in bad weather: everything that may go wrong does, and the upstream's log must show none of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use paceline::{Budget, CountFrom, Decision, Kind, Limit, Limiter, Permit, Quota};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

use super::{
    upstream::{Arrival, Upstream},
    wire::{Network, Weather, Wire},
};

/// Requests that ask for every limit of the budget, and those that ask for the first only.
const WHOLE: &str = "whole";
const FIRST: &str = "first";

/// What a run goes through.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    pub seed: u64,
    pub seconds: u64,
    pub weather: Weather,
    /// Processes are killed, with permits out, and others come.
    pub deaths: bool,
    /// The store forgets everything so often.
    pub forgets: Option<Duration>,
    /// Callers give up, before and after they have a permit, and responses get lost.
    pub fickle: bool,
    /// The longest way to the upstream, and back.
    pub travel: Duration,
    pub limits: Limits,
    pub count_from: CountFrom,
}

/// Which limits a budget has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limits {
    OneWindow,
    OneBucket,
    /// One to three, of any kind.
    Mixed,
}

impl Storm {
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            seconds: 10,
            weather: Weather::default(),
            deaths: false,
            forgets: None,
            fickle: false,
            travel: Duration::from_millis(400),
            limits: Limits::OneWindow,
            count_from: CountFrom::Response,
        }
    }

    /// What the upstream saw too much of, one line each, and how many requests there were.
    pub fn run(self) -> (Vec<String>, usize) {
        // The library's own dice, too.
        fastrand::seed(self.seed);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(self.drive())
    }

    async fn drive(self) -> (Vec<String>, usize) {
        // Time before the start, so that the store can be older than the run.
        sleep(Duration::from_secs(2)).await;
        let mut random = fastrand::Rng::with_seed(self.seed);
        let network = Network::new(self.weather, random.fork());
        let clock = Wire::new(network.clone());
        let now_us = paceline::Store::clock(&clock).now_us();
        let budget = self.budget(now_us, &mut random);
        let world =
            World { storm: self, budget, network, log: Arc::default(), start: Instant::now(), start_us: now_us };

        let count = random.usize(2..=4);
        let mut processes: Vec<Process> = (0..count).map(|_| world.process(&mut random)).collect();
        for _ in 0..self.seconds * 2 {
            sleep(Duration::from_millis(random.u64(300..=700))).await;
            if self.deaths && random.f64() < 0.2 {
                let victim = random.usize(0..processes.len());
                processes.swap_remove(victim).kill();
                processes.push(world.process(&mut random));
            }
            if self.forgets.is_some_and(|every| random.f64() < 0.5 / every.as_secs_f64()) {
                world.network.forget();
            }
        }
        for process in processes {
            process.kill();
        }
        sleep(Duration::from_secs(1)).await;
        let log = world.log.lock().unwrap();
        let (all, whole) = (log.arrivals(&[WHOLE, FIRST]), log.arrivals(&[WHOLE]));
        let limits = world.budget.limits().iter().enumerate();
        let flaws = limits.filter_map(|(i, limit)| world.exceeded(limit, if i == 0 { &all } else { &whole }));
        (flaws.collect(), all.len())
    }

    fn budget(self, now_us: u64, random: &mut fastrand::Rng) -> Budget {
        let kinds = if self.limits == Limits::Mixed { random.usize(1..=3) } else { 1 };
        let mut budget = Budget::builder("api").count_from(self.count_from);
        for i in 0..kinds {
            let name = format!("limit{i}");
            let (n, per) = (random.u64(2..=9), Duration::from_millis(100 * random.u64(3..=25)));
            let quota = Quota::try_new(n, per).unwrap();
            let kind = match self.limits {
                Limits::OneWindow => 0,
                Limits::OneBucket => 1,
                Limits::Mixed => random.u8(0..4),
            };
            budget = budget.limit(match kind {
                0 => Limit::sliding_window(name, quota),
                1 => Limit::token_bucket(name, quota).burst(random.u64(3..=8)),
                2 => {
                    // The phase depends on the seed, not on the time of day.
                    let phase = random.u64(0..per.as_micros() as u64);
                    let offset = (now_us + phase) % per.as_micros() as u64;
                    Limit::fixed_window(name, quota).offset(Duration::from_micros(offset))
                }
                _ => Limit::concurrency(name, random.u64(2..=4)),
            });
        }
        budget.build().unwrap()
    }
}

#[derive(Clone)]
struct World {
    storm: Storm,
    budget: Budget,
    network: Arc<Network>,
    log: Arc<Mutex<Upstream>>,
    start: Instant,
    start_us: u64,
}

struct Process {
    wire: Wire,
    callers: Vec<JoinHandle<()>>,
}

impl Process {
    fn kill(self) {
        self.wire.die();
        self.callers.iter().for_each(JoinHandle::abort);
    }
}

impl World {
    fn process(&self, random: &mut fastrand::Rng) -> Process {
        let wire = Wire::new(self.network.clone());
        let limiter = Limiter::new(wire.clone(), self.budget.clone());
        let first = self.budget.limits()[0].name().to_owned();
        let callers = (0..random.usize(1..=4)).map(|_| {
            // Some ask for every limit, some for the first only.
            let (limiter, route) =
                if random.f64() < 0.7 { (limiter.clone(), WHOLE) } else { (limiter.only(&[&first]).unwrap(), FIRST) };
            tokio::spawn(self.clone().call(limiter, random.fork(), route))
        });
        Process { callers: callers.collect(), wire }
    }

    async fn call(self, limiter: Limiter, mut random: fastrand::Rng, route: &'static str) {
        loop {
            if random.f64() < 0.1 {
                sleep(Duration::from_millis(random.u64(0..3000))).await;
            }
            // Every bucket holds three at least, other limits two.
            let largest = if self.storm.limits == Limits::OneBucket { 3 } else { 2 };
            let units = if random.f64() < 0.8 { 1 } else { largest };
            let Some(permit) = self.acquire(&limiter, units, &mut random).await else { continue };
            // Between the grant and the request.
            if random.f64() < 0.3 {
                sleep(Duration::from_millis(random.u64(0..150))).await;
            }
            if permit.check().is_err() || (self.storm.fickle && random.f64() < 0.15) {
                permit.cancel();
                continue;
            }
            self.send(route, permit, units, &mut random).await;
        }
    }

    async fn acquire(&self, limiter: &Limiter, units: u64, random: &mut fastrand::Rng) -> Option<Permit> {
        match random.u8(0..10) {
            0..6 => limiter.acquire(units).await.ok(),
            6 => limiter.acquire_within(units, Duration::from_millis(random.u64(1..2000))).await.ok(),
            7 => match limiter.try_acquire(units).await {
                Ok(Decision::Granted(permit)) => Some(permit),
                Ok(Decision::Denied(denial)) => {
                    sleep(denial.retry_after().max(Duration::from_millis(1))).await;
                    None
                }
                Err(_) => None,
            },
            _ => timeout(Duration::from_millis(random.u64(1..1500)), limiter.acquire(units)).await.ok()?.ok(),
        }
    }

    /// What has left the process goes on whatever becomes of it.
    async fn send(&self, route: &'static str, permit: Permit, units: u64, random: &mut fastrand::Rng) {
        let up_to = |random: &mut fastrand::Rng, most: Duration| {
            // Often one of the ends: that is where mistakes show.
            match random.u8(0..4) {
                0 => Duration::ZERO,
                1 => most,
                _ => Duration::from_micros(random.u64(0..=most.as_micros() as u64)),
            }
        };
        let (there, back) = (up_to(random, self.storm.travel), up_to(random, self.storm.travel));
        // Now and then it takes long to answer, as language models do.
        let slow = if self.storm.fickle && random.f64() < 0.2 { 100 } else { 10 };
        let served = Duration::from_millis(random.u64(0..=50) * random.u64(1..=slow));
        // What it really takes is known to the upstream first.
        let truly = if self.storm.fickle { random.u64(1..=units) } else { units };
        let (start, log) = (self.start, self.log.clone());
        let request = tokio::spawn(async move {
            sleep(there).await;
            let at_us = start.elapsed().as_micros() as u64;
            log.lock()
                .unwrap()
                .take(route, Arrival { at_us, units: truly, done_us: at_us + served.as_micros() as u64 });
            sleep(served + back).await;
        });
        if !self.storm.fickle {
            _ = request.await;
            return permit.complete();
        }
        match random.u8(0..10) {
            // The response gets lost: nobody knows until much later.
            0 => sleep(Duration::from_millis(random.u64(3000..8000))).await,
            // The caller gives up, wherever the request is now.
            1 => _ = timeout(Duration::from_millis(random.u64(0..300)), request).await,
            _ => {
                _ = request.await;
                return if truly < units || random.bool() { permit.settle(truly) } else { permit.complete() };
            }
        }
        drop(permit);
    }

    /// What a limit's keeper at the upstream says to all that arrived.
    fn exceeded(&self, limit: &Limit, arrivals: &[Arrival]) -> Option<String> {
        let said = |worst: u64, most: u64| (worst > most).then(|| format!("{limit}: {worst}"));
        match limit.kind() {
            Kind::SlidingWindow { quota } => said(Upstream::worst(arrivals, quota.period()), quota.amount()),
            Kind::FixedWindow { quota, calendar } => {
                let edge = calendar.offset().as_micros() as i64 - self.start_us as i64;
                let skew = calendar.skew().as_micros() as i64;
                let worst = |by: i64| Upstream::worst_between_edges(arrivals, quota.period(), edge + by * skew / 2);
                said((-2..=2).map(worst).max().unwrap_or(0), quota.amount())
            }
            Kind::TokenBucket { refill, burst } => {
                let lowest = Upstream::lowest_level(arrivals, *burst, refill.amount(), refill.period());
                (lowest < 0.0).then(|| format!("{limit}: level {lowest}"))
            }
            // Whoever gives up does not know when the upstream is done: that promise is for those who wait.
            Kind::Concurrency { max } if !self.storm.fickle => said(Upstream::most_at_once(arrivals), *max),
            _ => None,
        }
    }
}
