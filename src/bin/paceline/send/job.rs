//! The callers of one job and the loop that each of them runs.

use std::{
    error::Error,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Pace, Summary, Target};
use crate::stop::Stop;

/// How long calls that are under way have to end once a stop is asked for.
const GRACE: Duration = Duration::from_secs(2);
/// How long the last report to the store may take.
const FLUSH: Duration = Duration::from_secs(2);
/// A refusal may come at once, and what was refused now would be so again a moment later: no caller asks faster.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);

/// What to send, how to pace it and when to end.
pub struct Job {
    pub target: Target,
    pub pace: Pace,
    pub callers: u32,
    /// Of all callers together; none means no end.
    pub number: Option<u64>,
    pub duration: Option<Duration>,
    pub progress: ProgressBar,
}

/// What the callers of a running job share.
struct Run {
    job: Job,
    /// Calls that no caller has taken up yet.
    left: AtomicU64,
    summary: Mutex<Summary>,
    has_told: AtomicBool,
    /// Ends the run for whatever reason: asked for from outside, time up, or nothing to be hoped for.
    stop: Stop,
}

impl Job {
    /// Runs until all is sent, the time is up or a stop is requested, and says what came of it.
    pub async fn run(self, stop: &Stop) -> Summary {
        let started = Instant::now();
        let (callers, duration) = (self.callers, self.duration.unwrap_or(Duration::MAX));
        let left = AtomicU64::new(self.number.unwrap_or(u64::MAX));
        let run = Arc::new(Run {
            job: self,
            left,
            summary: Mutex::default(),
            has_told: AtomicBool::new(false),
            stop: Stop::new(),
        });
        let mut tasks: JoinSet<()> = (0..callers).map(|_| run.clone().caller()).collect();

        let finished = async { while tasks.join_next().await.is_some() {} };
        let ended = async {
            tokio::select! {
                () = stop.requested() => run.stop.request(),
                () = sleep(duration) => {
                    // What is under way when the time is up ends in its own time.
                    run.stop.request();
                    stop.requested().await;
                }
            }
            sleep(GRACE).await;
        };
        tokio::select! {
            () = finished => {}
            () = ended => {}
        }
        tasks.shutdown().await;
        // Late at worst: the lease of our session ends by itself.
        let _ = timeout(FLUSH, run.job.pace.flush()).await;
        run.job.progress.finish_and_clear();
        let mut summary = run.summary().clone();
        summary.end(started.elapsed(), &run.job.pace);
        summary
    }
}

impl Run {
    async fn caller(self: Arc<Self>) {
        let mut is_first = true;
        // Since when the call that is next has wanted to be sent.
        let mut since = Instant::now();
        while !self.stop.is_requested() && self.take_one() {
            let turn = tokio::select! {
                biased;
                () = self.stop.requested() => return,
                turn = self.job.pace.turn(is_first) => turn,
            };
            is_first = false;
            let permit = match turn {
                Ok(permit) => permit,
                Err(why) => {
                    self.refused(&why).await;
                    since = Instant::now();
                    continue;
                }
            };
            self.summary().sent += 1;
            let wait = since.elapsed();
            let answer = self.job.target.call().await;
            if let Some(permit) = permit {
                permit.complete();
            }
            let status = answer.as_ref().map(|status| status.as_u16());
            // A caller on its own that is told 429 comes back with the same call: it still waits.
            if !(matches!(self.job.pace, Pace::Alone { .. }) && status.is_ok_and(|status| status == 429)) {
                self.summary().waits.record(wait);
                since = Instant::now();
            }
            match answer {
                Ok(status) => self.summary().answered(status),
                Err(why) => self.failed(why),
            }
            self.job.progress.inc(1);
        }
    }

    fn take_one(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    async fn refused(&self, why: &paceline::Error) {
        self.summary().refused += 1;
        self.tell_once(&format!("a call was refused: {why}"));
        if why.is_config() || why.is_never_fits() {
            // Every other call would be told the same.
            return self.stop.request();
        }
        tokio::select! {
            () = self.stop.requested() => {}
            () = sleep(AFTER_REFUSAL) => {}
        }
    }

    fn failed(&self, why: reqwest::Error) {
        // Its address may hold a token in its query.
        let why = why.without_url();
        let mut text = why.to_string();
        let mut cause = why.source();
        while let Some(inner) = cause {
            text = format!("{text}: {inner}");
            cause = inner.source();
        }
        self.tell_once(&format!("a call failed: {text}"));
    }

    /// The first trouble is told as it happens; the rest is in the summary.
    fn tell_once(&self, trouble: &str) {
        if !self.has_told.swap(true, Ordering::Relaxed) {
            self.job.progress.suspend(|| eprintln!("note: {trouble}"));
        }
    }

    fn summary(&self) -> MutexGuard<'_, Summary> {
        self.summary.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
