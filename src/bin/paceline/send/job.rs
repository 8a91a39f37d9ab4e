//! The callers of one job and the loop that each of them runs.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use indicatif::ProgressBar;
use paceline::PaceMiddleware;
use reqwest_middleware::ClientWithMiddleware;
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{Pace, Summary, Target, tally::Tally, wire::Trip};
use crate::stop::Stop;

/// How long calls that are under way have to end once a stop is asked for.
const GRACE: Duration = Duration::from_secs(2);
/// How long the last report to the store may take.
const FLUSH: Duration = Duration::from_secs(2);
/// A refusal may come at once, and what was refused now would be so again a moment later: no caller asks faster.
const AFTER_REFUSAL: Duration = Duration::from_millis(100);
/// How a caller on its own knows that it is to wait.
const THROTTLED: u16 = 429;

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
    client: ClientWithMiddleware,
    /// Calls that no caller has taken up yet.
    left: AtomicU64,
    tally: Tally,
    has_told: AtomicBool,
    /// Ends the run for whatever reason: asked for from outside, time up, or nothing to be hoped for.
    stop: Stop,
}

impl Job {
    /// Runs until all is sent, the time is up or a stop is requested, and says what came of it, and why nothing more could
    /// be sent if the provider refuses the credential.
    pub async fn run(self, stop: &Stop) -> (Summary, Option<paceline::Error>) {
        let started = Instant::now();
        let (callers, duration) = (self.callers, self.duration.unwrap_or(Duration::MAX));
        let left = AtomicU64::new(self.number.unwrap_or(u64::MAX));
        let tally = Tally::default();
        let run = Arc::new(Run {
            client: self.pace.client(self.target.plain_client(), &tally),
            job: self,
            left,
            tally,
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
        let mut summary = run.tally.summary().clone();
        let refusal = if summary.is_locked_out { run.job.pace.refusal().await } else { None };
        summary.end(started.elapsed(), &run.job.pace);
        (summary, refusal)
    }
}

impl Run {
    async fn caller(self: Arc<Self>) {
        let mut is_first = true;
        // Since when the call that is next has wanted to be sent.
        let mut since = Instant::now();
        while !self.stop.is_requested() && self.take_one() {
            tokio::select! {
                biased;
                () = self.stop.requested() => return,
                () = self.job.pace.pause(is_first) => {}
            }
            is_first = false;
            let trip = Trip::default();
            let answer = tokio::select! {
                biased;
                answer = self.job.target.call(&self.client, &trip) => answer,
                () = self.stopped_before(&trip) => return,
            };
            let is_alone = matches!(self.job.pace, Pace::Alone { .. });
            let status = answer.as_ref().ok().map(|status| status.as_u16());
            if let Some(status) = status.filter(|_| is_alone) {
                self.tally.summary().answered(status, status == THROTTLED);
            }
            match answer {
                Ok(_) => {}
                Err(why) => match PaceMiddleware::error(&why) {
                    Some(why) => {
                        self.refused(why).await;
                        since = Instant::now();
                        continue;
                    }
                    None => self.failed(why),
                },
            }
            // A caller on its own that is told 429 comes back with the same call: it still waits.
            if !(is_alone && status == Some(THROTTLED)) {
                let left = trip.left().unwrap_or_else(Instant::now);
                self.tally.summary().waits.record(left.saturating_duration_since(since));
                since = Instant::now();
            }
            self.job.progress.inc(1);
            if self.tally.summary().is_locked_out {
                // Every other call would be told the same.
                self.stop.request();
            }
        }
    }

    /// Comes true when there is to be a stop and the call has not gone out. What is under way ends in its own time.
    async fn stopped_before(&self, trip: &Trip) {
        self.stop.requested().await;
        if trip.left().is_some() {
            std::future::pending().await
        }
    }

    fn take_one(&self) -> bool {
        let take = |left: u64| left.checked_sub(1);
        self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok()
    }

    async fn refused(&self, why: &paceline::Error) {
        self.tally.summary().refused += 1;
        if why.is_refused() {
            // Whoever was told has asked for the stop, and its end says why.
            return;
        }
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

    fn failed(&self, why: reqwest_middleware::Error) {
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
            self.job.progress.suspend(|| crate::tell(format_args!("note: {trouble}")));
        }
    }
}
