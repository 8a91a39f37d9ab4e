//! One limit of a budget: a name, a kind with its numbers, a unit and maybe a scope.

mod tiers;

use std::{fmt, time::Duration};

use crate::{
    Calendar, Quota,
    cost::REQUESTS,
    exchange::{MAX_LEVEL, Terms},
    flaw::{Flaw, human, micros},
    name::check_name,
    quota::amount_flaw,
};

/// One limit of a budget. Nothing is checked before [`crate::BudgetBuilder::build`], which checks everything.
///
/// ```
/// use paceline::{Limit, Quota};
///
/// let day = Limit::fixed_window("day", Quota::per_day(30_000)).zone("America/New_York");
/// assert_eq!(day.to_string(), "at most 30000 requests in each 1d by the clock of America/New_York");
/// let tokens = Limit::token_bucket("tokens", Quota::per_minute(90_000)).burst(10_000).unit("tokens").scope("model");
/// assert_eq!(tokens.to_string(), "at most 10000 tokens at once, refilled by 90000 per 1m, for each model");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Limit {
    name: String,
    kind: Kind,
    unit: String,
    scope: Option<String>,
    /// The amount of the quota by the tier of a request; empty: the same for all.
    tiers: Vec<(String, u64)>,
    /// Settings that were given and that this kind does not have.
    stray: Vec<&'static str>,
}

/// What a limit counts, with its numbers.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// No more than the quota in any stretch of time as long as its period.
    SlidingWindow {
        /// How many in which time.
        quota: Quota,
    },
    /// A stock that refills evenly.
    TokenBucket {
        /// How fast it refills.
        refill: Quota,
        /// How much it holds.
        burst: u64,
    },
    /// No more than the quota between two edges of a calendar.
    FixedWindow {
        /// How many in which time.
        quota: Quota,
        /// Where the edges lie.
        calendar: Calendar,
    },
    /// So many at a time.
    Concurrency {
        /// How many.
        max: u64,
    },
}

impl Limit {
    /// At most the quota in any stretch of time as long as its period.
    pub fn sliding_window(name: impl Into<String>, quota: Quota) -> Self {
        Self::new(name, Kind::SlidingWindow { quota })
    }

    /// A stock of as many units as the quota (or [`Limit::burst`]), refilled evenly at the quota's pace.
    pub fn token_bucket(name: impl Into<String>, quota: Quota) -> Self {
        Self::new(name, Kind::TokenBucket { refill: quota, burst: quota.amount() })
    }

    /// At most the quota in each window of a calendar, in UTC unless [`Limit::zone`] says otherwise.
    pub fn fixed_window(name: impl Into<String>, quota: Quota) -> Self {
        Self::new(name, Kind::FixedWindow { quota, calendar: Calendar::new(quota.period()) })
    }

    /// At most so many requests at a time.
    pub fn concurrency(name: impl Into<String>, max: u64) -> Self {
        Self::new(name, Kind::Concurrency { max })
    }

    fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind, unit: REQUESTS.to_owned(), scope: None, tiers: Vec::new(), stray: Vec::new() }
    }

    /// Token buckets: how much the bucket holds. A burst of 1 is a pace: one every so often.
    #[must_use]
    pub fn burst(mut self, units: u64) -> Self {
        match &mut self.kind {
            Kind::TokenBucket { burst, .. } => *burst = units,
            _ => self.stray.push("burst"),
        }
        self
    }

    /// Fixed windows: the time zone whose midnight and hours they follow, by its IANA name.
    #[must_use]
    pub fn zone(self, name: impl Into<String>) -> Self {
        self.on_calendar("zone", |calendar| calendar.set_zone(name.into()))
    }

    /// Fixed windows: how long after midnight, or the full hour, they turn.
    #[must_use]
    pub fn offset(self, offset: Duration) -> Self {
        self.on_calendar("offset", |calendar| calendar.set_offset(offset))
    }

    /// Fixed windows: how near to an edge a request counts in both; 1 s (at most a tenth of the window) by default.
    #[must_use]
    pub fn skew(self, skew: Duration) -> Self {
        self.on_calendar("skew", |calendar| calendar.set_skew(skew))
    }

    /// What is counted, when it is not requests.
    #[must_use]
    pub fn unit(mut self, unit: impl Into<String>) -> Self {
        self.unit = unit.into();
        self
    }

    /// Applies only to requests that give a value for this scope (an endpoint, an account), for each value on its own.
    #[must_use]
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = Some(scope.into());
        self
    }

    /// Its name, unlike any other of the budget.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind and numbers.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// What it counts.
    pub fn unit_name(&self) -> &str {
        &self.unit
    }

    /// What it is counted for separately, if anything.
    pub fn scope_name(&self) -> Option<&str> {
        self.scope.as_deref()
    }

    /// Notes a setting that this kind does not have.
    pub(crate) fn stray(mut self, setting: &'static str) -> Self {
        self.stray.push(setting);
        self
    }

    /// What the store is told; `part` is what it is counted apart for, encoded already. Only a fixed window in a zone
    /// depends on the time.
    pub(crate) fn terms(&self, part: Option<&str>, unix_now_us: u64) -> Terms {
        let key = match part {
            Some(value) => format!("{}@{value}", self.name),
            None => self.name.clone(),
        };
        match &self.kind {
            Kind::SlidingWindow { quota } => {
                Terms::SlidingWindow { key, quota: quota.amount(), per_us: micros(quota.period()) }
            }
            Kind::TokenBucket { refill, burst } => {
                let (refill_units, refill_us) = lowest_terms(refill);
                Terms::TokenBucket { key, burst: *burst, refill_units, refill_us }
            }
            Kind::FixedWindow { quota, calendar } => Terms::FixedWindow {
                key,
                quota: quota.amount(),
                per_us: micros(quota.period()),
                skew_us: micros(calendar.skew()),
                offset_us: micros(calendar.offset()),
                edges: calendar.edges(unix_now_us),
            },
            Kind::Concurrency { max } => Terms::Concurrency { key, max: *max },
        }
    }

    pub(crate) fn flaws(&self) -> Vec<Flaw> {
        let names = [("name", Some(&self.name)), ("unit", Some(&self.unit)), ("scope", self.scope.as_ref())];
        let named = names.into_iter().filter_map(|(setting, name)| {
            let error = check_name(setting, name?).err()?;
            Some(Flaw::new(setting, error.to_string()))
        });
        let stray = self.stray.iter().map(|setting| {
            let mend = "take it out or change the kind";
            Flaw::new(setting, format!("{setting} does not go with the kind {}; {mend}", self.kind.name()))
        });
        named.chain(stray).chain(self.tier_flaws()).chain(self.kind.flaws()).collect()
    }

    fn on_calendar(mut self, setting: &'static str, set: impl FnOnce(&mut Calendar)) -> Self {
        match &mut self.kind {
            Kind::FixedWindow { calendar, .. } => set(calendar),
            _ => self.stray.push(setting),
        }
        self
    }
}

