//! `quota` units in any `per`: an exact log; a unit in flight holds its place.
//!
//! Twin: `lua/lib/sliding_window.lua`, and for what most exchanges do not ask of it `lua/lib/past.lua`.

use super::{limit::spread, log::Log};

/// State of one sliding window.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlidingWindow {
    pub(crate) log: Log,
}

impl SlidingWindow {
    /// When the `k`-th unit beyond those free now comes free. The log says it exactly, what is in flight follows, spread
    /// over the mean hold, then what is free now, which those ahead take at once; then all of it once more.
    pub(crate) fn release(&self, k: i64, flying: i64, hold: i64, (quota, per): (i64, i64), now: i64) -> i64 {
        let total = quota.max(self.log.used + flying);
        let cycles = ((k - 1) / total).min(100);
        let place = (k - 1) % total + 1;
        let at = if place <= self.log.used {
            self.log.nth(place) + per
        } else if place <= self.log.used + flying {
            now + per + spread(hold, place - self.log.used, flying)
        } else {
            now + per + hold
        };
        at + cycles * (per + hold)
    }
}
