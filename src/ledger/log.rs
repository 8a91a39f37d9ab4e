//! The exact log of a sliding window: when units started to age, oldest first.
//!
//! Twin: `lua/lib/sliding_window.lua`, and for what is done elsewhere than at its two ends `lua/lib/past.lua`.

use std::collections::VecDeque;

/// With more entries than this, or a quota above it, new ones are rounded up to a grid of `per / GRID`.
pub(crate) const EXACT: usize = 1024;
/// Rounding costs at most this part of a window: half of the 0.1 % that merging may cost, the caller has the other half.
pub(crate) const GRID: i64 = 2048;
/// When something happened is known to the time that an exchange takes: less than this, or it is given up.
const SURE: i64 = 2_000_000;
/// The most that one exchange removes.
pub(crate) const TRIM: usize = 256;

/// Units and when they started to age.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log {
    pub(crate) used: i64,
    entries: VecDeque<(i64, i64)>,
}

impl Log {
    /// Forgets what left the window; when all did, at once, else a bounded piece.
    pub(crate) fn trim(&mut self, now: i64, per: i64) {
        if self.entries.back().is_some_and(|&(newest, _)| newest + per <= now) {
            self.entries.clear();
            self.used = 0;
        }
        for _ in 0..TRIM {
            match self.entries.front() {
                Some(&(at, units)) if at + per <= now => {
                    self.used -= units;
                    self.entries.pop_front();
                }
                _ => break,
            }
        }
    }

    /// Enters units that started to age at `at`, which may be a while ago.
    pub(crate) fn add(&mut self, at: i64, units: i64, quota: i64, per: i64, now: i64) {
        if units == 0 || at + per <= now {
            return;
        }
        let mut at = at;
        if quota > EXACT as i64 || self.entries.len() >= EXACT {
            let grid = (per + GRID - 1) / GRID;
            let over = at % grid;
            if over > 0 {
                at += grid - over;
            }
        }
        self.used += units;
        let place = self.entries.iter().rposition(|&(t, _)| t <= at);
        match place {
            Some(i) if self.entries[i].0 == at => self.entries[i].1 += units,
            Some(i) => self.entries.insert(i + 1, (at, units)),
            None => self.entries.push_front((at, units)),
        }
    }

    /// Takes units back that were said to be used at about `at`. Off an entry that is newer than theirs, what is used would
    /// leave before its time; so off the newest that are older for certain, and then off the oldest of all.
    pub(crate) fn refund(&mut self, units: i64, at: i64) {
        let mut left = units.min(self.used);
        self.used -= left;
        let mut place = self.entries.partition_point(|&(t, _)| t <= at - SURE);
        while left > 0 && place > 0 {
            place -= 1;
            let taken = left.min(self.entries[place].1);
            self.entries[place].1 -= taken;
            left -= taken;
            if self.entries[place].1 == 0 {
                self.entries.remove(place);
            }
        }
        while let Some(front) = self.entries.front_mut() {
            if left < front.1 {
                front.1 -= left;
                break;
            }
            left -= front.1;
            self.entries.pop_front();
            if left == 0 {
                break;
            }
        }
    }

    /// When the `k`-th of the units started to age (`1 <= k <= used`).
    pub(crate) fn nth(&self, k: i64) -> i64 {
        let mut seen = 0;
        for &(at, units) in &self.entries {
            seen += units;
            if seen >= k {
                return at;
            }
        }
        self.entries.back().map_or(0, |&(at, _)| at)
    }
}
