//! What came of the calls.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use hdrhistogram::Histogram;
use paceline::Observation;
use serde_json::{Value, json};

use super::Pace;

/// Longer waits are counted as this long.
const LONGEST_WAIT: Duration = Duration::from_secs(366 * 86_400);
/// How long the fleet waits at first where nobody says.
const PENALTY: Duration = Duration::from_secs(1);

/// What came of the calls so far; all callers and the middleware write to it.
#[derive(Clone, Default)]
pub struct Tally(Arc<Mutex<Summary>>);

impl Tally {
    /// A request went out; `again`: another one of the same call.
    pub fn sent(&self, again: bool) {
        let mut summary = self.summary();
        summary.sent += 1;
        summary.retried += u64::from(again);
    }

    /// A response was read by the rules of its provider.
    pub fn heard(&self, said: &Observation) {
        let mut summary = self.summary();
        summary.answered(said.status, said.throttled.is_some());
        summary.is_locked_out |= said.refused;
        if let Some(throttled) = &said.throttled {
            summary.cools(throttled.wait.or(throttled.penalty).unwrap_or(PENALTY));
        }
    }

    pub fn summary(&self) -> MutexGuard<'_, Summary> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What came of all calls of one job.
#[derive(Clone, Default)]
pub struct Summary {
    /// Requests that went out, whatever came back.
    pub sent: u64,
    /// Of these, those that repeat one that was throttled.
    pub retried: u64,
    /// Answered below 400.
    pub ok: u64,
    /// Told "not now".
    pub throttled: u64,
    /// How often that made everybody wait; what was told while they did counts with the first.
    pub cooldowns: u64,
    cools_until: Option<Instant>,
    /// The provider does not accept the credential.
    pub is_locked_out: bool,
    /// Answered otherwise, or not at all.
    pub failed: u64,
    /// Never sent: no turn came in time, or the store could not be asked.
    pub refused: u64,
    pub statuses: BTreeMap<u16, u64>,
    pub waits: Waits,
    pub elapsed: Duration,
    pub exchanges: u64,
    /// Sent although the store was out of reach, since the budget says so.
    pub uncounted: u64,
}

impl Summary {
    pub fn answered(&mut self, status: u16, throttled: bool) {
        *self.statuses.entry(status).or_default() += 1;
        match status {
            _ if throttled => self.throttled += 1,
            ..400 => self.ok += 1,
            // What is neither has failed, as has what is never answered; `end` counts them together.
            _ => {}
        }
    }

    fn cools(&mut self, wait: Duration) {
        let now = Instant::now();
        self.cooldowns += u64::from(self.cools_until.is_none_or(|until| until <= now));
        self.cools_until = self.cools_until.max(now.checked_add(wait));
    }

    /// All calls have ended: what was sent and came to nothing has failed.
    pub fn end(&mut self, elapsed: Duration, pace: &Pace) {
        self.failed = self.sent - self.ok - self.throttled;
        self.elapsed = elapsed;
        self.exchanges = pace.exchanges();
        self.uncounted = pace.uncounted();
    }

    /// Whether every call was sent and, in the end, answered below 400; of an open number of calls, every one that had its
    /// turn.
    pub fn is_complete(&self, number: Option<u64>) -> bool {
        self.refused == 0 && self.ok == number.unwrap_or(self.sent - self.retried)
    }

    pub fn json(&self) -> Value {
        json!({
            "sent": self.sent,
            "ok": self.ok,
            "throttled": self.throttled,
            "failed": self.failed,
            "refused": self.refused,
            "elapsed_s": self.elapsed.as_secs_f64(),
            "wait_ms": {"p50": self.waits.quantile(0.5), "p99": self.waits.quantile(0.99), "max": self.waits.quantile(1.0)},
            "exchanges": self.exchanges,
            "uncounted": self.uncounted,
            "retried": self.retried,
            "cooldowns": self.cooldowns,
            "statuses": self.statuses,
        })
    }

