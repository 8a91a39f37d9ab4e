//! How a provider's numbers are changed, so that a practice of a few seconds has a minute and an hour in it.

use std::{str::FromStr, time::Duration};

use jiff::tz::TimeZone;

use super::meter::{Kind, Term, Turn};
use crate::args;

pub const SECOND: Duration = Duration::from_secs(1);
pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);
pub const DAY: Duration = Duration::from_secs(86_400);

/// A period that lasts longer or shorter than the provider says: `1m=3s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Period {
    pub says: Duration,
    pub lasts: Duration,
}

impl FromStr for Period {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (says, lasts) = text.split_once('=').ok_or("write two periods, as in `1m=3s`")?;
        Ok(Self { says: args::window(says)?, lasts: args::window(lasts)? })
    }
}

/// What differs from practice to practice.
#[derive(Clone, Debug)]
pub struct Setup {
    pub periods: Vec<Period>,
    /// What the quotas of those periods are multiplied by.
    pub scale: f64,
    /// Where the account is, for days that begin at its midnight.
    pub zone: TimeZone,
}

impl Default for Setup {
    fn default() -> Self {
        Self { periods: Vec::new(), scale: 1.0, zone: TimeZone::UTC }
    }
}

impl Setup {
    /// A limit with the numbers of this practice. Those of a bucket stay as they are.
    pub fn term(&self, name: impl Into<String>, kind: Kind, quota: u64, per: Duration) -> Term {
        let Some(period) = self.periods.iter().find(|period| period.says == per) else {
            return Term::new(name, kind, quota, per);
        };
        // No zone has days that are any shorter.
        let kind = if matches!(kind, Kind::Fixed(Turn::Midnight(_))) { clock() } else { kind };
        let quota = (quota as f64 * self.scale).round().max(1.0) as u64;
        Term::new(name, kind, quota, period.lasts)
    }

    pub fn sliding(&self, name: impl Into<String>, quota: u64, per: Duration) -> Term {
        self.term(name, Kind::Sliding, quota, per)
    }

    /// From midnight in the zone of the account.
    pub fn day(&self, name: impl Into<String>, quota: u64) -> Term {
        self.term(name, Kind::Fixed(Turn::Midnight(self.zone.clone())), quota, DAY)
    }
}

/// Windows that turn at whole periods of the clock.
pub fn clock() -> Kind {
    Kind::Fixed(Turn::Clock(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_that_is_shortened_takes_its_quota_along() {
        let setup = Setup { periods: vec!["1m=3s".parse().unwrap()], scale: 0.1, ..Setup::default() };
        let minute = setup.sliding("minute", 150, MINUTE);
        assert_eq!((minute.quota, minute.per), (15, 3 * SECOND));
        let second = setup.sliding("second", 10, SECOND);
        assert_eq!((second.quota, second.per), (10, SECOND));
        assert!("1m".parse::<Period>().is_err() && "1m=0s".parse::<Period>().is_err());
    }
}