impl Kind {
    /// As a configuration file spells it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::SlidingWindow { .. } => "sliding-window",
            Self::TokenBucket { .. } => "token-bucket",
            Self::FixedWindow { .. } => "fixed-window",
            Self::Concurrency { .. } => "concurrency",
        }
    }

    fn flaws(&self) -> Vec<Flaw> {
        match self {
            Self::SlidingWindow { quota } => quota.flaws(),
            Self::TokenBucket { refill, burst } => {
                let mut flaws = refill.flaws();
                // By default the burst is the quota, whose flaw is said already.
                if *burst != refill.amount() {
                    flaws.extend(amount_flaw("burst", *burst));
                }
                if flaws.is_empty() {
                    flaws.extend(inexact(refill, *burst));
                }
                flaws
            }
            Self::FixedWindow { quota, calendar } => {
                let flaws = quota.flaws();
                // What is said about a calendar refers to the period, so that has to be right first.
                let sound = !flaws.iter().any(|flaw| flaw.setting == "per");
                flaws.into_iter().chain(sound.then(|| calendar.flaws()).into_iter().flatten()).collect()
            }
            Self::Concurrency { max } => amount_flaw("quota", *max).into_iter().collect(),
        }
    }
}

/// The limit as one says it.
impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = &self.unit;
        match &self.kind {
            Kind::SlidingWindow { quota } => {
                write!(f, "at most {} {unit} in any {}", self.amounts(quota.amount()), human(quota.period()))?;
            }
            Kind::TokenBucket { refill, burst } => write!(f, "at most {burst} {unit} at once, refilled by {refill}")?,
            Kind::FixedWindow { quota, calendar } => {
                write!(f, "at most {} {unit} in each {}", self.amounts(quota.amount()), human(quota.period()))?;
                write!(f, " by the clock of {}", calendar.zone().unwrap_or("UTC"))?;
                if !calendar.offset().is_zero() {
                    write!(f, ", {} later", human(calendar.offset()))?;
                }
            }
            Kind::Concurrency { max } => write!(f, "at most {} {unit} at a time", self.amounts(*max))?,
        }
        self.scope.iter().try_for_each(|scope| write!(f, ", for each {scope}"))
    }
}

/// The products that a script computes for a bucket must be exact.
fn inexact(refill: &Quota, burst: u64) -> Option<Flaw> {
    let (_, us) = lowest_terms(refill);
    if burst.checked_mul(us).is_none_or(|product| product > MAX_LEVEL) {
        let text = format!(
            "burst is {burst}, which a refill of {refill} cannot count exactly; write less, or a rounder quota"
        );
        return Some(Flaw::new("burst", text));
    }
    None
}

/// Units per microseconds of a refill, as small as they can be.
fn lowest_terms(refill: &Quota) -> (u64, u64) {
    let (units, us) = (refill.amount(), micros(refill.period()));
    let (mut divisor, mut rest) = (units, us);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    // A quota of nothing in no time divides by nothing; it is refused elsewhere.
    let divisor = divisor.max(1);
    (units / divisor, us / divisor)
}

#[cfg(test)]
mod tests;
