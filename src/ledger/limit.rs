//! One limit's state, whatever its kind: how many units are in flight, how they land, when more come free.
//!
//! Twin: `lua/lib/limit.lua`, and for what most exchanges do not ask of it `lua/lib/seldom.lua`.

use super::{
    feedback::{Feedback, Numbers},
    fixed_window::{FixedWindow, Window},
    sliding_window::SlidingWindow,
    token_bucket::{Bucket, TokenBucket},
};
use crate::exchange::{Cool, Request, Seen, Terms};

/// The mean hold that is thought of before one is known, where it matters.
const FIRST_HOLD: i64 = 50_000;
/// What counts as its period.
const CONCURRENCY_PERIOD: i64 = 200_000;
/// No hold is believed to be longer.
const LONGEST_HOLD: i64 = 1 << 32;

/// Beside a stranger so many parts of a bucket stay in it, and one unit.
const SPARE: i64 = 8;

/// Part of the mean hold after which the `place`-th of `flying` units is expected to land.
pub(crate) fn spread(hold: i64, place: i64, flying: i64) -> i64 {
    hold * (place * 1024 / flying) / 1024
}

/// The time of one exchange: `now` never goes back, `wall` is what the clock says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time {
    pub(crate) now: i64,
    pub(crate) wall: i64,
}

#[derive(Debug, Clone)]
enum State {
    Sliding(SlidingWindow),
    Bucket(TokenBucket),
    Fixed(FixedWindow),
    Concurrency,
}

/// State of one limit.
#[derive(Debug, Clone)]
pub(crate) struct Limit {
    pub(crate) terms: Terms,
    pub(crate) flying: i64,
    pub(crate) hold: i64,
    /// Places in line that want it.
    pub(crate) waiting: i64,
    /// Units kept for one who came in turn and found too few, until when, and for whom (its place).
    pub(crate) owed: Owed,
    /// What responses said of it, if anything.
    pub(crate) feedback: Option<Box<Feedback>>,
    state: State,
}

/// Units kept for one who came in turn and found too few.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Owed {
    pub(crate) units: i64,
    pub(crate) until: i64,
    pub(crate) place: i64,
}

fn bucket(terms: &Terms) -> Option<Bucket> {
    match *terms {
        Terms::TokenBucket { burst, refill_units, refill_us, .. } => {
            Some(Bucket { burst: burst as i64, refill: refill_units as i64, scale: refill_us as i64 })
        }
        _ => None,
    }
}

/// The window of a fixed-window limit.
pub(crate) fn window(terms: &Terms) -> Option<Window> {
    match *terms {
        Terms::FixedWindow { quota, per_us, skew_us, offset_us, edges, .. } => Some(Window {
            quota: quota as i64,
            per: per_us as i64,
            skew: skew_us as i64,
            offset: offset_us as i64,
            edges: edges.map(|e| e.map(|t| t as i64)),
        }),
        _ => None,
    }
}

impl Limit {
    pub(crate) fn new(terms: Terms, t: Time) -> Self {
        let state = Self::fresh(&terms, t);
        let hold = if terms.holds_to_the_end() { FIRST_HOLD } else { 0 };
        Self { terms, flying: 0, hold, waiting: 0, owed: Owed::default(), feedback: None, state }
    }

    /// The same on a key that others may use. What is open at a time is for us to count.
    pub(crate) fn untried(terms: Terms, t: Time) -> Self {
        let mut limit = Self::new(terms, t);
        if !limit.terms.holds_to_the_end() {
            limit.feedback = Some(Box::new(Feedback::untried(t)));
        }
        limit
    }

    fn fresh(terms: &Terms, t: Time) -> State {
        match terms {
            Terms::SlidingWindow { .. } => State::Sliding(SlidingWindow::default()),
            Terms::TokenBucket { .. } => {
                let b = bucket(terms).unwrap_or(Bucket { burst: 1, refill: 1, scale: 1 });
                State::Bucket(TokenBucket::full(b, t.now))
            }
            Terms::FixedWindow { .. } => State::Fixed(FixedWindow::default()),
            Terms::Concurrency { .. } => State::Concurrency,
        }
    }

