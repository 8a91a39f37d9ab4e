//! So many units in so much time.

use std::{fmt, time::Duration};

use crate::{
    Error,
    exchange::MAX_UNITS,
    flaw::{Flaw, human, is_whole_micros},
};

const MIN_PERIOD: Duration = Duration::from_millis(1);
const MAX_PERIOD: Duration = Duration::from_secs(366 * 86_400);

/// An amount of units in a period of time.
///
/// ```
/// use paceline::Quota;
/// use std::time::Duration;
///
/// let quota = Quota::per_minute(150);
/// assert_eq!((quota.amount(), quota.period()), (150, Duration::from_secs(60)));
/// assert!(Quota::try_new(0, Duration::from_secs(1)).unwrap_err().is_config());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    amount: u64,
    period: Duration,
}

impl Quota {
    /// So many a second.
    ///
    /// # Panics
    /// If the amount is zero or above 2^40 - 1.
    #[track_caller]
    pub const fn per_second(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(1))
    }

    /// So many a minute.
    ///
    /// # Panics
    /// If the amount is zero or above 2^40 - 1.
    #[track_caller]
    pub const fn per_minute(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(60))
    }

    /// So many an hour.
    ///
    /// # Panics
    /// If the amount is zero or above 2^40 - 1.
    #[track_caller]
    pub const fn per_hour(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(3_600))
    }

    /// So many in 24 hours.
    ///
    /// # Panics
    /// If the amount is zero or above 2^40 - 1.
    #[track_caller]
    pub const fn per_day(amount: u64) -> Self {
        Self::per(amount, Duration::from_secs(86_400))
    }

    /// So many in a period of your own. For input rather than literals, use [`Quota::try_new`].
    ///
    /// # Panics
    /// If the amount is zero or above 2^40 - 1, or the period is not 1 ms to 366 days in whole microseconds.
    #[track_caller]
    pub const fn per(amount: u64, period: Duration) -> Self {
        assert!(is_amount(amount), "a quota is 1 to 2^40 - 1 units");
        assert!(is_period(period), "the period of a quota is 1 ms to 366 days, in whole microseconds");
        Self { amount, period }
    }

    /// A quota from input.
    ///
    /// # Errors
    /// A configuration error if the amount or the period is out of range.
    pub fn try_new(amount: u64, period: Duration) -> Result<Self, Error> {
        let quota = Self::unchecked(amount, period);
        match quota.flaws().into_iter().next() {
            Some(flaw) => Err(Error::config(flaw.text)),
            None => Ok(quota),
        }
    }

    /// How many units.
    pub const fn amount(&self) -> u64 {
        self.amount
    }

    /// In how much time.
    pub const fn period(&self) -> Duration {
        self.period
    }

    /// For the configuration, which wants the mistakes of all limits at once: [`crate::Budget`] checks it.
    pub(crate) const fn unchecked(amount: u64, period: Duration) -> Self {
        Self { amount, period }
    }

    pub(crate) fn flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::from_iter(amount_flaw("quota", self.amount));
        if !is_period(self.period) {
            let text = format!("per is {}; write 1ms to 366d, in whole microseconds", human(self.period));
            flaws.push(Flaw::new("per", text));
        }
        flaws
    }
}

/// What is wrong with a number of units, be it a quota, a burst or a concurrency.
pub(crate) fn amount_flaw(setting: &'static str, amount: u64) -> Option<Flaw> {
    (!is_amount(amount)).then(|| Flaw::new(setting, amount_text(setting, amount)))
}

/// The same words for what is no amount at all: -5, 1.5, "many".
pub(crate) fn amount_text(setting: &str, given: impl fmt::Display) -> String {
    format!("{setting} is {given}; write a whole number from 1 to {MAX_UNITS}")
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} per {}", self.amount, human(self.period))
    }
}

const fn is_amount(amount: u64) -> bool {
    amount >= 1 && amount <= MAX_UNITS
}

const fn is_period(period: Duration) -> bool {
    is_whole_micros(period)
        && period.as_micros() >= MIN_PERIOD.as_micros()
        && period.as_micros() <= MAX_PERIOD.as_micros()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_both_ranges_are_allowed() {
        assert!(Quota::try_new(1, MIN_PERIOD).is_ok());
        assert!(Quota::try_new(MAX_UNITS, MAX_PERIOD).is_ok());
    }

    #[test]
    fn what_lies_outside_is_refused_with_the_mend() {
        let error = |amount, period| Quota::try_new(amount, period).unwrap_err().to_string();
        let second = Duration::from_secs(1);
        assert_eq!(error(0, second), "quota is 0; write a whole number from 1 to 1099511627775");
        assert!(error(MAX_UNITS + 1, second).starts_with("quota is 1099511627776;"));
        assert_eq!(error(1, Duration::ZERO), "per is 0s; write 1ms to 366d, in whole microseconds");
        assert!(error(1, Duration::MAX).starts_with("per is "));
        assert_eq!(error(1, Duration::new(1, 1)), "per is 1s 1ns; write 1ms to 366d, in whole microseconds");
    }

    #[test]
    #[should_panic(expected = "a quota is 1 to 2^40 - 1 units")]
    fn a_zero_literal_panics() {
        let _ = Quota::per_second(0);
    }
}
