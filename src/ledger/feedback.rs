//! What responses said of one limit: that nobody may send for a while, what the provider's own numbers are, and that
//! others use it, too. Only limits of which something was said have one.
//!
//! Twin: `lua/lib/feedback.lua`.

use super::limit::Time;
use crate::exchange::{Cool, Seen};

/// After so long without one, or a period of the limit if that is longer, one throttle less counts as a repeat.
const FORGIVE: i64 = 60_000_000;
/// A higher quota is believed when so many responses in a row say the same.
const AGREED: i64 = 3;
/// How long the most that was in use is remembered, at most: it is twice that. Answers to older requests say nothing
/// about strangers.
const MEMORY: i64 = 5_000_000;
/// Where no header tells of them, what a throttle tells is believed if it is so many parts of the whole at least, and leaves
/// so many.
const PLAUSIBLE: i64 = 8;
const OURS: i64 = 4;
/// Else so many parts of what is left are left to them with each throttle that follows another, and one.
const GIVE: i64 = 4;
/// So many parts of the whole are taken back after the first [`FORGIVE`], and twice as many after each further one.
const TAKE: i64 = 16;
/// A limit of which nothing is known is tried at its rate rather than all at once for two periods of at most so long: by then
/// all of it was used once.
const FIRST: i64 = 60_000_000;
/// Others will use a little more than they were seen to: so many parts of it, and one.
const MORE: i64 = 8;

/// A limit, as far as what responses say of it depends on that.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    pub(crate) capacity: i64,
    pub(crate) period: i64,
    /// What others use of it is left to them: of a sliding window.
    pub(crate) shared: bool,
    /// There may be others: a throttle is most likely their doing.
    pub(crate) strangers: bool,
}

/// What responses said of one limit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feedback {
    /// The last cooldown: when it began, when it ends or ended, what for and who was told.
    pub(crate) cool_since: i64,
    pub(crate) cool_until: i64,
    pub(crate) cause: String,
    pub(crate) origin: String,
    /// Throttles that said nothing of how long, lately, and when the last came.
    strikes: i64,
    struck_at: i64,
    /// After a cooldown: how many units may be in flight, from one on; 0: as many as are free.
    pub(crate) ramp: i64,
    /// The provider's quota where it is lower than ours, 0 where not; a higher one, and how many responses said it.
    pub(crate) quota: i64,
    rumour: i64,
    agreed: i64,
    /// The most units that were used and in flight, since when; and before that.
    since: i64,
    most: i64,
    since_before: i64,
    most_before: i64,
    /// Units that others used, since when; of a sliding window, the most at a time, and before that.
    pub(crate) by_others: i64,
    by_others_since: i64,
    by_others_before: i64,
    /// Requests that were rejected in the same times: here they count, there as a rule not.
    rejected: i64,
    rejected_before: i64,
    /// Units of a sliding window that others must use, since throttles come again and again; and when that was thought.
    pub(crate) guess: i64,
    guessed_at: i64,
    /// Requests that were told no since the last cooldown began, the first of them too.
    told_no: i64,
    /// Requests that were told no, of all times.
    pub(crate) throttled: i64,
}

impl Feedback {
    /// For a limit of which so many units are used and in flight.
    pub(crate) fn new(busy: i64, t: Time) -> Self {
        Self { since: t.now, most: busy, since_before: t.now, by_others_since: t.now, ..Self::default() }
    }

    /// For a limit of which nothing is known, on a key that others may use: it is tried little by little, as after a
    /// cooldown.
    pub(crate) fn untried(t: Time) -> Self {
        Self { cool_until: t.now, ramp: 1, ..Self::new(0, t) }
    }

