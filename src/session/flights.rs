//! Permits that are out, and what is done but not yet reported.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use super::class::Class;
use crate::exchange::Part;

/// A landing looks for a record to join among so many.
const JOIN: usize = 8;

/// Permits of one cost that one exchange granted.
#[derive(Debug)]
struct Batch {
    class: Arc<Class>,
    granted_us: u64,
    /// Permits whose response is not in.
    open: u64,
    /// What ages of them does so already: since then.
    arrived_us: Option<u64>,
}

/// Permits of one cost that are done, to be reported.
#[derive(Debug, Clone)]
pub(crate) struct Landed {
    pub(crate) class: Arc<Class>,
    pub(crate) part: Part,
    pub(crate) count: u64,
    first_us: u64,
    pub(crate) at_us: u64,
    pub(crate) hold_sum_us: u64,
}

/// A correction of what is used, to be reported.
#[derive(Debug, Clone)]
pub(crate) struct Correction {
    pub(crate) limit: Arc<super::class::Applied>,
    pub(crate) units: i64,
    pub(crate) at_us: u64,
}

/// How a permit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The response is in, or nobody knows better.
    Sent,
    /// It was never sent.
    Unsent,
}

/// All permits of a session that are out.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    batches: HashMap<u64, Batch>,
    /// Batches whose requests have not arrived for certain, the oldest first.
    underway: VecDeque<(u64, u64)>,
    next: u64,
    landed: Vec<Landed>,
    corrections: Vec<Correction>,
    report_by_us: Option<u64>,
}

impl Flights {
    /// Notes permits just granted; `ages_from_grant`: what ages of them does so at once.
    pub(crate) fn depart(
        &mut self,
        class: Arc<Class>,
        count: u64,
        now_us: u64,
        arrive_by_us: Option<u64>,
        ages_from_grant: bool,
    ) -> u64 {
        let id = self.next;
        self.next += 1;
        let arrived_us = ages_from_grant.then_some(now_us);
        if let (None, Some(by)) = (arrived_us, arrive_by_us) {
            self.underway.push_back((by, id));
        }
        self.batches.insert(id, Batch { class, granted_us: now_us, open: count, arrived_us });
        id
    }

    /// One permit of a batch ended; returns when it has to be reported at the latest.
    pub(crate) fn end(&mut self, id: u64, end: End, now_us: u64, floor_us: u64) {
        let Some(batch) = self.batches.get_mut(&id) else { return };
        batch.open -= 1;
        let (class, granted_us, arrived) = (batch.class.clone(), batch.granted_us, batch.arrived_us);
        if batch.open == 0 {
            self.batches.remove(&id);
        }
        match (end, arrived) {
            (End::Sent, None) => {
                // What is known to be travel is taken off: it was counted that much earlier.
                let at = now_us.saturating_sub(floor_us).max(granted_us);
                self.land(&class, Part::Whole, 1, at, now_us - granted_us);
            }
            (End::Unsent, None) => self.land(&class, Part::Unsent, 1, now_us, 0),
            (end, Some(since)) => {
                if class.to_the_end {
                    self.land(&class, Part::Ended, 1, now_us, now_us - granted_us);
                }
                if end == End::Unsent {
                    for (limit, units) in class.parts.iter().filter(|(l, _)| !l.terms.holds_to_the_end()) {
                        self.correct(limit.clone(), -(*units as i64), since);
                    }
                }
            }
        }
    }

    /// Since when what a permit took has been ageing; `None`: it does not yet.
    pub(crate) fn ageing_since(&self, id: u64) -> Option<u64> {
        self.batches.get(&id).and_then(|b| b.arrived_us)
    }

    /// A correction that may ride on the next exchange.
    pub(crate) fn correct(&mut self, limit: Arc<super::class::Applied>, units: i64, at_us: u64) {
        self.report_by(at_us.max(1));
        match self.corrections.iter_mut().find(|c| Arc::ptr_eq(&c.limit, &limit) && c.at_us == at_us) {
            Some(known) => known.units += units,
            None => self.corrections.push(Correction { limit, units, at_us }),
        }
    }

