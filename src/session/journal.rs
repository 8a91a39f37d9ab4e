//! What this process used lately: what it tells a store that forgot.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::class::Applied;
use crate::exchange::Terms;

/// Units used within a short time.
#[derive(Debug, Clone, Copy)]
struct Entry {
    first_us: u64,
    at_us: u64,
    units: u64,
    /// The last exchange that reported some of them.
    seq: u64,
}

/// Entries nearer to each other than this part of the limit's period become one, at the later time.
const GRID: u64 = 256;

/// For how long what was used may matter.
fn horizon_us(terms: &Terms) -> u64 {
    match terms {
        // From the start of a window that the edge may have stretched to the end of the next one's skew.
        Terms::FixedWindow { per_us, .. } => per_us + per_us / 5,
        terms => terms.period_us(),
    }
}

#[derive(Debug, Default)]
pub(crate) struct Journal(HashMap<String, Record>);

#[derive(Debug)]
struct Record {
    limit: Arc<Applied>,
    entries: VecDeque<Entry>,
}

impl Journal {
    /// Notes units that an exchange reported.
    pub(crate) fn note(&mut self, limit: &Arc<Applied>, units: u64, at_us: u64, seq: u64) {
        let horizon = horizon_us(&limit.terms);
        if horizon == 0 || units == 0 {
            return;
        }
        if !self.0.contains_key(limit.terms.key()) {
            self.0.insert(limit.terms.key().to_owned(), Record { limit: limit.clone(), entries: VecDeque::new() });
        }
        let Some(record) = self.0.get_mut(limit.terms.key()) else { return };
        match record.entries.back_mut() {
            // From the first of them on: else a steady stream would become one entry that never ages out.
            Some(last) if at_us < last.first_us + horizon / GRID => {
                last.at_us = last.at_us.max(at_us);
                last.units += units;
                last.seq = seq;
            }
            _ => record.entries.push_back(Entry { first_us: at_us, at_us, units, seq }),
        }
        record.forget(at_us);
    }

    /// Forgets what has aged out everywhere; returns whether anything is left.
    pub(crate) fn trim(&mut self, now_us: u64) -> bool {
        self.0.retain(|_, record| {
            record.forget(now_us);
            !record.entries.is_empty()
        });
        !self.0.is_empty()
    }

    /// Everything that has not aged out: limit, units, when, and the exchange that reported it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Arc<Applied>, u64, u64, u64)> {
        self.0.values().flat_map(|r| r.entries.iter().map(move |e| (&r.limit, e.units, e.at_us, e.seq)))
    }
}

impl Record {
    /// Forgets what has aged out.
    fn forget(&mut self, now_us: u64) {
        let horizon = horizon_us(&self.limit.terms);
        while self.entries.front().is_some_and(|e| e.at_us + horizon <= now_us) {
            self.entries.pop_front();
        }
    }
}
