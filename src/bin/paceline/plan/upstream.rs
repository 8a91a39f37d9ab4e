//! The provider of a plan: it has the limits of the budget and counts arrivals exactly, with meters that share no code with
//! the limiter.

use std::time::Duration;

use jiff::tz::TimeZone;
use paceline::{Kind, Limit};

use crate::{
    calls::Take,
    provider::{Meter, MeterKind, MeterTurn, Term},
};

pub struct Upstream {
    /// With what a call takes of each.
    meters: Vec<(Meter, u64)>,
    pub rejected: u64,
}

/// What a limit allows in the long run.
#[derive(Debug, Clone)]
pub struct Allowance {
    pub limit: String,
    pub calls: f64,
    /// In so many seconds.
    pub per_s: f64,
    /// In any such time: a unit that is in flight keeps its place.
    pub slides: bool,
}

impl Allowance {
    /// `None`: it is not about time.
    pub fn of((limit, units): &Take) -> Option<Self> {
        let quota = match limit.kind() {
            Kind::SlidingWindow { quota } | Kind::FixedWindow { quota, .. } => quota,
            Kind::TokenBucket { refill, .. } => refill,
            _ => return None,
        };
        let (calls, per_s) = (quota.amount() as f64 / *units as f64, quota.period().as_secs_f64());
        let slides = matches!(limit.kind(), Kind::SlidingWindow { .. });
        Some(Self { limit: limit.name().to_owned(), calls, per_s, slides })
    }

    /// Calls a second.
    pub fn rate(&self) -> f64 {
        self.calls / self.per_s
    }

    /// The part of it that can be used when units are held for so long.
    pub fn possible(&self, hold_s: f64) -> f64 {
        if self.slides { self.per_s / (self.per_s + hold_s) } else { 1.0 }
    }

    /// The part that so many calls in so many seconds are of it.
    pub fn share(&self, calls: f64, seconds: f64) -> f64 {
        calls / (self.rate() * seconds.max(self.per_s))
    }
}

impl Upstream {
    pub fn of(takes: &[Take]) -> Self {
        let meters = takes.iter().filter_map(|(limit, units)| Some((Meter::new(term(limit)?), *units)));
        Self { meters: meters.collect(), rejected: 0 }
    }

    /// A call arrives. `false`: it is told 429.
    pub fn arrives(&mut self, now: Duration) -> bool {
        self.meters.iter_mut().for_each(|(meter, _)| meter.move_to(now));
        let accepted = self.meters.iter().all(|(meter, units)| meter.has_room(*units));
        if accepted {
            self.meters.iter_mut().for_each(|(meter, units)| meter.count(*units));
        } else {
            self.rejected += 1;
        }
        accepted
    }

    /// A call that was accepted is answered: at once, all that it takes is travel.
    pub fn answers(&mut self) {
        let open = self.meters.iter_mut().filter(|(meter, _)| meter.term.kind == MeterKind::Open);
        open.for_each(|(meter, units)| meter.give_back(*units));
    }
}

fn term(limit: &Limit) -> Option<Term> {
    let (kind, quota, per) = match limit.kind() {
        Kind::SlidingWindow { quota } => (MeterKind::Sliding, quota.amount(), quota.period()),
        Kind::TokenBucket { refill, burst } => (MeterKind::Bucket { refill: refill.amount() }, *burst, refill.period()),
        Kind::FixedWindow { quota, calendar } => {
            let zone = calendar.zone().and_then(|zone| TimeZone::get(zone).ok());
            let turn = zone.map_or(MeterTurn::Clock(calendar.offset()), MeterTurn::Midnight);
            (MeterKind::Fixed(turn), quota.amount(), quota.period())
        }
        Kind::Concurrency { max } => (MeterKind::Open, *max, Duration::ZERO),
        _ => return None,
    };
    Some(Term::new(limit.name(), kind, quota, per))
}
