//! What responses said, to be told in the next exchange: to the whole fleet.

use std::{
    collections::HashMap,
    sync::{Arc, MutexGuard},
    time::Duration,
};

use super::{
    class::{Applied, Route},
    desk::Desk,
    queue::{Grant, Refusal},
    state::State,
};
use crate::{
    Error, Event,
    error::ErrorKind,
    exchange::MAX_UNITS,
    response::{About, Observation, Seen, Throttled},
};

/// After a credential was refused nothing goes out for so long: each call would be refused and count all the same.
const REFUSED_US: u64 = 30_000_000;
/// The first and the longest pause where nobody said how long.
const PENALTY_US: (u64, u64) = (1_000_000, 900_000_000);
/// What was on its way when a cooldown began is answered within this.
const REMEMBERED_US: u64 = 900_000_000;
/// While a limit is tried little by little after a cooldown, somebody waits on it again within this.
const TRYING_US: u64 = 1_000_000;
/// The longest first penalty, and characters of a cause, that an exchange carries.
const MAX_PENALTY_US: u64 = 1 << 32;
const MAX_CAUSE: usize = 60;
/// Nothing cools down for longer.
const MAX_COOLDOWN: Duration = Duration::from_secs(31 * 86_400);

/// Nobody may send under a limit for a while.
#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    pub(crate) limit: Arc<Applied>,
    /// When the permit was granted whose response said so.
    pub(crate) granted_us: u64,
    /// Until when, if anybody said.
    pub(crate) until_us: Option<u64>,
    pub(crate) penalty_us: u64,
    pub(crate) at_most_us: u64,
    pub(crate) cause: String,
}

/// What a response said of a limit in the provider's own numbers.
#[derive(Debug, Clone)]
pub(crate) struct Sight {
    pub(crate) limit: Arc<Applied>,
    pub(crate) granted_us: u64,
    pub(crate) quota: Option<u64>,
    pub(crate) remaining: Option<u64>,
}

/// What has not been told yet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lessons {
    pub(crate) throttles: Vec<Throttle>,
    pub(crate) sights: Vec<Sight>,
}

/// The last cooldown of each limit that this process knows of, by the limit's key.
#[derive(Debug, Default)]
pub(crate) struct Began(HashMap<String, Cooled>);

#[derive(Debug)]
struct Cooled {
    since_us: u64,
    /// As far as is known.
    until_us: u64,
}

impl Began {
    /// Whether a throttle begins a cooldown. What was granted before the last one began was on its way then, and is about
    /// the same.
    fn begins(&mut self, throttle: &Throttle, now_us: u64) -> bool {
        let key = throttle.limit.terms.key();
        if self.0.get(key).is_some_and(|last| throttle.granted_us <= last.since_us) {
            return false;
        }
        self.begin(key, now_us, throttle.until_us.unwrap_or(now_us + throttle.penalty_us));
        true
    }

    /// Whether a cooldown is news that the store tells of: while it is tried little by little after one, it tells of that
    /// one.
    pub(super) fn heard(&mut self, key: &str, now_us: u64, wait_us: u64) -> bool {
        let until_us = now_us.saturating_add(wait_us);
        match self.0.get_mut(key) {
            Some(last) if now_us <= last.until_us + TRYING_US => {
                last.until_us = last.until_us.max(until_us);
                false
            }
            _ => {
                self.begin(key, now_us, until_us);
                true
            }
        }
    }

    fn begin(&mut self, key: &str, now_us: u64, until_us: u64) {
        self.0.retain(|_, last| now_us < last.until_us + REMEMBERED_US);
        self.0.insert(key.to_owned(), Cooled { since_us: now_us, until_us });
    }
}

/// The provider refuses the credential.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refused {
    pub(crate) until_us: u64,
    status: u16,
}

impl Lessons {
    /// Notes what a response said of a limit; of each limit the latest request counts.
    fn see(&mut self, sight: Sight) {
        match self.sights.iter_mut().find(|known| known.limit.terms.key() == sight.limit.terms.key()) {
            Some(known) if known.granted_us > sight.granted_us => {}
            Some(known) => *known = sight,
            None => self.sights.push(sight),
        }
    }

    /// Whether something is to be told at once.
    pub(crate) fn urgent(&self) -> bool {
        !self.throttles.is_empty()
    }
}

impl Desk {
    /// Nobody in the fleet sends under the limits of a route for a while.
    pub(crate) async fn cool_down(self: &Arc<Self>, route: &Route, time: Duration) -> Result<(), Error> {
        let now_us = self.clock.now_us();
        let until_us = Some(until(now_us, time));
        let by_hand = |limit: &Arc<Applied>| Throttle {
            limit: limit.clone(),
            // No request is answered by it.
            granted_us: u64::MAX,
            until_us,
            penalty_us: 0,
            at_most_us: 0,
            cause: "by hand".to_owned(),
        };
        drop(self.note(route.limits.iter().map(by_hand).collect(), now_us));
        self.flush().await
    }

    /// A response said that too many came.
    pub(crate) fn throttled(self: &Arc<Self>, grant: &Grant, wait: Option<Duration>) {
        let now_us = self.clock.now_us();
        let throttle = |limit: &Arc<Applied>| Throttle {
            limit: limit.clone(),
            granted_us: grant.sent_us,
            until_us: wait.map(|wait| until(now_us, wait)),
            penalty_us: PENALTY_US.0,
            at_most_us: PENALTY_US.1,
            cause: "a throttled response".to_owned(),
        };
        self.telemetry.throttled.increment(1);
        self.learn(grant.class.parts.iter().map(|(limit, _)| throttle(limit)).collect(), now_us);
    }