    /// Takes the numbers of today. Another kind of limit under the same name starts anew with what is in flight.
    pub(crate) fn redefine(&mut self, terms: &Terms, t: Time) {
        let terms = self.shared(terms, t);
        if self.terms == terms {
            return;
        }
        if std::mem::discriminant(&self.terms) != std::mem::discriminant(&terms) {
            self.state = Self::fresh(&terms, t);
            if let (State::Bucket(s), Some(b)) = (&mut self.state, bucket(&terms)) {
                s.grant(b, self.flying);
            }
        } else if let (State::Bucket(s), Some(old), Some(new)) = (&mut self.state, bucket(&self.terms), bucket(&terms))
            && old.scale != new.scale
        {
            s.rescale(s.free(old) * new.scale);
        }
        self.terms = terms;
    }

    /// The numbers as the provider's own say: a lower quota, and what others use of a sliding window. One unit stays, to
    /// find out with.
    fn shared(&self, terms: &Terms, t: Time) -> Terms {
        let Some(feedback) = &self.feedback else { return terms.clone() };
        let mut quota = terms.capacity() as i64;
        if feedback.quota > 0 {
            quota = quota.min(feedback.quota);
        }
        if let Terms::SlidingWindow { per_us, .. } = terms {
            let ours = terms.capacity() as i64 - feedback.left_to_others(terms.capacity() as i64, *per_us as i64, t);
            quota = quota.min(ours.max(1));
        }
        if quota as u64 == terms.capacity() { terms.clone() } else { terms.clone().with_quota(quota as u64) }
    }

    /// What responses said of it, from now on.
    fn listen(&mut self, t: Time) -> &mut Feedback {
        let busy = self.used(t) + self.flying;
        self.feedback.get_or_insert_with(|| Box::new(Feedback::new(busy, t)))
    }

    /// Nobody sends for a while; `capacity` is ours.
    pub(crate) fn cool(&mut self, cool: &Cool, capacity: u64, request: &Request, t: Time) {
        let shared = matches!(self.terms, Terms::SlidingWindow { .. });
        let numbers =
            Numbers { capacity: capacity as i64, period: self.period(), shared, strangers: request.strangers };
        self.listen(t).cool(cool, &request.who, numbers, request.at_grant, t);
    }

    /// What the provider's own numbers say; `terms` are ours. What is open at a time is for us to count.
    pub(crate) fn see(&mut self, seen: &Seen, terms: &Terms, t: Time) {
        let (period, capacity) = (self.period(), terms.capacity() as i64);
        let learns = match terms {
            Terms::SlidingWindow { .. } | Terms::FixedWindow { .. } => true,
            Terms::TokenBucket { .. } => false,
            Terms::Concurrency { .. } => return,
        };
        let feedback = self.listen(t);
        if learns && let Some(quota) = seen.quota.filter(|q| *q > 0) {
            feedback.learn(quota as i64, capacity);
        }
        if matches!(terms, Terms::SlidingWindow { .. }) {
            feedback.live_with(seen, capacity, period, t);
        } else {
            let spare = if matches!(terms, Terms::TokenBucket { .. }) { capacity / SPARE + 1 } else { 0 };
            let strangers = feedback.strangers(seen, capacity, period, spare, t);
            if strangers > 0 {
                self.adjust(strangers, 0, t);
            }
        }
        self.redefine(terms, t);
    }

    /// Units answered whose permits were granted so long ago. Returns whether that is worth waking those who wait: as long as
    /// there was room for all of them, they wait for something else.
    pub(crate) fn answered(&mut self, units: i64, granted_ago: i64, t: Time) -> bool {
        let capacity = self.terms.capacity() as i64;
        let room = self.may_fly(1, t).saturating_sub(self.flying + units);
        let tried = self.feedback.as_mut().is_some_and(|f| f.answered(units, granted_ago, capacity, t));
        tried && room < self.waiting
    }

