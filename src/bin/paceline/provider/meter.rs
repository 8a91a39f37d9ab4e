//! What a practice provider counts with: exact windows, buckets and open calls. It shares no code with the limiter.

use std::{collections::VecDeque, time::Duration};

use jiff::{Timestamp, tz::TimeZone};

/// One limit of a provider.
#[derive(Clone, Debug, PartialEq)]
pub struct Term {
    /// Unlike that of every other limit: with the endpoint in it, where each has its own.
    pub name: String,
    pub kind: Kind,
    pub quota: u64,
    pub per: Duration,
    /// Whether a call that was rejected counts all the same.
    pub counts_rejected: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Any half-open window `(t - per, t]`.
    Sliding,
    /// Windows side by side.
    Fixed(Turn),
    /// It holds `quota`; so much comes back in each `per`.
    Bucket { refill: u64 },
    /// Calls that are not answered yet.
    Open,
}

/// When fixed windows turn.
#[derive(Clone, Debug, PartialEq)]
pub enum Turn {
    /// At whole periods of the clock, and so long after.
    Clock(Duration),
    /// A window begins with the first call in it.
    First,
    /// At midnight in a zone.
    Midnight(TimeZone),
}

/// What one limit says of itself in the headers of an answer.
#[derive(Clone, Copy, Debug)]
pub struct Usage {
    pub quota: u64,
    pub used: u64,
    pub per: Duration,
    /// How long until as much comes free as the call takes.
    pub room_in: Duration,
    /// How long until a fixed window turns, or else all of it is free.
    pub full_in: Duration,
}

impl Usage {
    pub fn left(&self) -> u64 {
        self.quota.saturating_sub(self.used)
    }
}

impl Term {
    pub fn new(name: impl Into<String>, kind: Kind, quota: u64, per: Duration) -> Self {
        Self { name: name.into(), kind, quota, per, counts_rejected: false }
    }
}

/// One limit and what is used of it. Times are from the Unix epoch, and never go back.
pub struct Meter {
    pub term: Term,
    /// Units in the window or open; of a bucket, nothing.
    used: u64,
    /// What a sliding window counted.
    counted: VecDeque<(Duration, u64)>,
    /// When the fixed window turns.
    edge: Option<Duration>,
    /// What the bucket holds, times the nanoseconds of its period.
    level: u128,
    now: Duration,
}

impl Meter {
    pub fn new(term: Term) -> Self {
        let level = u128::from(term.quota) * term.per.as_nanos();
        Self { term, used: 0, counted: VecDeque::new(), edge: None, level, now: Duration::ZERO }
    }

    pub fn move_to(&mut self, now: Duration) {
        let passed = now - self.now;
        self.now = now;
        match &self.term.kind {
            Kind::Sliding => {
                while let Some((_, units)) = self.counted.front().filter(|(at, _)| *at + self.term.per <= now) {
                    self.used -= units;
                    self.counted.pop_front();
                }
            }
            Kind::Fixed(turn) => {
                if self.edge.is_none_or(|edge| edge <= now) {
                    self.used = 0;
                    self.edge = turn.next(now, self.term.per);
                }
            }
            Kind::Bucket { refill } => {
                let full = u128::from(self.term.quota) * self.term.per.as_nanos();
                self.level = (self.level + u128::from(*refill) * passed.as_nanos()).min(full);
            }
            Kind::Open => {}
        }
    }

    pub fn has_room(&self, units: u64) -> bool {
        match self.term.kind {
            Kind::Bucket { .. } => self.level >= u128::from(units) * self.term.per.as_nanos(),
            _ => self.used + units <= self.term.quota,
        }
    }

    pub fn count(&mut self, units: u64) {
        match self.term.kind {
            Kind::Bucket { .. } => self.level = self.level.saturating_sub(u128::from(units) * self.term.per.as_nanos()),
            Kind::Sliding => self.counted.push_back((self.now, units)),
            Kind::Fixed(_) => self.edge = self.edge.or(Some(self.now + self.term.per)),
            Kind::Open => {}
        }
        if !matches!(self.term.kind, Kind::Bucket { .. }) {
            self.used += units;
        }
    }

    /// The call is answered: what it did not take after all, or no longer holds.
    pub fn give_back(&mut self, units: u64) {
        let full = u128::from(self.term.quota) * self.term.per.as_nanos();
        match self.term.kind {
            Kind::Bucket { .. } => self.level = (self.level + u128::from(units) * self.term.per.as_nanos()).min(full),
            _ => self.used = self.used.saturating_sub(units),
        }
    }

