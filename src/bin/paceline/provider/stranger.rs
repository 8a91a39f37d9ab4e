//! Somebody else who draws from the same budget, evenly: another program on the same account.

use std::time::Duration;

use super::{
    act::Takes,
    meter::{Kind, Meter},
};

/// He has been at it for at most so long before the first call.
const BEFORE: Duration = Duration::from_secs(3600);

pub struct Stranger {
    /// Of whose calls he is like.
    route: Takes,
    takes: Takes,
    gap: Duration,
    pub next: Duration,
}

impl Stranger {
    /// One who calls what a route's calls take, so often that he uses a share of the limit that binds. The first one has
    /// done so for as long as the limits remember.
    pub fn new(takes: &Takes, meters: &[Meter], share: f64, now: Duration, first: bool) -> Self {
        let terms = || takes.iter().map(|(meter, units)| (&meters[*meter].term, *units));
        let gap = terms().filter_map(|(term, units)| {
            let rate = match term.kind {
                Kind::Bucket { refill } => refill,
                Kind::Open => return None,
                Kind::Sliding | Kind::Fixed(_) => term.quota,
            };
            Some(term.per.mul_f64(units as f64 / (rate as f64 * share)))
        });
        let gap = gap.max().unwrap_or(BEFORE).max(Duration::from_micros(10));
        let before = terms().map(|(term, _)| term.per).max().unwrap_or_default().min(BEFORE);
        // His calls are answered at once.
        let mine: Takes = takes.iter().filter(|(meter, _)| meters[*meter].term.kind != Kind::Open).copied().collect();
        Self { route: takes.clone(), takes: mine, gap, next: if first { now - before } else { now } }
    }

    pub fn is_at(&self, takes: &Takes) -> bool {
        self.route.len() == takes.len() && self.route.iter().zip(takes).all(|(mine, theirs)| mine.0 == theirs.0)
    }

    /// He comes now, and when he comes again.
    pub fn comes(&mut self) -> Takes {
        self.next += self.gap;
        self.takes.clone()
    }
}