    /// Nobody sends for a while.
    pub(crate) fn cool(&mut self, cool: &Cool, origin: &str, numbers: Numbers, at_grant: bool, t: Time) {
        self.turn_over(numbers.period, t);
        self.rejected += 1;
        // What was sent before a cooldown began must not stretch it: all that was on its way is told the same. No answer
        // takes no time: that is a person's word.
        let sent = t.now - cool.age_us as i64;
        let late = sent < t.now && sent <= self.cool_since;
        if sent < t.now {
            self.throttled += 1;
        }
        self.told_no = if late { self.told_no + 1 } else { 1 };
        if numbers.shared {
            self.suspect(sent, late, numbers, t);
        }
        if late {
            return;
        }
        let wait = match cool.for_us {
            Some(us) => us as i64,
            None => self.strike(cool, numbers.period, t),
        };
        let until = t.now + wait;
        if until <= self.cool_until {
            return;
        }
        if self.cool_until <= t.now {
            self.cool_since = t.now;
        }
        self.cool_until = until;
        self.cause.clone_from(&cool.cause);
        origin.clone_into(&mut self.origin);
        // Units that age from their grant are never in flight, so nothing would tell of a probe.
        self.ramp = if at_grant { 0 } else { 1 };
    }

    /// What a throttle tells of others: the provider counted all of it, and we had less than that. So do those that were on
    /// their way with it, but not a probe.
    fn suspect(&mut self, sent: i64, late: bool, numbers: Numbers, t: Time) {
        let Numbers { capacity, period, strangers, .. } = numbers;
        if self.ramp == 1 && !late {
            return;
        }
        let guess = self.guess(capacity, period, t);
        // What was rejected is among ours here, and there it is not.
        let theirs = capacity - self.ours(sent) + self.told_no;
        // One unit of a handful is a great part of it.
        let theirs = theirs + (theirs / MORE).max((capacity / MORE).min(1));
        let plausible = theirs >= capacity / PLAUSIBLE && theirs <= capacity - capacity / OURS;
        let believed = if strangers && plausible && theirs > guess && sent >= self.since_before {
            theirs
        } else if !late && self.cool_since > 0 && t.now - self.cool_until < FORGIVE.max(period) {
            guess + (capacity - guess) / GIVE + 1
        } else {
            return;
        };
        (self.guess, self.guessed_at) = (believed.min(capacity), t.now);
    }

    /// How long to wait where nothing says: twice as long with each repeat.
    fn strike(&mut self, cool: &Cool, period: i64, t: Time) -> i64 {
        let quiet = (t.now - self.struck_at) / FORGIVE.max(period);
        self.strikes = (self.strikes - quiet).max(0);
        let wait = (cool.penalty_us as i64) << self.strikes.min(20);
        self.strikes = (self.strikes + 1).min(20);
        self.struck_at = t.now;
        wait.min(cool.at_most_us as i64)
    }

    /// Units answered whose permits were granted so long ago: after a cooldown each makes room for one more.
    pub(crate) fn answered(&mut self, units: i64, granted_ago: i64, capacity: i64, t: Time) -> bool {
        if self.ramp == 0 || t.now - granted_ago < self.cool_until {
            return false;
        }
        self.ramp += units;
        if self.ramp >= capacity {
            self.ramp = 0;
            self.strikes = (self.strikes - 1).max(0);
        }
        true
    }

    /// Units that may be in flight: none while it cools down, then one, then more and more, until it is as many as are free.
    /// In the beginning no more than twice what its `rate` needs, or two requests of several units (`head`): of what is sent
    /// all at once, all that a stranger leaves no room for is rejected.
    pub(crate) fn may_fly(&self, head: i64, rate: i64, period: i64, t: Time) -> i64 {
        if self.cool_until > t.now {
            0
        } else if self.ramp == 0 {
            i64::MAX
        } else if self.is_untried() && period <= FIRST && t.now - self.cool_until < 2 * period {
            self.ramp.min(1 + 2 * rate.max(head - 1))
        } else {
            self.ramp
        }
    }

    /// It was never cooled down, and is tried little by little all the same.
    fn is_untried(&self) -> bool {
        self.cool_since == 0
    }

    /// Units that were used, by what the provider says is left, beyond the most that we can have used when it was counted:
    /// they were not ours.
    fn not_ours(&self, seen: &Seen, capacity: i64, t: Time) -> Option<i64> {
        let (remaining, sent) = (seen.remaining?, t.now - seen.age_us as i64);
        if sent < self.since_before {
            return None;
        }
        let quota = seen.quota.filter(|q| *q > 0).map_or(capacity, |q| q as i64);
        Some(quota - remaining as i64 - self.ours(sent))
    }