    /// Notes what is in use, after an exchange.
    pub(crate) fn note(&mut self, t: Time) {
        let (busy, hold, period) = (self.used(t) + self.flying, self.hold, self.period());
        if let Some(feedback) = &mut self.feedback {
            feedback.note(busy, hold, period, t);
        }
    }

    /// Units that may be in flight, as responses have it; `head`: of the next request.
    fn may_fly(&self, head: i64, t: Time) -> i64 {
        // Units in flight when as many go as come free.
        let rate = self.hold / (self.period() / self.terms.capacity() as i64).max(1);
        self.feedback.as_ref().map_or(i64::MAX, |f| f.may_fly(head, rate, self.period(), t))
    }

    /// Whether a request that is larger than what may still be in flight goes all the same.
    pub(crate) fn probes(&self, head: i64, t: Time) -> bool {
        let most = self.may_fly(head, t);
        most < i64::MAX && self.flying < most
    }

    /// Whether it cools down, or is tried again little by little.
    pub(crate) fn cooling(&self, t: Time) -> bool {
        self.feedback.as_ref().is_some_and(|f| f.cooling(t))
    }

    /// Brings the state up to now.
    pub(crate) fn roll(&mut self, t: Time) {
        match (&mut self.state, &self.terms) {
            (State::Sliding(s), Terms::SlidingWindow { per_us, .. }) => s.log.trim(t.now, *per_us as i64),
            (State::Bucket(s), terms) => {
                if let Some(b) = bucket(terms) {
                    s.roll(b, self.flying, t.now);
                }
            }
            (State::Fixed(s), terms) => {
                if let Some(w) = window(terms) {
                    s.roll(w, self.flying, t.wall);
                }
            }
            _ => {}
        }
    }

    /// Units free now; below zero: more is used than allowed. None while it cools down.
    pub(crate) fn free(&self, t: Time) -> i64 {
        let open = self.open(t);
        open.min((self.may_fly(1, t) - self.flying).max(0))
    }

    /// Units free now, whatever cools down.
    pub(crate) fn open(&self, t: Time) -> i64 {
        match (&self.state, &self.terms) {
            (State::Sliding(s), Terms::SlidingWindow { quota, .. }) => *quota as i64 - s.log.used - self.flying,
            (State::Concurrency, Terms::Concurrency { max, .. }) => *max as i64 - self.flying,
            (State::Bucket(s), terms) => bucket(terms).map_or(0, |b| s.free(b)),
            (State::Fixed(s), terms) => window(terms).map_or(0, |w| s.free(w, self.flying, t.wall)),
            _ => 0,
        }
    }

    /// Units that count as used now.
    pub(crate) fn used(&self, t: Time) -> i64 {
        match &self.state {
            State::Sliding(s) => s.log.used,
            State::Fixed(s) => s.used,
            State::Concurrency => 0,
            State::Bucket(_) => self.terms.capacity() as i64 - self.flying - self.open(t),
        }
    }

    /// Units granted: in flight from now on.
    pub(crate) fn grant(&mut self, units: i64, t: Time) {
        self.flying += units;
        match (&mut self.state, &self.terms) {
            (State::Bucket(s), terms) => {
                if let Some(b) = bucket(terms) {
                    s.grant(b, units);
                }
            }
            (State::Fixed(s), terms) => {
                if let Some(w) = window(terms) {
                    s.grant(w, units, t.wall);
                }
            }
            _ => {}
        }
    }

    /// Units landed `age` ago: `held` of them were known to be in flight.
    pub(crate) fn land(&mut self, units: i64, held: i64, age: i64, t: Time) {
        self.flying -= held;
        match (&mut self.state, &self.terms) {
            (State::Sliding(s), Terms::SlidingWindow { quota, per_us, .. }) => {
                s.log.add(t.now - age, units, *quota as i64, *per_us as i64, t.now);
            }
            (State::Bucket(s), terms) => {
                if let Some(b) = bucket(terms) {
                    s.land(b, held, t.now - age, t.now);
                    if units > held {
                        s.adjust(b, units - held, self.flying, t.now - age, t.now);
                    }
                }
            }
            (State::Fixed(s), terms) => {
                if let Some(w) = window(terms) {
                    s.land(w, units, t.wall - age);
                }
            }
            _ => {}
        }
    }

