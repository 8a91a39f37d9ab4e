//! The callers of one route, first come first served.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::oneshot;

use super::{
    class::{Class, Route},
    desk::Desk,
    flights::End,
};
use crate::{Error, exchange::CHECKS};

/// How many wait is told again after this at the earliest.
const TELL_US: u64 = 1_000_000;
/// The store hears from those who wait after this, or an eighth of their wait if that is longer: well within the shortest lease.
const CHECK_US: u64 = 3_000_000;
/// Room for so many callers is kept for the next that come.
const CROWD: usize = 64;

/// What a caller that waits is told.
pub(crate) type Answer = Result<Grant, Refusal>;

/// A permit on its way to the caller. If nobody is there to take it, it goes back as never sent.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) class: Arc<Class>,
    /// `None`: granted without the store, under `on_store_error = "allow"`.
    pub(crate) batch: Option<u64>,
    /// When the exchange that granted it left: what its age is measured from.
    pub(crate) sent_us: u64,
    pub(crate) desk: Arc<Desk>,
    /// Nobody has said how it ended.
    pub(crate) open: bool,
}

impl Grant {
    /// Says how it ended, once.
    pub(crate) fn end(&mut self, end: End) {
        if std::mem::take(&mut self.open) {
            self.desk.end(self, end);
        }
    }
}

impl Drop for Grant {
    fn drop(&mut self) {
        self.end(End::Unsent);
    }
}

/// Why a caller that waits gets no permit.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// Something failed, or its deadline is out of reach.
    Failed(Error),
    /// It did not want to wait.
    NotNow { limit: String, retry_after: Duration },
}

/// One caller.
#[derive(Debug)]
pub(crate) struct Waiter {
    pub(crate) class: Arc<Class>,
    pub(crate) deadline_us: Option<u64>,
    pub(crate) since_us: u64,
    pub(crate) answer: oneshot::Sender<Answer>,
}

/// The callers of one route.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) route: Arc<Route>,
    pub(crate) waiters: VecDeque<Waiter>,
    /// Callers that do not wait: asked for once, when nobody else is here.
    pub(crate) hasty: VecDeque<Waiter>,
    /// Waiters whose caller is gone.
    pub(crate) gone: usize,
    /// When to ask next; `None`: now.
    pub(crate) wake_us: Option<u64>,
    /// The store knows a place in line for this route.
    pub(crate) in_line: bool,
    /// So many callers it thinks wait there, and since when.
    told: (usize, u64),
    /// How long each caller waits after the one before it, as the store last said.
    pub(crate) pace_us: u64,
    /// The limit that was said to bind last.
    pub(crate) binding: String,
    /// It does so because it cools down.
    pub(crate) cooling: bool,
    /// An operator has paused the budget, until then at least.
    pub(crate) paused_until_us: Option<u64>,
}

impl Queue {
    pub(crate) fn new(route: Arc<Route>) -> Self {
        Self {
            route,
            waiters: VecDeque::new(),
            hasty: VecDeque::new(),
            gone: 0,
            wake_us: None,
            in_line: false,
            told: (0, 0),
            pace_us: 0,
            binding: String::new(),
            cooling: false,
            paused_until_us: None,
        }
    }

    /// Forgets callers that are gone.
    pub(crate) fn prune(&mut self) {
        if self.gone > 0 {
            self.waiters.retain(|w| !w.answer.is_closed());
            self.hasty.retain(|w| !w.answer.is_closed());
            self.gone = 0;
        }
        // What was said to those who left holds of nobody else.
        if self.is_empty() && !self.in_line {
            self.wake_us = None;
        }
    }

    /// Whether there is something to tell the store about this route now.
    pub(crate) fn ready(&self, now_us: u64) -> bool {
        if self.waiters.is_empty() {
            return self.in_line || !self.hasty.is_empty();
        }
        self.next_us().is_none_or(|at| at <= now_us)
    }

    /// When to ask next; `None`: now.
    pub(crate) fn next_us(&self) -> Option<u64> {
        let wake_us = self.wake_us?;
        Some(if self.in_line { self.checks_us(wake_us).min(wake_us) } else { wake_us })
    }

    /// When to ask before the turn comes, at `wake_us`: soon if many more or fewer wait than the store thinks, since operators
    /// look and forecasts count on it; else so that it hears that somebody lives here, and says if those ahead are gone.
    fn checks_us(&self, wake_us: u64) -> u64 {
        let (told, since_us) = self.told;
        let waiting = self.waiters.len().saturating_sub(self.gone);
        let near_enough = waiting <= 2 * told && told <= 2 * waiting;
        let after = if near_enough { CHECK_US.max(wake_us.saturating_sub(since_us) / CHECKS) } else { TELL_US };
        since_us + after
    }

    /// The store has heard of so many who go on to wait.
    pub(crate) fn heard(&mut self, in_line: bool, told: usize, now_us: u64) {
        self.in_line = in_line;
        self.told = (told, now_us);
    }

    /// How long the caller at this place in the queue is expected to wait.
    pub(crate) fn expected_us(&self, now_us: u64, place: usize) -> u64 {
        let first = self.paused_until_us.max(self.wake_us).map_or(0, |at| at.saturating_sub(now_us));
        first.saturating_add(self.pace_us.saturating_mul(place as u64))
    }

    /// How long one who came now would be expected to wait, if that is past its deadline.
    pub(crate) fn out_of_reach(&self, now_us: u64, deadline_us: u64) -> Option<u64> {
        let place = self.waiters.len().saturating_sub(self.gone);
        let expected = self.expected_us(now_us, place);
        let known = self.wake_us.is_some_and(|at| at > now_us);
        (known && now_us.saturating_add(expected) > deadline_us).then_some(expected)
    }

    /// Nobody is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.waiters.is_empty() && self.hasty.is_empty()
    }

    /// Whether somebody is here or expected. Of a crowd that has been served many are about to come again, as long as
    /// handles of the route are held.
    pub(crate) fn in_use(&self) -> bool {
        !self.is_empty() || self.in_line || (self.waiters.capacity() > CROWD && Arc::strong_count(&self.route) > 1)
    }

    /// Callers with the same cost in a row, from the front.
    pub(crate) fn runs<'a>(waiters: impl Iterator<Item = &'a Arc<Class>>, most: usize) -> Vec<(Arc<Class>, u64)> {
        let mut runs: Vec<(Arc<Class>, u64)> = Vec::new();
        for class in waiters {
            let full = runs.len() == most;
            match runs.last_mut() {
                Some((last, count)) if Arc::ptr_eq(last, class) => *count += 1,
                _ if full => break,
                _ => runs.push((class.clone(), 1)),
            }
        }
        runs
    }
}