    /// The most that we can have used when a request was counted that was sent then.
    fn ours(&self, sent: i64) -> i64 {
        if sent >= self.since { self.most } else { self.most.max(self.most_before) }
    }

    /// Units that others used and that we did not know of. Never less than none: what the provider says may only lower what
    /// we think is left. So much is to be `spare` beside a stranger: what he takes until the next answer.
    pub(crate) fn strangers(&mut self, seen: &Seen, capacity: i64, period: i64, spare: i64, t: Time) -> i64 {
        let Some(units) = self.not_ours(seen, capacity, t) else { return 0 };
        self.turn_over(period, t);
        let known = self.by_others > 0 || self.by_others_before > 0;
        let units = if units > 0 || known { units + spare } else { units };
        if units <= 0 {
            return 0;
        }
        self.by_others += units;
        self.most += units;
        units
    }

    /// The same of a sliding window, where others use about as much in each period: room is kept for that much. To count
    /// what they used like our own would give it to us as it ages out, while they come again.
    pub(crate) fn live_with(&mut self, seen: &Seen, capacity: i64, period: i64, t: Time) {
        let Some(units) = self.not_ours(seen, capacity, t) else { return };
        self.turn_over(period, t);
        // What was rejected was neither theirs nor ours.
        self.by_others = self.by_others.max((units + self.rejected + self.rejected_before).min(capacity));
    }

    fn turn_over(&mut self, period: i64, t: Time) {
        let passed = t.now - self.by_others_since;
        if passed < period {
            return;
        }
        (self.by_others_before, self.rejected_before) =
            if passed < 2 * period { (self.by_others, self.rejected) } else { (0, 0) };
        (self.by_others, self.rejected, self.by_others_since) = (0, 0, t.now);
    }

    /// Units of a sliding window that are left to others: the most of the last period or two, and a little more.
    pub(crate) fn left_to_others(&self, capacity: i64, period: i64, t: Time) -> i64 {
        let passed = t.now - self.by_others_since;
        let units = if passed < period {
            self.by_others.max(self.by_others_before)
        } else if passed < 2 * period {
            self.by_others
        } else {
            0
        };
        let seen = if units > 0 { units + units / MORE + 1 } else { 0 };
        seen.max(self.guess(capacity, period, t))
    }

    /// What others are thought to use; less and less as time passes without a throttle.
    fn guess(&self, capacity: i64, period: i64, t: Time) -> i64 {
        let quiet = (t.now - self.guessed_at) / FORGIVE.max(period);
        let parts = (1 << quiet.min(TAKE)) - 1;
        (self.guess - parts * (capacity / TAKE + 1)).max(0)
    }

    /// A lower quota holds at once, a higher one when it was said several times, and never above ours.
    pub(crate) fn learn(&mut self, quota: i64, capacity: i64) {
        let now = if self.quota > 0 { self.quota.min(capacity) } else { capacity };
        if quota.min(capacity) > now {
            self.agreed = if quota == self.rumour { self.agreed + 1 } else { 1 };
            self.rumour = quota;
            if self.agreed < AGREED {
                return;
            }
        }
        self.quota = if quota < capacity { quota } else { 0 };
        (self.rumour, self.agreed) = (0, 0);
    }

    /// Notes what is in use, after an exchange. The shorter the memory, the more it tells of strangers; it must be as long
    /// as an answer takes to be told of.
    pub(crate) fn note(&mut self, busy: i64, hold: i64, period: i64, t: Time) {
        if t.now - self.since >= MEMORY.min((4 * hold).max(period / 4)) {
            (self.since_before, self.most_before) = (self.since, self.most);
            (self.since, self.most) = (t.now, busy);
        }
        self.most = self.most.max(busy);
    }

    /// Whether it cools down, or is tried again little by little.
    pub(crate) fn cooling(&self, t: Time) -> bool {
        self.cool_until > t.now || (self.ramp > 0 && !self.is_untried())
    }

    /// Whether not all that is free may go.
    pub(crate) fn holds_back(&self, t: Time) -> bool {
        self.cool_until > t.now || self.ramp > 0
    }
}
