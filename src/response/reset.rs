//! When a limit is full again. Neither a header's name nor its case fixes what its number means: `X-RateLimit-Reset` is
//! seconds at one provider, an instant at the next and milliseconds at a third. In this order:
//!
//! 1. a date, and a length of time with units, say themselves what they are;
//! 2. a plain number means what the dialect says (`reset_is`);
//! 3. without that, a name that ends in `-ms` says it;
//! 4. else what is plausible: an instant in seconds, milliseconds, microseconds or nanoseconds near now, or seconds from now.
//!    The ranges do not meet before the year 2100;
//! 5. what would be far beyond the limit's window as seconds, and fits it as milliseconds, is milliseconds.
//!
//! What fits none of these is unknown.

use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::number;

const SECOND: u128 = 1_000_000_000;
const DAY: u128 = 86_400 * SECOND;
/// The longest time from now that is believed: no window that is counted down lasts longer than a month.
const FARTHEST: u128 = 31 * DAY;
/// An instant that has just passed, or lies in the coming year, give or take a month.
const PAST: u128 = DAY;
const AHEAD: u128 = 400 * DAY;

/// What the plain number in a reset means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Seconds,
    Millis,
    Minutes,
    Unix,
    UnixMillis,
    /// A plain number is neither of these two, so it says nothing.
    Date,
    WithUnits,
}

/// As a dialect spells them.
pub(super) const UNITS: [(&str, Unit); 7] = [
    ("seconds", Unit::Seconds),
    ("ms", Unit::Millis),
    ("minutes", Unit::Minutes),
    ("unix", Unit::Unix),
    ("unix-ms", Unit::UnixMillis),
    ("date", Unit::Date),
    ("duration", Unit::WithUnits),
];

/// How long until the reset that a header or field called `name` tells.
pub(super) fn reset_in(
    text: &str,
    unit: Option<Unit>,
    name: &str,
    window: Option<Duration>,
    now: Duration,
) -> Option<Duration> {
    let now = now.as_nanos();
    if let Some(at) = date(text) {
        return (at <= now.saturating_add(AHEAD)).then(|| number::time(at.saturating_sub(now)));
    }
    if let Some(time) = number::with_units(text) {
        return from_now(time.as_nanos());
    }
    let n = number::decimal(text)?;
    match unit {
        Some(Unit::Seconds) => from_now(n),
        Some(Unit::Millis) => from_now(n / 1_000),
        Some(Unit::Minutes) => from_now(n.saturating_mul(60)),
        Some(Unit::Unix) => until(n, now),
        Some(Unit::UnixMillis) => until(n / 1_000, now),
        Some(Unit::Date | Unit::WithUnits) => None,
        None if in_millis(name) && n / 1_000 <= FARTHEST => from_now(n / 1_000),
        None => until_instant(n, now).or_else(|| from_now(scaled_to(window, n))),
    }
}

/// How long until this number as an instant near now, in whichever unit that makes it one.
pub(super) fn until_instant(n: u128, now: u128) -> Option<Duration> {
    [1, 1_000, 1_000_000, 1_000_000_000].into_iter().find_map(|scale| until(n / scale, now))
}

/// A date as HTTP writes it, in its three forms, or as RFC 3339 does, also without seconds. In nanoseconds since 1970.
pub(super) fn date(text: &str) -> Option<u128> {
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos());
    }
    // Before 1970 is past, as 1970 is.
    let date: Timestamp = text.parse().ok()?;
    Some(u128::try_from(date.as_nanosecond()).unwrap_or(0))
}

pub(super) fn in_millis(name: &str) -> bool {
    name.ends_with("-ms") || name.ends_with("_ms")
}

fn until(at: u128, now: u128) -> Option<Duration> {
    let near = now.saturating_sub(PAST)..=now.saturating_add(AHEAD);
    near.contains(&at).then(|| number::time(at.saturating_sub(now)))
}