    /// What a response says: of its limits, of how long to wait, of the credential.
    pub(crate) fn hear(self: &Arc<Self>, grant: &Grant, said: &Observation) {
        let limits = || grant.class.parts.iter().map(|(limit, _)| limit);
        let sight = |seen: &Seen| {
            let limit = limits().find(|limit| limit.name() == seen.limit)?.clone();
            // A number out of a response may be any.
            let [quota, remaining] = [seen.quota, seen.remaining].map(|units| units.map(|units| units.min(MAX_UNITS)));
            Some(Sight { limit, granted_us: grant.sent_us, quota, remaining })
        };
        for sight in said.limits.iter().filter_map(sight) {
            self.state().lessons.see(sight);
        }
        if let Some(throttled) = &said.throttled {
            self.telemetry.throttled.increment(1);
            let now_us = self.clock.now_us();
            let about: Vec<_> = match &throttled.about {
                About::Limits(names) => {
                    let named: Vec<_> = limits().filter(|l| names.iter().any(|name| name == l.name())).collect();
                    // A limit that this request did not take from cannot be the one that held it up. About none at all
                    // is a lock, or another's trouble.
                    if named.is_empty() && !names.is_empty() { limits().collect() } else { named }
                }
                About::Route => limits().collect(),
            };
            let throttle = |limit| self.throttle(grant, limit, said.status, throttled, now_us);
            self.learn(about.into_iter().map(throttle).collect(), now_us);
        }
        if said.refused {
            self.refuse(said.status);
        }
    }

    fn throttle(
        &self,
        grant: &Grant,
        limit: &Arc<Applied>,
        status: u16,
        throttled: &Throttled,
        now_us: u64,
    ) -> Throttle {
        let how = match (&throttled.source, throttled.wait) {
            (Some(source), Some(wait)) => format!("{source} {:.1} s", wait.as_secs_f64()),
            _ => "no hint of how long".to_owned(),
        };
        let cause = format!("{status}, {how}");
        tracing::warn!(budget = self.budget.name(), limit = limit.name(), %cause, "throttled");
        if let Some(asked) = throttled.asked {
            tracing::warn!(
                budget = self.budget.name(),
                limit = limit.name(),
                asked_s = asked.as_secs(),
                "more was asked for than is waited"
            );
        }
        Throttle {
            limit: limit.clone(),
            granted_us: grant.sent_us,
            until_us: throttled.wait.map(|wait| until(now_us, wait)),
            penalty_us: throttled.penalty.map_or(PENALTY_US.0, |p| (p.as_micros() as u64).min(MAX_PENALTY_US)),
            at_most_us: PENALTY_US.1.max(limit.terms.period_us()),
            cause: cause.chars().take(MAX_CAUSE).collect(),
        }
    }

    /// The whole fleet is to know of a throttle, at once.
    fn learn(self: &Arc<Self>, throttles: Vec<Throttle>, now_us: u64) {
        self.rouse(self.note(throttles, now_us), true);
    }

    /// Notes throttles to be told, and says which of them begin a cooldown.
    fn note(&self, throttles: Vec<Throttle>, now_us: u64) -> MutexGuard<'_, State> {
        let mut state = self.state();
        for throttle in &throttles {
            if !state.began.begins(throttle, now_us) {
                continue;
            }
            let name = throttle.limit.name();
            if let Some(limit) = self.telemetry.limit(name) {
                limit.cooldowns.increment(1);
            }
            self.news.tell(|| {
                let wait = throttle.until_us.map(|until| Duration::from_micros(until.saturating_sub(now_us)));
                Event::Cooldown { limit: name.to_owned(), wait, cause: Some(throttle.cause.clone()) }
            });
        }
        state.lessons.throttles.extend(throttles);
        state
    }

    /// The provider refused the credential: those who wait are told, and those who come in the next while.
    pub(crate) fn refuse(self: &Arc<Self>, status: u16) {
        let now_us = self.clock.now_us();
        let refused = Refused { until_us: now_us + REFUSED_US, status };
        let mut state = self.state();
        state.refused = Some(refused);
        let error = self.refused(refused, now_us);
        let mut waiters = Vec::new();
        for queue in state.queues.values_mut() {
            waiters.extend(queue.waiters.drain(..).chain(queue.hasty.drain(..)));
            queue.gone = 0;
        }
        tracing::error!(
            budget = self.budget.name(),
            status,
            "the provider refuses the credential; nothing is sent for 30 s"
        );
        self.rouse(state, true);
        for waiter in waiters {
            _ = waiter.answer.send(Err(Refusal::Failed(error.clone())));
        }
    }

    pub(crate) fn refused(&self, refused: Refused, now_us: u64) -> Error {
        let wait = Duration::from_micros(refused.until_us.saturating_sub(now_us));
        let (budget, status) = (self.budget.name().to_owned(), refused.status);
        Error::new(ErrorKind::Refused { budget, status, wait })
    }
}

/// When a cooldown ends that begins now.
fn until(now_us: u64, wait: Duration) -> u64 {
    now_us.saturating_add(wait.min(MAX_COOLDOWN).as_micros() as u64)
}
