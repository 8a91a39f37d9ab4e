//! When fixed windows begin and end: by plain arithmetic in UTC, by the local clock in a time zone.

use std::time::Duration;

use jiff::{
    Timestamp, ToSpan,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use crate::{
    flaw::{Flaw, human, is_whole_micros, micros},
    name::shown,
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
/// The periods that tile a local day.
const LOCAL_HOURS: [u32; 7] = [1, 2, 3, 4, 6, 8, 12];
/// What two clocks that both mean well may differ by around an edge.
const USUAL_SKEW: Duration = Duration::from_secs(1);

/// How the fixed windows of one limit lie in time.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    period: Duration,
    zone: Option<Zone>,
    offset: Duration,
    skew: Option<Duration>,
}

/// A zone as it was asked for. One that nobody knows is kept, to be refused with everything else that is wrong.
#[derive(Debug, Clone, PartialEq)]
struct Zone {
    name: String,
    rules: Option<TimeZone>,
}

impl Calendar {
    pub(crate) fn new(period: Duration) -> Self {
        Self { period, zone: None, offset: Duration::ZERO, skew: None }
    }

    pub(crate) fn set_zone(&mut self, name: String) {
        let rules = TimeZone::get(&name).ok();
        self.zone = Some(Zone { name, rules });
    }

    pub(crate) fn set_offset(&mut self, offset: Duration) {
        self.offset = offset;
    }

    pub(crate) fn set_skew(&mut self, skew: Duration) {
        self.skew = Some(skew);
    }

    /// The time zone by whose clock the windows turn; without one it is UTC.
    pub fn zone(&self) -> Option<&str> {
        self.zone.as_ref().map(|zone| zone.name.as_str())
    }

    /// How long after midnight (after the epoch, for windows that do not tile a day) the windows turn.
    pub fn offset(&self) -> Duration {
        self.offset
    }

    /// How near to an edge a request counts in both windows.
    pub fn skew(&self) -> Duration {
        self.skew.unwrap_or_else(|| USUAL_SKEW.min(self.max_skew()))
    }

    pub(crate) fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if let Some(Zone { name, rules: None }) = &self.zone {
            let mend = "write a name of the IANA list, such as \"America/New_York\"";
            flaws.push(Flaw::new("zone", format!("zone {} is not known; {mend}", shown(name))));
        }
        if let Some(zone) = &self.zone
            && self.local_rules().is_some()
            && !is_local_period(self.period)
        {
            let mend = "write 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d, or take the zone out";
            let text =
                format!("per is {}, which does not tile a day of zone {}; {mend}", human(self.period), zone.name);
            flaws.push(Flaw::new("per", text));
        }
        if self.offset >= self.period || !is_whole_micros(self.offset) {
            let text = format!("offset is {}; write less than per, in whole microseconds", human(self.offset));
            flaws.push(Flaw::new("offset", text));
        }
        if self.skew() > self.max_skew() || !is_whole_micros(self.skew()) {
            let text = format!("skew is {}; write at most a tenth of per, in whole microseconds", human(self.skew()));
            flaws.push(Flaw::new("skew", text));
        }
        flaws
    }

    /// The starts of the previous, this and the next window and the end of the next, strictly rising; `None` when the
    /// store can work them out: without a zone, and in years that no calendar knows.
    pub(crate) fn edges(&self, unix_us: u64) -> Option<[u64; 4]> {
        let rules = self.local_rules()?;
        let now = Timestamp::from_microsecond(i64::try_from(unix_us).ok()?).ok()?;
        // A clock is set back or forth by three hours at most, but for islands that changed sides of the date line and
        // skipped a day: there 24 hourly edges fall on one instant.
        [6, 30].into_iter().find_map(|reach| self.edges_within(rules, now, reach))
    }

    /// The edges around `now`, if they lie within so many periods on the local clock.
    fn edges_within(&self, rules: &TimeZone, now: Timestamp, reach: i64) -> Option<[u64; 4]> {
        let period = i64::try_from(self.period.as_secs()).ok()?;
        let epoch = DateTime::constant(1970, 1, 1, 0, 0, 0, 0).checked_add(self.offset).ok()?;
        // The period tiles a day, so on the local clock the edges lie evenly, whatever the days are.
        let local = rules.to_datetime(now).duration_since(epoch).as_secs().div_euclid(period);
        let mut instants = Vec::with_capacity(4 * usize::try_from(reach).ok()?);
        for index in local - reach..=local + reach {
            let civil = epoch.checked_add((index * period).seconds()).ok()?;
            self.push_instants(rules, civil, &mut instants)?;
        }
        instants.sort_unstable();
        instants.dedup();
        let next = instants.partition_point(|&edge| edge <= now);
        let around = instants.get(next.checked_sub(2)?..next + 2)?;
        let mut edges = [0; 4];
        for (edge, instant) in edges.iter_mut().zip(around) {
            *edge = u64::try_from(instant.as_microsecond()).ok()?;
        }
        Some(edges)
    }

    /// When the local clock shows `civil`, which may be twice; when it skips it, the moment it does.
    fn push_instants(&self, rules: &TimeZone, civil: DateTime, instants: &mut Vec<Timestamp>) -> Option<()> {
        match rules.to_ambiguous_timestamp(civil).offset() {
            AmbiguousOffset::Unambiguous { offset } => instants.push(offset.to_timestamp(civil).ok()?),
            AmbiguousOffset::Gap { before, .. } => {
                let as_if = before.to_timestamp(civil).ok()?.checked_add(1.microsecond()).ok()?;
                instants.push(rules.preceding(as_if).next()?.timestamp());
            }
            AmbiguousOffset::Fold { before, after } => {
                instants.push(before.to_timestamp(civil).ok()?);
                // An hour that comes twice is two windows; a day comes once, however long it is.
                if self.period < DAY {
                    instants.push(after.to_timestamp(civil).ok()?);
                }
            }
        }
        Some(())
    }

    /// The rules of a zone whose clock differs from UTC.
    fn local_rules(&self) -> Option<&TimeZone> {
        self.zone.as_ref()?.rules.as_ref().filter(|rules| **rules != TimeZone::UTC)
    }

    fn max_skew(&self) -> Duration {
        Duration::from_micros(micros(self.period) / 10)
    }
}

fn is_local_period(period: Duration) -> bool {
    period == DAY || LOCAL_HOURS.iter().any(|&hours| period == HOUR * hours)
}

#[cfg(test)]
mod tests;