/// A time from now, if it can be believed.
pub(super) fn from_now(nanos: u128) -> Option<Duration> {
    (nanos <= FARTHEST).then(|| number::time(nanos))
}

fn scaled_to(window: Option<Duration>, n: u128) -> u128 {
    let Some(window) = window else { return n };
    let most = window.as_nanos().saturating_mul(2);
    if n > most && n / 1_000 <= most { n / 1_000 } else { n }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-23T04:00:00Z.
    const NOW: Duration = Duration::from_secs(1_795_406_400);

    fn guessed(text: &str) -> Option<f64> {
        reset_in(text, None, "x-ratelimit-reset", None, NOW).map(|reset| reset.as_secs_f64())
    }

    #[test]
    fn a_number_is_guessed_by_what_is_plausible() {
        assert_eq!(guessed("30"), Some(30.0));
        assert_eq!(guessed("1795406430"), Some(30.0));
        assert_eq!(guessed("1795406430.25"), Some(30.25));
        assert_eq!(guessed("1795406430000"), Some(30.0));
        assert_eq!(guessed("1795406430000000"), Some(30.0));
        assert_eq!(guessed("1795406430000000000"), Some(30.0));
        assert_eq!(guessed("1795406399"), Some(0.0), "just passed");
        assert_eq!(guessed("2678400"), Some(2_678_400.0), "31 days");
        for unknown in ["2678401", "158663200", "1695406400", "1895406400", "99999999999999999999", "-5", "1e3", ""] {
            assert_eq!(guessed(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn a_date_says_itself_what_it_is() {
        for text in [
            "2026-11-23T04:00:30Z",
            "2026-11-23T05:00:30+01:00",
            "2026-11-23T04:00:30.000Z",
            "Mon, 23 Nov 2026 04:00:30 GMT",
            "Monday, 23-Nov-26 04:00:30 GMT",
            "Mon Nov 23 04:00:30 2026",
        ] {
            assert_eq!(guessed(text), Some(30.0), "{text}");
        }
        assert_eq!(guessed("2026-11-23T04:01Z"), Some(60.0), "without seconds");
        assert_eq!(guessed("1969-12-31T00:00:00Z"), Some(0.0));
        for unknown in ["2026-11-23T04:00:30", "2026-11-23", "9999-01-01T00:00:00Z", "Sun, 23 Nov 2026 04:00:30 GMT"] {
            assert_eq!(guessed(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn the_dialect_says_what_a_plain_number_is() {
        let read = |text, unit| reset_in(text, Some(unit), "reset", None, NOW).map(|reset| reset.as_secs_f64());
        assert_eq!(read("1500", Unit::Millis), Some(1.5));
        assert_eq!(read("3", Unit::Minutes), Some(180.0));
        assert_eq!(read("1795406430000", Unit::UnixMillis), Some(30.0));
        assert_eq!(read("1795406430", Unit::UnixMillis), None);
        assert_eq!(read("1795406430", Unit::Seconds), None);
        assert_eq!(read("30", Unit::Unix), None);
        assert_eq!(read("30", Unit::Date), None);
        assert_eq!(read("2026-11-23T04:00:30Z", Unit::Unix), Some(30.0));
        assert_eq!(read("30s", Unit::Date), Some(30.0));
    }

    #[test]
    fn a_name_and_a_window_tell_milliseconds() {
        let named = |text, name| reset_in(text, None, name, None, NOW).map(|reset| reset.as_secs_f64());
        assert_eq!(named("1500", "x-rate-limit-time-reset-ms"), Some(1.5));
        assert_eq!(named("1795406430000", "reset-ms"), Some(30.0));
        let window = |text| {
            let window = Some(Duration::from_secs(60));
            reset_in(text, None, "reset", window, NOW).map(|reset| reset.as_secs_f64())
        };
        assert_eq!(window("120"), Some(120.0));
        assert_eq!(window("59000"), Some(59.0));
        assert_eq!(window("500000"), Some(500_000.0));
    }
}
