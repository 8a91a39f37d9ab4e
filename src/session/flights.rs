//! Permits that are out.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use super::{
    class::{Applied, Class, Settled},
    reports::Reports,
};
use crate::exchange::Part;

/// Permits of one cost that one exchange granted.
#[derive(Debug)]
struct Batch {
    class: Arc<Class>,
    granted_us: u64,
    /// When its requests have arrived for certain.
    arrive_by_us: Option<u64>,
    /// Permits whose response is not in.
    open: u64,
    /// Permits that were given up while their requests may still be on the way.
    given_up: u64,
    /// What ages of them does so already: since then.
    arrived_us: Option<u64>,
}

impl Batch {
    /// When a request was counted whose answer is in now: what is known to be travel is taken off, it was that much earlier.
    fn counted_us(&self, now_us: u64, floor_us: u64) -> u64 {
        now_us.saturating_sub(floor_us).max(self.granted_us)
    }

    /// Nothing of it is out.
    fn is_over(&self) -> bool {
        self.open + self.given_up == 0
    }
}

/// How a permit ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The response is in.
    Answered,
    /// It was sent, and nobody waits for the response: the request may not even have arrived.
    GivenUp,
    /// It was never sent.
    Unsent,
}

/// All permits of a session that are out.
#[derive(Debug, Default)]
pub(crate) struct Flights {
    batches: BTreeMap<u64, Batch>,
    /// Batches whose requests have not arrived for certain, the oldest first.
    underway: VecDeque<(u64, u64)>,
    next: u64,
    /// What is done with them.
    pub(crate) reports: Reports,
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
        let batch = Batch { class, granted_us: now_us, arrive_by_us, open: count, given_up: 0, arrived_us };
        self.batches.insert(id, batch);
        id
    }

    /// One permit of a batch ended.
    pub(crate) fn end(&mut self, id: u64, end: End, now_us: u64, floor_us: u64) {
        let Self { batches, reports, .. } = self;
        let Some(batch) = batches.get_mut(&id) else { return };
        batch.open -= 1;
        let (class, granted_us, arrived) = (&batch.class, batch.granted_us, batch.arrived_us);
        let underway = arrived.is_none() && class.ages && batch.arrive_by_us.is_some_and(|by| by > now_us);
        if end == End::GivenUp && underway {
            // Were it to age from now on, it would be free again before a window has passed since it arrived.
            batch.given_up += 1;
            if class.to_the_end {
                reports.land(class, Part::Ended, 1, now_us, now_us - granted_us);
            }
            return;
        }
        match (end, arrived) {
            (End::GivenUp, None) => reports.land(class, Part::Whole, 1, now_us, now_us - granted_us),
            (End::Answered, None) => {
                let at = batch.counted_us(now_us, floor_us);
                reports.land(class, Part::Whole, 1, at, now_us - granted_us);
            }
            (End::Unsent, None) => reports.land(class, Part::Unsent, 1, now_us, 0),
            (end, Some(since)) => {
                if class.to_the_end {
                    reports.land(class, Part::Ended, 1, now_us, now_us - granted_us);
                }
                if end == End::Unsent {
                    reports.give_back(class, since);
                }
            }
        }
        if batch.is_over() {
            batches.remove(&id);
        }
    }

    /// One permit of a batch ended, and took something else than what it asked for.
    pub(crate) fn settle(&mut self, id: u64, settled: &Settled, now_us: u64, floor_us: u64) {
        let Self { batches, reports, .. } = self;
        let Some(batch) = batches.get_mut(&id) else { return };
        let at_us = match batch.arrived_us {
            // What it left ages with what it took: it is taken off again.
            Some(since) => {
                if let Some(left) = &settled.left {
                    reports.give_back(left, since);
                }
                self.end(id, End::Answered, now_us, floor_us);
                since
            }
            None => {
                let at = batch.counted_us(now_us, floor_us);
                if let Some(took) = &settled.took {
                    reports.land(took, Part::Whole, 1, at, now_us - batch.granted_us);
                }
                if let Some(left) = &settled.left {
                    reports.land(left, Part::Unsent, 1, now_us, 0);
                }
                batch.open -= 1;
                if batch.is_over() {
                    batches.remove(&id);
                }
                at
            }
        };
        self.reports.charge(&settled.beyond, at_us);
    }

    /// Requests that must have arrived by now start to age.
    pub(crate) fn arrive(&mut self, now_us: u64) {
        let Self { batches, underway, reports, .. } = self;
        while let Some(&(by, id)) = underway.front() {
            let Some(batch) = batches.get_mut(&id) else {
                underway.pop_front();
                continue;
            };
            if by > now_us {
                break;
            }
            underway.pop_front();
            batch.arrived_us = Some(by);
            if batch.class.ages {
                reports.land(&batch.class, Part::Arrived, batch.open + batch.given_up, by, by - batch.granted_us);
            }
            batch.given_up = 0;
            if batch.is_over() {
                batches.remove(&id);
            }
        }
    }

    /// When something has to be done next: a report, or requests that will have arrived.
    pub(crate) fn next_us(&self) -> Option<u64> {
        let arrival = self.underway.front().map(|(by, _)| *by);
        self.reports.due_us.into_iter().chain(arrival).min()
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
        let out = self.batches.values().flat_map(|b| {
            let held = if b.arrived_us.is_some() { Held::ToTheEnd } else { Held::Whole };
            [(&b.class, held, b.open), (&b.class, Held::Ageing, b.given_up)]
        });
        out.filter(|(.., count)| *count > 0).chain(self.reports.in_flight())
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
    /// Which limits of a permit those are, and units of each.
    pub(crate) fn of(self, class: &Class) -> impl Iterator<Item = (&Arc<Applied>, u64)> {
        let parts = class.parts.iter().filter(move |(limit, _)| self.includes(limit.terms.holds_to_the_end()));
        parts.map(|(limit, units)| (limit, *units))
    }

    /// Whether a limit is among them.
    pub(crate) fn includes(self, to_the_end: bool) -> bool {
        match self {
            Self::Whole => true,
            Self::Ageing => !to_the_end,
            Self::ToTheEnd => to_the_end,
        }
    }
}