    /// Units were never sent.
    pub(crate) fn unsent(&mut self, held: i64) {
        self.flying -= held;
        if let (State::Bucket(s), Some(b)) = (&mut self.state, bucket(&self.terms)) {
            s.unsent(b, held);
        }
    }

    /// More was used `age` ago than was asked for (above zero), or less.
    pub(crate) fn adjust(&mut self, units: i64, age: i64, t: Time) {
        match (&mut self.state, &self.terms) {
            (State::Sliding(s), Terms::SlidingWindow { quota, per_us, .. }) => {
                if units > 0 {
                    s.log.add(t.now - age, units, *quota as i64, *per_us as i64, t.now);
                } else if age < *per_us as i64 {
                    s.log.refund(-units, t.now - age);
                }
            }
            (State::Bucket(s), terms) => {
                if let Some(b) = bucket(terms) {
                    s.adjust(b, units, self.flying, t.now - age, t.now);
                }
            }
            (State::Fixed(s), terms) => {
                if let Some(w) = window(terms) {
                    s.adjust(w, units, t.wall - age);
                }
            }
            _ => {}
        }
    }

    /// Learns how long permits are held: at first from one of them.
    pub(crate) fn learn(&mut self, hold: i64, count: i64) {
        let weight = if self.hold == 0 { 16 } else { count.min(16) };
        self.hold += ((hold.min(LONGEST_HOLD) - self.hold) * weight).div_euclid(16);
    }

    /// When the `k`-th unit beyond those free now is expected to come free.
    pub(crate) fn release(&self, k: i64, t: Time) -> i64 {
        let Some(feedback) = self.feedback.as_ref().filter(|f| f.holds_back(t)) else { return self.reopen(k, t) };
        // What is free all the same can go as soon as it has cooled down, or the probe has been answered.
        let hold = if self.hold == 0 { FIRST_HOLD } else { self.hold.max(1000) };
        let at = if feedback.cool_until > t.now { feedback.cool_until } else { t.now + hold };
        let beyond = k - self.open(t).max(0) + self.free(t).max(0);
        at.max(if beyond > 0 { self.reopen(beyond, t) } else { t.now })
    }

    /// The same as if nothing kept it closed.
    pub(crate) fn reopen(&self, k: i64, t: Time) -> i64 {
        match (&self.state, &self.terms) {
            (State::Sliding(s), Terms::SlidingWindow { quota, per_us, .. }) => {
                s.release(k, self.flying, self.hold, (*quota as i64, *per_us as i64), t.now)
            }
            (State::Concurrency, _) => {
                let place = if self.flying == 0 { 0 } else { (k - 1) % self.flying + 1 };
                let cycles = if self.flying == 0 { 0 } else { ((k - 1) / self.flying).min(1000) };
                let rest = if self.flying == 0 { 0 } else { spread(self.hold, place, self.flying) };
                t.now + (cycles * self.hold + rest).max(1000)
            }
            (State::Bucket(s), terms) => {
                bucket(terms).map_or(t.now, |b| s.release(b, k, self.flying, self.hold, t.now))
            }
            (State::Fixed(s), terms) => window(terms).map_or(t.now, |w| s.release(w, k, self.flying, t.now, t.wall)),
            _ => t.now,
        }
    }

    /// How long the whole of it takes to come back: what sleeps and laziness are measured by.
    pub(crate) fn period(&self) -> i64 {
        if self.terms.holds_to_the_end() { CONCURRENCY_PERIOD } else { self.terms.period_us() as i64 }
    }

    /// Nothing of it is in use: forgetting it changes nothing.
    pub(crate) fn idle(&self, t: Time) -> bool {
        let cools = self.feedback.as_ref().is_some_and(|f| f.cool_until > t.now);
        self.flying == 0 && self.waiting == 0 && !cools && self.open(t) >= self.terms.capacity() as i64
    }
}
