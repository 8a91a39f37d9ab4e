//! What is done with permits but not yet reported.

use std::sync::Arc;

use super::{
    class::{Applied, Class},
    flights::Held,
};
use crate::exchange::Part;

/// A landing looks for a record to join among so many.
const JOIN: usize = 8;

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
    pub(crate) limit: Arc<Applied>,
    pub(crate) units: i64,
    pub(crate) at_us: u64,
}

/// What is done but not yet reported, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Reports {
    landed: Vec<Landed>,
    corrections: Vec<Correction>,
    /// When it has to be reported at the latest.
    pub(crate) due_us: Option<u64>,
}

impl Reports {
    /// A correction that may ride on the next exchange.
    fn correct(&mut self, limit: &Arc<Applied>, units: i64, at_us: u64) {
        self.by(at_us.max(1));
        match self.corrections.iter_mut().find(|c| Arc::ptr_eq(&c.limit, limit) && c.at_us == at_us) {
            Some(known) => known.units += units,
            None => self.corrections.push(Correction { limit: limit.clone(), units, at_us }),
        }
    }

    /// Units that were used from then on, and that nothing tells of. What is held to the end does not age.
    pub(crate) fn charge<'a>(&mut self, parts: impl IntoIterator<Item = &'a (Arc<Applied>, u64)>, at_us: u64) {
        for (limit, units) in parts.into_iter().filter(|(limit, _)| !limit.terms.holds_to_the_end()) {
            self.correct(limit, *units as i64, at_us);
        }
    }

    /// Units that age since then, and that were not used after all.
    pub(super) fn give_back(&mut self, class: &Class, since_us: u64) {
        for (limit, units) in class.parts.iter().filter(|(limit, _)| !limit.terms.holds_to_the_end()) {
            self.correct(limit, -(*units as i64), since_us);
        }
    }

    /// Notes permits of one cost that are done, or a part of what they took is.
    pub(super) fn land(&mut self, class: &Arc<Class>, part: Part, count: u64, at_us: u64, hold_us: u64) {
        let lazy = if part == Part::Unsent { 0 } else { class.lazy_us };
        self.by(at_us + lazy);
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

    fn by(&mut self, at_us: u64) {
        // Nothing is written that stays as it is: callers on other cores would have to fetch it again.
        if self.due_us.is_none_or(|by| at_us < by) {
            self.due_us = Some(at_us);
        }
    }

    /// Whether a report is due.
    pub(crate) fn due(&self, now_us: u64) -> bool {
        self.due_us.is_some_and(|by| by <= now_us)
    }

    /// Takes what there is to report, oldest first.
    pub(crate) fn take(&mut self, most: usize) -> (Vec<Landed>, Vec<Correction>) {
        let rest = self.landed.split_off(self.landed.len().min(most));
        let landed = std::mem::replace(&mut self.landed, rest);
        let rest = self.corrections.split_off(self.corrections.len().min(most));
        let corrections = std::mem::replace(&mut self.corrections, rest);
        if self.landed.is_empty() && self.corrections.is_empty() {
            self.due_us = None;
        }
        (landed, corrections)
    }

    /// Nothing is waiting to be reported.
    pub(crate) fn is_empty(&self) -> bool {
        self.landed.is_empty() && self.corrections.is_empty()
    }

    /// What the store still believes to be in flight of what is done.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = (&Arc<Class>, Held, u64)> {
        self.landed.iter().map(Landed::in_flight)
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
