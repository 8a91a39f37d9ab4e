//! How long a server asks to wait: `Retry-After` and what looks like it.
//!
//! The standard knows whole seconds and dates. On the wire there are fractions, units, instants, several lines and worse.
//! Unlike a reset, which may be dropped, this is an order: what is too large is cut later and not ignored.

use std::time::Duration;

use super::{answer::Answer, number, reset};

/// The longest that a header of this name asks for, over all its lines that can be read.
pub(super) fn asked(answer: &Answer, name: &str) -> Option<Duration> {
    answer.lines(name).flat_map(parts).filter_map(|text| one(text, name, answer.now)).max()
}

/// How long a single value asks to wait.
pub(super) fn one(text: &str, name: &str, now: Duration) -> Option<Duration> {
    if let Some(at) = reset::date(text) {
        return Some(number::time(at.saturating_sub(now.as_nanos())));
    }
    if let Some(time) = number::with_units(text) {
        return Some(time);
    }
    let n = number::decimal(text)?;
    if reset::in_millis(name) {
        return Some(number::time(n / 1_000));
    }
    Some(reset::until_instant(n, now.as_nanos()).unwrap_or_else(|| number::time(n)))
}

/// The numbers of lines that a proxy has joined. A date has a comma of its own.
fn parts(line: &str) -> Vec<&str> {
    let parts: Vec<&str> = line.split(',').map(super::answer::trim).collect();
    if parts.iter().all(|part| number::decimal(part).is_some()) { parts } else { vec![line] }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::from_secs(1_795_406_400);

    fn seconds(text: &str) -> Option<f64> {
        one(text, "retry-after", NOW).map(|wait| wait.as_secs_f64())
    }

    #[test]
    fn seconds_fractions_dates_and_instants() {
        assert_eq!(seconds("30"), Some(30.0));
        assert_eq!(seconds("2.0"), Some(2.0));
        assert_eq!(seconds("34.07s"), Some(34.07));
        assert_eq!(seconds("Mon, 23 Nov 2026 04:00:30 GMT"), Some(30.0));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:28:00 GMT"), Some(0.0));
        assert_eq!(seconds("1795406430"), Some(30.0));
        assert_eq!(seconds("158663200"), Some(158_663_200.0));
        assert_eq!(one(&"9".repeat(99), "retry-after", NOW), Some(number::time(u128::MAX)));
        assert_eq!(one("10", "retry-after-ms", NOW), Some(Duration::from_millis(10)));
        for nothing in ["", "-5", "+5", "0x1e", "1e3", "NaN", "soon", "٣٠", "5 seconds"] {
            assert_eq!(seconds(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn joined_numbers_are_taken_apart_and_dates_are_not() {
        assert_eq!(parts("5, 10"), ["5", "10"]);
        assert_eq!(parts("Mon, 23 Nov 2026 04:00:30 GMT").len(), 1);
        assert_eq!(parts("5, soon").len(), 1);
    }
}
