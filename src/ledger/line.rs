//! The line: sessions that wait, each with a place and a time at which its turn is due, for each limit it wants.
//!
//! Kept in the order of (limit, due), so that every question below costs the logarithm of the line's length, or a
//! bounded look at its near end. Twin: `lua/lib/line.lua`.

use std::collections::BTreeSet;

/// A turn counts as due this much before its time ...
pub(crate) const EARLY: i64 = 500;
/// ... and as missed this much after it.
pub(crate) const GRACE: i64 = 10_000;
/// The most entries that one question looks at.
const LOOK: usize = 32;

/// One session's wish for one limit, on one route.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) limit: String,
    pub(crate) due: i64,
    pub(crate) place: i64,
    pub(crate) units: i64,
    pub(crate) session: String,
}

/// All who wait for a budget.
#[derive(Debug, Clone, Default)]
pub(crate) struct Line(BTreeSet<Entry>);

impl Line {
    pub(crate) fn join(&mut self, entry: Entry) {
        self.0.insert(entry);
    }

    pub(crate) fn leave(&mut self, entry: &Entry) {
        self.0.remove(entry);
    }

    fn due_between(&self, limit: &str, from: i64, to: i64) -> impl Iterator<Item = &Entry> {
        let bound = |due| Entry { limit: limit.into(), due, place: 0, units: 0, session: String::new() };
        self.0.range(bound(from)..bound(to + 1))
    }

    /// Units that those ahead of `place` may take right now: their turn is due and not missed. Sleepers hold nothing
    /// back, so nothing idles.
    pub(crate) fn held_back(&self, limit: &str, place: i64, now: i64) -> i64 {
        self.due_between(limit, now - GRACE + 1, now + EARLY)
            .take(LOOK)
            .filter(|e| e.place < place)
            .map(|e| e.units)
            .sum()
    }

    /// How many turns are due up to `at`, and not missed.
    pub(crate) fn due_until(&self, limit: &str, at: i64, now: i64) -> i64 {
        self.due_between(limit, now - GRACE + 1, at).count() as i64
    }

    /// How many turns of those ahead of `place` are due up to `at` and not missed, of the nearest.
    pub(crate) fn ahead_until(&self, limit: &str, place: i64, at: i64, now: i64) -> i64 {
        self.due_between(limit, now - GRACE + 1, at).take(LOOK).filter(|e| e.place < place).count() as i64
    }

    /// How many stand before a turn that is not due yet, and have not missed theirs.
    pub(crate) fn before(&self, limit: &str, due: i64, place: i64, now: i64) -> i64 {
        let bound = |due, place| Entry { limit: limit.into(), due, place, units: 0, session: String::new() };
        self.0.range(bound(now - GRACE + 1, 0)..bound(due, place)).count() as i64
    }

    /// The sessions of the nearest sleepers, but for `me`.
    pub(crate) fn nearest(&self, limit: &str, me: &str, now: i64, most: usize) -> Vec<String> {
        let sleepers = self.due_between(limit, now + EARLY + 1, i64::MAX - 1).take(most);
        sleepers.filter(|e| e.session != me).map(|e| e.session.clone()).collect()
    }
}
