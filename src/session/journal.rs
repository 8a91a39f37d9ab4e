//! What this process used lately: what it tells a store that forgot.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::class::{Applied, horizon_us};

/// Entries nearer to each other than this part of the limit's period become one, at the later time.
const GRID: u64 = 256;

#[derive(Debug, Default)]
pub(crate) struct Journal(HashMap<String, Record>);

#[derive(Debug)]
struct Record {
    limit: Arc<Applied>,
    /// When, how many units, and the exchange that reported them.
    entries: VecDeque<(u64, u64, u64)>,
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
        let last = record.entries.back_mut();
        match last {
            Some(last) if at_us < last.0 + horizon / GRID => {
                *last = (last.0.max(at_us), last.1 + units, seq);
            }
            _ => record.entries.push_back((at_us, units, seq)),
        }
        while record.entries.front().is_some_and(|(at, ..)| at + horizon <= at_us) {
            record.entries.pop_front();
        }
    }

    /// Forgets what has aged out everywhere; returns whether anything is left.
    pub(crate) fn trim(&mut self, now_us: u64) -> bool {
        self.0.retain(|_, record| {
            let horizon = horizon_us(&record.limit.terms);
            while record.entries.front().is_some_and(|(at, ..)| at + horizon <= now_us) {
                record.entries.pop_front();
            }
            !record.entries.is_empty()
        });
        !self.0.is_empty()
    }

    /// Everything that has not aged out: limit, units, when, and the exchange that reported it.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&Arc<Applied>, u64, u64, u64)> {
        self.0.values().flat_map(|r| r.entries.iter().map(move |&(at, units, seq)| (&r.limit, units, at, seq)))
    }
}