    /// What it says to a call of so many units.
    pub fn usage(&self, units: u64) -> Usage {
        let Term { quota, per, .. } = self.term;
        let used = match self.term.kind {
            Kind::Bucket { .. } => quota - (self.level / per.as_nanos()) as u64,
            _ => self.used,
        };
        Usage { quota, used, per, room_in: self.reaches(units), full_in: self.reaches(quota) }
    }

    /// How long until so many units are free.
    fn reaches(&self, units: u64) -> Duration {
        match &self.term.kind {
            Kind::Sliding => {
                let mut free = self.term.quota.saturating_sub(self.used);
                let mut wait = Duration::ZERO;
                for (at, counted) in &self.counted {
                    if free >= units {
                        break;
                    }
                    free += counted;
                    wait = *at + self.term.per - self.now;
                }
                wait
            }
            Kind::Fixed(_) => self.edge.map_or(self.term.per, |edge| edge - self.now),
            Kind::Bucket { refill } => {
                let lacks = (u128::from(units) * self.term.per.as_nanos()).saturating_sub(self.level);
                Duration::from_nanos(lacks.div_ceil(u128::from((*refill).max(1))) as u64)
            }
            Kind::Open => Duration::ZERO,
        }
    }
}

impl Turn {
    /// The end of the window that `now` is in.
    fn next(&self, now: Duration, per: Duration) -> Option<Duration> {
        match self {
            Self::First => None,
            Self::Clock(after) => {
                let since = (now.saturating_sub(*after)).as_nanos() / per.as_nanos();
                Some(*after + Duration::from_nanos(((since + 1) * per.as_nanos()) as u64))
            }
            Self::Midnight(zone) => {
                let today = Timestamp::from_second(now.as_secs() as i64).ok()?.to_zoned(zone.clone());
                let next = today.tomorrow().ok()?.start_of_day().ok()?;
                u64::try_from(next.timestamp().as_second()).ok().map(Duration::from_secs)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn meter(kind: Kind, quota: u64, per: Duration) -> Meter {
        Meter::new(Term::new("m", kind, quota, per))
    }

    #[test]
    fn a_sliding_window_is_open_at_its_start_and_closed_at_its_end() {
        let mut window = meter(Kind::Sliding, 1, SECOND);
        let at = |ms| 100 * SECOND + Duration::from_millis(ms);
        window.move_to(at(0));
        window.count(1);
        window.move_to(at(999));
        assert!(!window.has_room(1));
        assert_eq!(window.usage(1).room_in, Duration::from_millis(1));
        window.move_to(at(1000));
        assert!(window.has_room(1) && window.usage(1).room_in.is_zero());
    }

    #[test]
    fn fixed_windows_turn_with_the_clock_the_first_call_or_midnight() {
        let mut hour = meter(Kind::Fixed(Turn::Clock(Duration::ZERO)), 1, 10 * SECOND);
        hour.move_to(107 * SECOND);
        hour.count(1);
        assert_eq!((hour.has_room(1), hour.usage(1).room_in), (false, 3 * SECOND));
        hour.move_to(110 * SECOND);
        assert!(hour.has_room(1));

        let mut first = meter(Kind::Fixed(Turn::First), 1, 10 * SECOND);
        first.move_to(107 * SECOND);
        first.count(1);
        first.move_to(116 * SECOND);
        assert_eq!((first.has_room(1), first.usage(1).room_in), (false, SECOND));

        let zone = TimeZone::get("America/New_York").unwrap();
        let noon: Timestamp = "2026-11-22T12:00:00-05:00".parse().unwrap();
        let mut day = meter(Kind::Fixed(Turn::Midnight(zone)), 1, 86_400 * SECOND);
        day.move_to(Duration::from_secs(noon.as_second() as u64));
        day.count(1);
        assert_eq!(day.usage(1).room_in, 12 * 3600 * SECOND);
    }

    #[test]
    fn a_bucket_fills_little_by_little_and_takes_back_what_was_too_much() {
        let mut bucket = meter(Kind::Bucket { refill: 2 }, 40, SECOND);
        bucket.move_to(SECOND);
        bucket.count(40);
        assert_eq!((bucket.has_room(1), bucket.usage(1).room_in), (false, SECOND / 2));
        bucket.move_to(2 * SECOND);
        assert_eq!(bucket.usage(1).used, 38);
        bucket.give_back(5);
        assert_eq!(bucket.usage(1).left(), 7);
    }

    #[test]
    fn what_is_open_comes_free_when_it_is_answered() {
        let mut open = meter(Kind::Open, 2, SECOND);
        open.count(1);
        open.count(1);
        assert!(!open.has_room(1));
        open.give_back(1);
        assert!(open.has_room(1));
    }
}
