//! One act of a provider: its limits as they stand, and the log of what came.

use std::{collections::HashMap, time::Duration};

use super::{
    house::{Charge, House, Judged},
    log::Log,
    meter::{Kind, Meter},
    stranger::Stranger,
};

/// Limits of its own has every endpoint; more are not told apart, and reject what comes.
const MAX_METERS: usize = 4096;

#[derive(Default)]
pub struct Act {
    meters: Vec<Meter>,
    index: HashMap<String, usize>,
    strangers: Vec<Stranger>,
    pub log: Log,
    came: u64,
    /// When the first call came.
    began: Option<Duration>,
}

/// What a call took, by the numbers of the limits.
pub type Takes = Vec<(usize, u64)>;

impl Act {
    pub fn new(house: &dyn House) -> Self {
        let mut act = Self::default();
        for term in house.known() {
            act.meter(&Charge::one(term));
        }
        act
    }

    /// Calls so far.
    pub fn came(&mut self) -> u64 {
        self.came += 1;
        self.came - 1
    }

    /// The instant at which a call counts: in every limit that it takes from or, rejected, in those that count that too.
    pub fn judge(&mut self, now: Duration, client: &str, charges: &[Charge], share: f64) -> (Judged, Takes) {
        let takes: Takes = charges.iter().filter_map(|charge| Some((self.meter(charge)?, charge.units))).collect();
        if share > 0.0 && !self.strangers.iter().any(|stranger| stranger.is_at(&takes)) {
            let stranger = Stranger::new(&takes, &self.meters, share, now, self.strangers.is_empty());
            self.strangers.push(stranger);
        }
        while let Some(next) = self.strangers.iter().filter(|stranger| stranger.next <= now).map(|s| s.next).min() {
            let due = self.strangers.iter_mut().find(|stranger| stranger.next == next);
            let Some(due) = due else { break };
            let takes = due.comes();
            // What he used before anybody else came is no part of the act.
            let counts = self.take(next, &takes).is_none() && next >= self.began.unwrap_or(now);
            self.log.stranger(counts);
        }
        self.began.get_or_insert(now);
        let complete = takes.len() == charges.len();
        let hit = if complete { self.take(now, &takes) } else { Some(0) };
        let usages = takes.iter().map(|(meter, units)| self.meters[*meter].usage(*units)).collect();
        let net = takes.iter().zip(charges).map(|((meter, units), charge)| match charge.term.kind {
            Kind::Open => (*meter, *units),
            _ => (*meter, units - charge.back),
        });
        self.log.arrived(now, client, &net.collect::<Takes>(), hit.is_none());
        (Judged { hit, usages, now }, takes)
    }

    /// The call is answered.
    pub fn give_back(&mut self, takes: &Takes, charges: &[Charge]) {
        for ((meter, _), charge) in takes.iter().zip(charges) {
            self.meters[*meter].give_back(charge.back);
        }
    }

    /// Counts a call, or gives the place of the first limit that has no room for it.
    fn take(&mut self, now: Duration, takes: &Takes) -> Option<usize> {
        for (meter, _) in takes {
            self.meters[*meter].move_to(now);
        }
        let hit = takes.iter().position(|(meter, units)| !self.meters[*meter].has_room(*units));
        for (meter, units) in takes {
            let meter = &mut self.meters[*meter];
            if hit.is_none() || meter.term.counts_rejected {
                meter.count(*units);
            }
        }
        hit
    }

    fn meter(&mut self, charge: &Charge) -> Option<usize> {
        if let Some(known) = self.index.get(&charge.term.name) {
            return Some(*known);
        }
        if self.meters.len() >= MAX_METERS {
            return None;
        }
        self.meters.push(Meter::new(charge.term.clone()));
        let number = self.log.limit(charge.term.clone());
        self.index.insert(charge.term.name.clone(), number);
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::{
        house::{Call, named},
        setup::{SECOND, Setup},
    };

    const START: Duration = Duration::from_secs(1_800_000_000);

    fn call(method: &str, path: &str, number: u64) -> Call {
        Call { number, ..Call::to(method, path) }
    }

    /// Calls every `gap` for `time`; how many were accepted.
    fn accepted(name: &str, method: &str, path: &str, gap: Duration, time: Duration, share: f64) -> u64 {
        let house = named(name, Setup::default()).unwrap();
        let mut act = Act::new(&*house);
        let mut now = START;
        while now < START + time {
            let call = call(method, path, act.came());
            let charges = house.charges(&call);
            let (judged, takes) = act.judge(now, "a", &charges, share);
            house.answer(&call, &judged);
            act.give_back(&takes, &charges);
            now += gap;
        }
        act.log.stats().accepted
    }

    #[test]
    fn each_provider_lets_in_what_its_pages_say() {
        let ms = SECOND / 1000;
        for (name, method, path, time, most) in [
            ("keap", "GET", "/crm/rest/v1/contacts", 10 * SECOND, 50),
            ("klinky", "GET", "/links", 10 * SECOND, 100),
            ("aisoule", "GET", "/api/messages", 5 * SECOND, 50),
            ("customerio", "POST", "/v1/campaigns/7/triggers", 20 * SECOND, 2),
            ("customerio", "GET", "/v1/segments", 3 * SECOND, 30),
            ("stripe", "GET", "/v1/charges", 3 * SECOND, 75),
            ("slack", "GET", "/api/users.list", 30 * SECOND, 20),
            ("hubspot", "GET", "/crm/v3/objects/contacts", 20 * SECOND, 200),
            ("hubspot", "POST", "/crm/v3/objects/contacts/search", 3 * SECOND, 12),
            ("shopify", "GET", "/admin/api/2026-01/orders.json", 10 * SECOND, 59),
            ("github", "GET", "/repos/a/b", 30 * SECOND, 900),
            ("github", "POST", "/repos/a/b/issues", 30 * SECOND, 80),
            ("klaviyo", "GET", "/api/flows", 10 * SECOND, 32),
        ] {
            let came = accepted(name, method, path, 2 * ms, time, 0.0);
            assert!(came.abs_diff(most) <= 1, "{name} {path}: {came}, not {most}");
        }
    }

    #[test]
    fn a_stranger_leaves_the_others_what_he_does_not_take() {
        let alone = accepted("hubspot", "GET", "/crm/v3/objects/contacts", SECOND / 100, 60 * SECOND, 0.0);
        // Each comes to an even half if nobody crowds the other out.
        let beside = accepted("hubspot", "GET", "/crm/v3/objects/contacts", SECOND / 5, 60 * SECOND, 0.5);
        assert_eq!(alone, 600);
        assert!((290..=300).contains(&beside), "{beside}");
    }
}