    /// With every wait, so that the summaries of several processes can be put together.
    pub fn json_with_waits(&self) -> Value {
        let mut json = self.json();
        json["waits"] = json!(self.waits.counts());
        json
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, ok, throttled, failed, refused, exchanges, .. } = self;
        writeln!(f, "{sent} calls sent in {:.1} s", self.elapsed.as_secs_f64())?;
        writeln!(f, "  {ok} ok, {throttled} throttled, {failed} failed, {refused} refused (never sent)")?;
        if *throttled > 0 {
            let Self { retried, cooldowns, .. } = self;
            writeln!(
                f,
                "  {retried} of the throttled sent again; {cooldowns} times everybody waited until the provider was ready"
            )?;
        }
        let [median, most, worst] = [0.5, 0.99, 1.0].map(|part| self.waits.quantile(part));
        writeln!(f, "  wait for a turn: median {median:.0} ms, 99 % within {most:.0} ms, worst {worst:.0} ms")?;
        write!(f, "  {exchanges} exchanges with the store")?;
        match self.uncounted {
            0 => Ok(()),
            uncounted => write!(f, "\n  {uncounted} calls went uncounted, while the store was out of reach"),
        }
    }
}

/// How long calls waited for their turn.
#[derive(Clone)]
pub struct Waits(Histogram<u64>);

impl Default for Waits {
    fn default() -> Self {
        let longest = LONGEST_WAIT.as_micros() as u64;
        Self(Histogram::new_with_bounds(1, longest, 3).expect("1 to a year in three digits is a histogram"))
    }
}

impl Waits {
    pub fn record(&mut self, wait: Duration) {
        self.0.saturating_record(wait.as_micros() as u64);
    }

    /// In milliseconds.
    pub fn quantile(&self, quantile: f64) -> f64 {
        self.0.value_at_quantile(quantile) as f64 / 1000.0
    }

    /// Pairs of a wait in microseconds and how often it was.
    pub fn counts(&self) -> Vec<(u64, u64)> {
        self.0.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value())).collect()
    }

    pub fn add(&mut self, counts: &[(u64, u64)]) {
        for &(micros, count) in counts {
            self.0.saturating_record_n(micros, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_without_an_answer_has_failed() {
        let mut summary = Summary { sent: 4, ..Summary::default() };
        for (status, throttled) in [(200, false), (302, false), (200, true)] {
            summary.answered(status, throttled);
        }
        summary.end(Duration::from_secs(2), &Pace::Alone { sleep: Duration::ZERO });
        assert_eq!((summary.ok, summary.throttled, summary.failed), (2, 1, 1));
        assert_eq!(summary.json()["statuses"], json!({"200": 2, "302": 1}));
        assert_eq!(summary.json()["elapsed_s"], json!(2.0));
    }

    #[test]
    fn complete_means_that_every_call_was_sent_and_answered_well() {
        let done = |ok, refused| Summary { sent: ok, ok, refused, ..Summary::default() };
        assert!(done(5, 0).is_complete(Some(5)) && done(5, 0).is_complete(None));
        assert!(!done(4, 0).is_complete(Some(5)), "interrupted");
        assert!(!done(5, 1).is_complete(None), "one was never sent");
        assert!(!Summary { sent: 6, ..done(5, 0) }.is_complete(None), "one failed");
        assert!(Summary { sent: 6, retried: 1, ..done(5, 0) }.is_complete(None), "one was throttled and sent again");
    }

    #[test]
    fn what_is_throttled_while_everybody_waits_is_part_of_one_cooldown() {
        let mut summary = Summary::default();
        summary.cools(Duration::from_millis(20));
        summary.cools(Duration::ZERO);
        assert_eq!(summary.cooldowns, 1);
        std::thread::sleep(Duration::from_millis(30));
        summary.cools(Duration::MAX);
        assert_eq!(summary.cooldowns, 2);
    }

    #[test]
    fn the_waits_of_several_processes_can_be_put_together() {
        let (mut one, mut other) = (Waits::default(), Waits::default());
        one.record(Duration::ZERO);
        other.record(Duration::from_millis(10));
        other.record(Duration::from_secs(3));
        one.add(&other.counts());
        assert!((one.quantile(0.5) - 10.0).abs() < 0.1);
        assert!((one.quantile(1.0) - 3000.0).abs() < 10.0);
    }
}
