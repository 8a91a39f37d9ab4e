//! A bucket of `burst` units that refills steadily, but never above `burst` minus what is in flight: that is what keeps
//! an upstream's bucket from running dry, whatever the delays.
//!
//! The level is kept in units times `refill_us`, so that every step is a whole number. Twin: `lua/lib/token_bucket.lua`.

use super::limit::spread;

/// More room than any bucket has.
const PLENTY: i64 = 1 << 52;

/// State of one token bucket.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenBucket {
    /// Units times `refill_us`; below zero is a debt.
    pub(crate) level: i64,
    /// The level is that of this time.
    at: i64,
    /// That of the time before.
    prev: i64,
    /// Since when the level has stood at its cap, or 0.
    full_since: i64,
    /// How near the level came to its cap, lately and before that.
    room: Room,
    before: Room,
}

/// The least room below the cap that there was since a time: no more can be given back to who took it before that.
#[derive(Debug, Clone, Copy, Default)]
struct Room {
    since: i64,
    least: i64,
}

/// The numbers of one token bucket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    pub(crate) burst: i64,
    /// Units that come back in every `scale` microseconds.
    pub(crate) refill: i64,
    pub(crate) scale: i64,
}

impl TokenBucket {
    pub(crate) fn full(b: Bucket, now: i64) -> Self {
        let room = Room { since: now, least: PLENTY };
        Self { level: b.burst * b.scale, at: now, prev: now, full_since: now, room, before: room }
    }

    /// Refills up to now.
    pub(crate) fn roll(&mut self, b: Bucket, flying: i64, now: i64) {
        let cap = (b.burst - flying) * b.scale;
        if self.level < cap {
            let elapsed = now - self.at;
            let fill = (cap - self.level + b.refill - 1) / b.refill;
            if elapsed >= fill {
                self.full_since = self.at + fill;
                self.level = cap;
            } else {
                self.level += b.refill * elapsed;
                self.full_since = 0;
            }
        } else {
            self.level = cap;
            if self.full_since == 0 {
                self.full_since = self.at.max(1);
            }
        }
        if now > self.at {
            (self.prev, self.at) = (self.at, now);
        }
        if self.full_since > 0 {
            self.room = Room { since: now, least: PLENTY };
            self.before = self.room;
            return;
        }
        self.room.least = self.room.least.min(cap - self.level);
        if now - self.room.since >= b.burst * b.scale / b.refill {
            self.before = self.room;
            self.room = Room { since: now, least: cap - self.level };
        }
    }

    /// The level is counted by another scale from now on.
    pub(crate) fn rescale(&mut self, level: i64) {
        self.level = level;
        (self.room.least, self.before.least) = (0, 0);
    }

    /// What a full bucket would have gained from `since` on, had its cap been higher by `units`. It was full again only
    /// after that, so that nothing is gained twice in the same time.
    fn regain(&mut self, b: Bucket, units: i64, since: i64, now: i64) -> i64 {
        if self.full_since == 0 || units == 0 {
            return 0;
        }
        let from = since.max(self.full_since);
        let wanted = units * b.scale;
        let fill = (wanted + b.refill - 1) / b.refill;
        if now - from >= fill {
            self.full_since = from + fill;
            wanted
        } else {
            self.full_since = 0;
            b.refill * (now - from).max(0)
        }
    }

    /// Units granted.
    pub(crate) fn grant(&mut self, b: Bucket, units: i64) {
        self.level -= units * b.scale;
    }

    /// Units that were in flight landed at `at`: the cap rises by them, and did so from that time on.
    pub(crate) fn land(&mut self, b: Bucket, units: i64, at: i64, now: i64) {
        let was_full = self.full_since > 0;
        self.level += self.regain(b, units, at, now);
        if was_full && self.full_since == 0 {
            // With hindsight it was not full any more once they had landed.
            self.room.since = self.room.since.min(at);
            self.before = self.room;
        }
    }

    /// Units given back unsent: level and cap rise together.
    pub(crate) fn unsent(&mut self, b: Bucket, units: i64) {
        self.level += units * b.scale;
    }

    /// More was used at `at` than was asked for (above zero), or less.
    pub(crate) fn adjust(&mut self, b: Bucket, units: i64, flying: i64, at: i64, now: i64) {
        if units > 0 {
            self.level += self.regain(b, units, at, now) - units * b.scale;
            return;
        }
        if at < self.before.since {
            return;
        }
        // What would have flowed over since then is not given back.
        let mut room = (b.burst - flying) * b.scale - self.level;
        if at < self.prev {
            room = room.min(self.room.least);
        }
        if at < self.room.since {
            room = room.min(self.before.least);
        }
        let back = (-units * b.scale).min(room).max(0);
        self.level += back;
        if at < self.prev {
            self.room.least -= back;
        }
        if at < self.room.since {
            self.before.least -= back;
        }
    }

    /// Units free now.
    pub(crate) fn free(&self, b: Bucket) -> i64 {
        self.level.div_euclid(b.scale)
    }

    /// When the `k`-th unit beyond those free now comes free.
    pub(crate) fn release(&self, b: Bucket, k: i64, flying: i64, hold: i64, now: i64) -> i64 {
        let k = k.min(100 * b.burst); // keeps the product below 2^53
        let target = self.free(b) + k;
        let fill = (target * b.scale - self.level + b.refill - 1) / b.refill;
        // What is in flight keeps the cap down: so many must land first, and where they fill the bucket, each turn waits.
        let landings = (target - (b.burst - flying)).clamp(0, flying);
        let mut at = now + fill.max(0);
        if landings > 0 {
            at += spread(hold, landings, flying);
            if flying >= b.burst {
                at += hold * (k - 1).min(1_000_000) / b.burst;
            }
        }
        at
    }
}