    /// Requests that must have arrived by now start to age.
    pub(crate) fn arrive(&mut self, now_us: u64) {
        while let Some(&(by, id)) = self.underway.front() {
            let Some(batch) = self.batches.get_mut(&id) else {
                self.underway.pop_front();
                continue;
            };
            if by > now_us {
                break;
            }
            self.underway.pop_front();
            batch.arrived_us = Some(by);
            let (class, open, hold) = (batch.class.clone(), batch.open, by - batch.granted_us);
            if class.ages {
                self.land(&class, Part::Arrived, open, by, hold);
            }
        }
    }

    fn land(&mut self, class: &Arc<Class>, part: Part, count: u64, at_us: u64, hold_us: u64) {
        let lazy = if part == Part::Unsent { 0 } else { class.lazy_us };
        self.report_by(at_us + lazy);
        let near = self.landed.iter_mut().rev().take(JOIN);
        for known in near.filter(|k| Arc::ptr_eq(&k.class, class) && k.part == part) {
            if at_us.saturating_sub(known.first_us) <= class.grain_us && at_us >= known.first_us {
                known.count += count;
                known.at_us = known.at_us.max(at_us);
                known.hold_sum_us += hold_us * count;
                return;
            }
        }
        let hold_sum_us = hold_us * count;
        self.landed.push(Landed { class: class.clone(), part, count, first_us: at_us, at_us, hold_sum_us });
    }

    fn report_by(&mut self, at_us: u64) {
        self.report_by_us = Some(self.report_by_us.map_or(at_us, |by| by.min(at_us)));
    }

    /// When something has to be done next: a report, or requests that will have arrived.
    pub(crate) fn next_us(&self) -> Option<u64> {
        let arrival = self.underway.front().map(|(by, _)| *by);
        self.report_by_us.into_iter().chain(arrival).min()
    }

    /// Whether a report is due.
    pub(crate) fn report_due(&self, now_us: u64) -> bool {
        self.report_by_us.is_some_and(|by| by <= now_us)
    }

    /// Takes what there is to report, oldest first.
    pub(crate) fn take(&mut self, most: usize) -> (Vec<Landed>, Vec<Correction>) {
        let rest = self.landed.split_off(self.landed.len().min(most));
        let landed = std::mem::replace(&mut self.landed, rest);
        let rest = self.corrections.split_off(self.corrections.len().min(most));
        let corrections = std::mem::replace(&mut self.corrections, rest);
        if self.landed.is_empty() && self.corrections.is_empty() {
            self.report_by_us = None;
        }
        (landed, corrections)
    }

    /// Nothing is waiting to be reported.
    pub(crate) fn reported(&self) -> bool {
        self.landed.is_empty() && self.corrections.is_empty()
    }

    /// No permit is out.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether the store holds anything for this session in flight.
    pub(crate) fn holds(&self) -> bool {
        self.batches.values().any(|b| b.arrived_us.is_none() || b.class.to_the_end)
    }

    /// What the store believes to be in flight of this session: what is out, and what landed but is not reported.
    pub(crate) fn in_flight(&self) -> impl Iterator<Item = (&Arc<Class>, Held, u64)> {
        let out = self.batches.values().map(|b| {
            let held = if b.arrived_us.is_some() { Held::ToTheEnd } else { Held::Whole };
            (&b.class, held, b.open)
        });
        out.chain(self.landed.iter().map(Landed::in_flight))
    }
}

/// Which limits of a permit are held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// All of them.
    Whole,
    /// Those that start to age when the request has arrived.
    Ageing,
    /// Those that are held until the response is in.
    ToTheEnd,
}

impl Held {
    /// Whether a limit is among them.
    pub(crate) fn includes(self, to_the_end: bool) -> bool {
        match self {
            Self::Whole => true,
            Self::Ageing => !to_the_end,
            Self::ToTheEnd => to_the_end,
        }
    }
}

impl Landed {
    /// What the store still believes to be in flight of it.
    pub(crate) fn in_flight(&self) -> (&Arc<Class>, Held, u64) {
        let held = match self.part {
            Part::Whole | Part::Unsent => Held::Whole,
            Part::Arrived => Held::Ageing,
            Part::Ended => Held::ToTheEnd,
        };
        (&self.class, held, self.count)
    }
}
