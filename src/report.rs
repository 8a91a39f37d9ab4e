//! What an operator sees of one budget.

mod forecast;

use std::fmt;

use serde::Serialize;

/// The most sessions that a report of a store in memory lists: they are all of one process.
pub(crate) const SESSIONS: usize = 200;

/// One budget (of one partition) as the store sees it now.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the budget.
    pub budget: String,
    /// The partition, where the budget has several.
    pub key: Option<String>,
    /// The limits, by name.
    pub limits: Vec<LimitReport>,
    /// The sessions whose lease runs, the longest joined first.
    pub sessions: Vec<SessionReport>,
    /// Sessions beyond those listed: none of those in a Redis.
    pub more_sessions: u64,
    /// Callers that wait, in all sessions.
    pub waiting: u64,
    /// How long ago it was last used.
    pub idle_ms: u64,
    /// Nothing is granted for so long, because the living are resuming after a loss.
    pub settling_ms: Option<u64>,
    /// An operator has paused it: nothing is granted.
    pub paused: Option<Pause>,
}

/// An operator's pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pause {
    /// It ends by itself after this; absent: until it is resumed.
    pub left_ms: Option<u64>,
    /// Who ordered it.
    pub who: String,
    /// And why, if that was said.
    pub why: String,
}

/// One limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LimitReport {
    /// Its name, with `@tier` where it has tiers and `@value` where it has a scope.
    pub name: String,
    /// `sliding-window`, `token-bucket`, `fixed-window` or `concurrency`.
    pub kind: &'static str,
    /// The most it allows at once.
    pub quota: u64,
    /// In this time, in milliseconds (absent: concurrency).
    pub per_ms: Option<u64>,
    /// Units used that have not come back.
    pub used: u64,
    /// Units whose response is not in.
    pub in_flight: u64,
    /// Units free now.
    pub free: u64,
    /// Places in line that want it.
    pub waiting: u64,
    /// When the next unit comes free, if any is used or in flight.
    pub next_free_ms: Option<u64>,
    /// When a quarter, a half and three quarters of what is used and in flight is free, if nobody takes another.
    pub quarters_free_ms: [u64; 3],
    /// When all of them are free, if nobody takes another.
    pub all_free_ms: Option<u64>,
    /// How long a unit is in flight, in the mean of the last ones.
    pub hold_ms: u64,
    /// Nobody may send for so long.
    pub cooldown_ms: Option<u64>,
    /// What responses said of it, if anything.
    pub feedback: Option<FeedbackReport>,
}

/// What responses said of a limit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct FeedbackReport {
    /// Why it cools down, or last did; empty: it never did.
    pub cause: String,
    /// Which process was told so.
    pub origin: Option<Process>,
    /// How long ago the last cooldown ended.
    pub cooled_ms_ago: Option<u64>,
    /// After a cooldown, and in the beginning where strangers may be: so many units may be in flight, until as many as the
    /// quota were answered.
    pub trying: Option<u64>,
    /// The provider's quota, where it is lower than the one that was configured.
    pub told_quota: Option<u64>,
    /// Units that others used, in the last period or so.
    pub by_others: u64,
    /// Requests that were told no: all that the fleet heard of since responses say something of it.
    pub throttled: u64,
    /// An operator's quota, which holds instead of the configured one.
    pub ordered: Option<OrderedQuota>,
}

/// A quota that an operator ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OrderedQuota {
    /// So many units.
    pub quota: u64,
    /// It ends by itself after this.
    pub left_ms: u64,
}

/// One session: a process, as a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SessionReport {
    /// Its random name.
    pub id: String,
    /// The process.
    #[serde(flatten)]
    pub process: Process,
    /// How long ago it joined.
    pub since_ms: u64,
    /// Until its lease ends.
    pub lease_ms: u64,
    /// Calls that it was granted since it joined, but for those that were never sent.
    pub calls: u64,
    /// Units in flight, over all limits the largest.
    pub held: u64,
    /// Callers that wait.
    pub waiting: u64,
    /// Its next turn is due in so long. Those who came while nobody is served have none yet.
    pub turn_in_ms: Option<u64>,
}

/// A process that uses a budget, as it calls itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Process {
    /// The host's name.
    pub host: String,
    /// Its process id there.
    pub pid: u64,
    /// The version of paceline.
    pub version: String,
    /// Which limits and numbers it goes by: see [`crate::Budget::definition`].
    pub definition: String,
}

impl Process {
    /// Reads what a session said of itself; what is missing stays empty.
    pub(crate) fn read(text: &str) -> Self {
        let mut words = text.split(' ').map(str::to_owned);
        let mut next = || words.next().unwrap_or_default();
        Self { host: next(), pid: next().parse().unwrap_or(0), version: next(), definition: next() }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.pid {
            // An operator.
            0 => f.write_str(&self.host),
            pid => write!(f, "{} (process {pid})", self.host),
        }
    }
}
