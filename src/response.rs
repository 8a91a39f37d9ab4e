//! Reading responses: from status, headers and body to what they say about limits and waiting.
//!
//! One total function, [`Dialect::observe`]: whatever bytes come, it answers and never panics, in time that grows with the
//! length of what it reads. It has no clock; "now" is an argument. What is missing, blank or not to be understood is
//! unknown, and never zero: a missing header that reads as "nothing left" would stop a fleet for nothing.
//!
//! The crate `rate-limits` parses some providers' headers, and does not serve here: it gives one limit a response where
//! many tell several, needs all of limit, remaining and reset, looks at no body, knows the drafts only up to their third
//! version, takes the last of repeated lines, guesses the provider, and compares dates with the local clock.

mod answer;
mod dialect;
mod family;
mod ietf;
mod number;
mod reset;
mod retry_after;
mod signal;
mod throttle;
mod wait;

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use self::answer::Answer;

pub use self::dialect::Dialect;

/// What a response says about limits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Observation {
    /// The status.
    pub status: u16,
    /// The answer is "not now".
    pub throttled: Option<Throttled>,
    /// The credential is not accepted: waiting cannot help.
    pub refused: bool,
    /// What it says of each limit, at most once for each, and only of those that it says something of. Where a dialect
    /// has no signals, the usual headers are read all the same, and the names may be none of its limits'.
    pub limits: Vec<Seen>,
}

/// An answer that says "not now".
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Throttled {
    /// What is to wait.
    pub about: About,
    /// For how long, within the bounds of the rule; none if nothing says so.
    pub wait: Option<Duration>,
    /// What it asked for, if that was more than the rule allows. Of absurd values, a day or what the rule allows.
    pub asked: Option<Duration>,
    /// Which of the rule's places said how long, as the dialect spells it: `retry-after`, `reset`...
    pub source: Option<String>,
    /// The number of the rule in its dialect, from 1.
    pub rule: usize,
    /// Where nothing says how long: the first wait, which doubles with repeats.
    pub penalty: Option<Duration>,
    /// Whether such a request may be sent again.
    pub retry: bool,
}

/// What a throttled answer is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// These limits. Without any it is about something else, such as an object that another request holds.
    Limits(Vec<String>),
    /// All limits that the request took from.
    Route,
}

/// What a response says of one limit. Each part may be unknown.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Seen {
    /// The name of the limit.
    pub limit: String,
    /// How much it allows.
    pub quota: Option<u64>,
    /// How much of that is left.
    pub remaining: Option<u64>,
    /// How long until there is more.
    pub reset_in: Option<Duration>,
}

impl Dialect {
    /// What a response says, read at `now` (Unix time). Of the body the first 64 KiB are looked at.
    ///
    /// ```
    /// use std::time::Duration;
    /// use http::{HeaderMap, StatusCode};
    /// use paceline::{About, Dialect};
    ///
    /// let mut headers = HeaderMap::new();
    /// headers.insert("x-ratelimit-limit", "1000".parse().unwrap());
    /// headers.insert("x-ratelimit-remaining", "0".parse().unwrap());
    /// headers.insert("x-ratelimit-reset", "1705312800".parse().unwrap());
    ///
    /// let now = Duration::from_secs(1_705_312_200);
    /// let observation = Dialect::generic().observe(StatusCode::TOO_MANY_REQUESTS, &headers, b"", now);
    /// let throttled = observation.throttled.unwrap();
    /// assert_eq!(throttled.about, About::Route);
    /// assert_eq!(throttled.wait, Some(Duration::from_secs(600)));
    /// assert_eq!(throttled.source.as_deref(), Some("reset"));
    /// assert_eq!((observation.limits[0].quota, observation.limits[0].remaining), (Some(1000), Some(0)));
    /// ```
    pub fn observe(&self, status: StatusCode, headers: &HeaderMap, body: &[u8], now: Duration) -> Observation {
        let answer = Answer::new(status, headers, body, now);
        let mut limits = Vec::new();
        for signal in &self.signals {
            merge(&mut limits, signal.seen(&answer));
        }
        if self.signals.is_empty() {
            merge(&mut limits, family::seen(&answer));
        }
        merge(&mut limits, ietf::seen(&answer, &self.limits));
        if answer.cached {
            limits.iter_mut().for_each(|seen| (seen.remaining, seen.reset_in) = (None, None));
        }
        limits.retain(|seen| !seen.is_nothing());
        let rules = self.throttles.iter().enumerate();
        let throttled = rules
            .filter(|(_, rule)| rule.matches(&answer, &limits))
            .map(|(index, rule)| rule.throttled(index + 1, &answer, &limits))
            .next();
        let refused = throttled.is_none() && self.refused.contains(&status.as_u16());
        Observation { status: status.as_u16(), throttled, refused, limits }
    }
}

impl Dialect {
    /// Whether the body of an answer with this status may have something to say.
    pub fn reads_body(&self, status: StatusCode) -> bool {
        self.signals.iter().any(signal::Signal::reads_body) || self.judges_body(status)
    }

    /// Whether it is the body of an answer with this status that says whether the request was throttled.
    pub(crate) fn judges_body(&self, status: StatusCode) -> bool {
        self.throttles.iter().any(|rule| rule.reads_body(status.as_u16()))
    }
}

impl Seen {
    fn nothing(limit: &str) -> Self {
        Self { limit: limit.to_owned(), quota: None, remaining: None, reset_in: None }
    }

    fn is_nothing(&self) -> bool {
        self.quota.is_none() && self.remaining.is_none() && self.reset_in.is_none()
    }
}

/// Joins what is said of one limit at several places. Where they differ, what leaves less counts.
fn merge(limits: &mut Vec<Seen>, more: Vec<Seen>) {
    for seen in more {
        let Some(known) = limits.iter_mut().find(|known| known.limit == seen.limit) else {
            limits.push(seen);
            continue;
        };
        known.quota = known.quota.into_iter().chain(seen.quota).min();
        known.remaining = known.remaining.into_iter().chain(seen.remaining).min();
        known.reset_in = known.reset_in.into_iter().chain(seen.reset_in).max();
    }
}
