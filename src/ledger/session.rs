//! What the store knows of one session: its last exchange and reply, its lease, what it holds and what it waits for.
//!
//! Twin: `lua/lib/session.lua`.

use std::collections::BTreeMap;

use crate::exchange::Reply;

/// A place in line, on one route. One without limits stands in no line: its callers came while nobody is served.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) place: i64,
    pub(crate) due: i64,
    /// Callers that wait.
    pub(crate) wanted: i64,
    /// The limits it wants, with the units of its first request.
    pub(crate) wants: Vec<(String, i64)>,
}

impl Place {
    pub(crate) fn in_line(&self) -> bool {
        !self.wants.is_empty()
    }
}

/// One session.
#[derive(Debug, Clone)]
pub(crate) struct Session {
    pub(crate) seq: u64,
    pub(crate) since: i64,
    pub(crate) lease_end: i64,
    pub(crate) who: String,
    /// Calls granted so far, but for those that were never sent.
    pub(crate) calls: i64,
    /// Units in flight, by limit.
    pub(crate) flights: BTreeMap<String, i64>,
    pub(crate) places: BTreeMap<u32, Place>,
    pub(crate) reply: Option<Reply>,
}

impl Session {
    pub(crate) fn new(who: String, now: i64) -> Self {
        let (flights, places) = (BTreeMap::new(), BTreeMap::new());
        Self { seq: 0, since: now, lease_end: now, who, calls: 0, flights, places, reply: None }
    }

    /// Takes units out of flight, at most those that are there.
    pub(crate) fn take(&mut self, limit: &str, units: i64) -> i64 {
        let Some(held) = self.flights.get_mut(limit) else { return 0 };
        let taken = units.min(*held);
        *held -= taken;
        if *held == 0 {
            self.flights.remove(limit);
        }
        taken
    }
}
