//! One exchange as the session sees it: with absolute times and shared definitions, so that it can be sent again, as
//! often as it takes, under the same number.

use std::{collections::HashMap, sync::Arc};

use super::{
    class::{Applied, Class},
    flights::Flights,
    journal::Journal,
    lessons::{Lessons, Sight, Throttle},
    reports::{Correction, Landed},
};
use crate::exchange::{Adjust, Ask, Complete, Cool, Past, Request, Resume, Seen, Terms};

/// What one exchange carries.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) asks: Vec<Asked>,
    pub(crate) landed: Vec<Landed>,
    pub(crate) corrections: Vec<Correction>,
    pub(crate) lessons: Lessons,
}

/// What one exchange asks for one route.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) route: u32,
    pub(crate) wait: bool,
    pub(crate) runs: Vec<(Arc<Class>, u64)>,
    /// All limits of the route: the store must see those that it waits for, too.
    pub(crate) limits: Vec<Arc<Applied>>,
}

/// Who sends it, and what the store should remember.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) session: String,
    pub(crate) who: String,
    pub(crate) seq: u64,
    pub(crate) acked: u64,
    pub(crate) node: String,
    pub(crate) settle_us: Option<u64>,
    pub(crate) lease_us: u64,
    pub(crate) at_grant: bool,
    pub(crate) strangers: bool,
}

/// What a session knows beside what it has to say: a store that forgot is told of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    pub(crate) flights: &'a Flights,
    pub(crate) journal: &'a Journal,
    pub(crate) cooling: &'a [Throttle],
}

/// Whether the store must be told again what it knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recall {
    /// It remembers.
    Nothing,
    /// It took this session for dead: tell it what is in flight.
    Flights,
    /// It forgot: tell it everything.
    All,
}

/// Numbers limits and costs as they come up.
#[derive(Default)]
struct Tables {
    limits: Vec<Terms>,
    by_key: HashMap<String, usize>,
    classes: Vec<Vec<(usize, u64)>>,
    by_class: Vec<(*const Class, usize)>,
    unix_us: u64,
}

impl Tables {
    fn limit(&mut self, limit: &Applied) -> usize {
        if let Some(&i) = self.by_key.get(limit.terms.key()) {
            return i;
        }
        self.limits.push(limit.terms_at(self.unix_us));
        self.by_key.insert(limit.terms.key().to_owned(), self.limits.len() - 1);
        self.limits.len() - 1
    }

    fn class(&mut self, class: &Arc<Class>) -> usize {
        let pointer = Arc::as_ptr(class);
        if let Some(&(_, i)) = self.by_class.iter().find(|(known, _)| *known == pointer) {
            return i;
        }
        let parts = class.parts.iter().map(|(limit, units)| (self.limit(limit), *units)).collect();
        self.classes.push(parts);
        self.by_class.push((pointer, self.classes.len() - 1));
        self.classes.len() - 1
    }
}

impl Pending {
    /// The request as it goes out at `now_us`; ages are measured from then. `unix_us` is the store's time, as far as we
    /// know.
    pub(crate) fn request(&self, head: &Head, recall: Recall, known: Known<'_>, now_us: u64, unix_us: u64) -> Request {
        let mut tables = Tables { unix_us, ..Tables::default() };
        let asks = self.asks.iter().map(|asked| {
            for limit in &asked.limits {
                tables.limit(limit);
            }
            let runs = asked.runs.iter().map(|(class, count)| (tables.class(class), *count)).collect();
            Ask { route: asked.route, wait: asked.wait, runs }
        });
        let asks = asks.collect();
        let mut completes: Vec<Complete> = Vec::with_capacity(self.landed.len());
        for landed in &self.landed {
            completes.push(Complete {
                class: tables.class(&landed.class),
                count: landed.count,
                age_us: now_us.saturating_sub(landed.at_us),
                hold_us: landed.hold_sum_us / landed.count,
                part: landed.part,
            });
        }
        let adjust = |c: &Correction| Adjust {
            limit: tables.limit(&c.limit),
            units: c.units,
            age_us: now_us.saturating_sub(c.at_us),
        };
        let adjusts = self.corrections.iter().map(adjust).collect();
        let forgotten = if recall == Recall::All { known.cooling } else { &[] };
        let cool = |throttle: &Throttle| Cool {
            limit: tables.limit(&throttle.limit),
            age_us: now_us.saturating_sub(throttle.granted_us),
            for_us: throttle.until_us.map(|until| until.saturating_sub(now_us)),
            penalty_us: throttle.penalty_us,
            at_most_us: throttle.at_most_us,
            cause: throttle.cause.clone(),
        };
        let cools = forgotten.iter().chain(&self.lessons.throttles).map(cool).collect();
        let sight = |sight: &Sight| Seen {
            limit: tables.limit(&sight.limit),
            age_us: now_us.saturating_sub(sight.granted_us),
            quota: sight.quota,
            remaining: sight.remaining,
        };
        let seen = self.lessons.sights.iter().map(sight).collect();
        let resume = (recall != Recall::Nothing).then(|| self.resume(recall, &mut tables, known, now_us));
        Request {
            session: head.session.clone(),
            who: head.who.clone(),
            seq: head.seq,
            acked: head.acked,
            node: head.node.clone(),
            settle_us: head.settle_us,
            lease_us: head.lease_us,
            at_grant: head.at_grant,
            strangers: head.strangers,
            limits: tables.limits,
            classes: tables.classes,
            resume,
            completes,
            adjusts,
            cools,
            seen,
            asks,
        }
    }

    fn resume(&self, recall: Recall, tables: &mut Tables, known: Known<'_>, now_us: u64) -> Resume {
        let mut in_flight: Vec<u64> = Vec::new();
        for (class, held, count) in known.flights.in_flight().chain(self.landed.iter().map(Landed::in_flight)) {
            for (limit, units) in held.of(class) {
                let i = tables.limit(limit);
                in_flight.resize(in_flight.len().max(i + 1), 0);
                in_flight[i] += units * count;
            }
        }
        let flights = in_flight.into_iter().enumerate().filter(|&(_, units)| units > 0).collect();
        let mut past = Vec::new();
        if recall == Recall::All {
            for (limit, units, at_us, seq) in known.journal.entries() {
                past.push(Past { limit: tables.limit(limit), units, age_us: now_us.saturating_sub(at_us), seq });
            }
        }
        Resume { flights, journal: past }
    }
}
