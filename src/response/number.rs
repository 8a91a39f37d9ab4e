//! Numbers as servers write them: plain decimal digits of ASCII, and lengths of time with units.
//!
//! A sign, an exponent, `0x`, `NaN` and digits of other scripts are no numbers here. What has too many digits is the
//! largest number there is: it cannot be small.

use std::time::Duration;

const NANOS: u128 = 1_000_000_000;

/// A decimal number that is not negative, in billionths.
pub(super) fn decimal(text: &str) -> Option<u128> {
    let (number, length) = leading(text.as_bytes())?;
    (length == text.len()).then_some(number)
}

/// The decimal number that a text begins with, in billionths, and how many bytes it takes.
pub(super) fn leading(text: &[u8]) -> Option<(u128, usize)> {
    let whole = digits(text);
    if whole == 0 {
        return None;
    }
    let value = |digits: &[u8]| {
        digits.iter().fold(0_u128, |sum, digit| sum.saturating_mul(10).saturating_add(u128::from(digit - b'0')))
    };
    let number = value(&text[..whole]).saturating_mul(NANOS);
    let fraction = match text[whole..].strip_prefix(b".") {
        Some(rest) => &rest[..digits(rest)],
        None => &[],
    };
    if fraction.is_empty() {
        return Some((number, whole));
    }
    let kept = &fraction[..fraction.len().min(9)];
    let billionths =
        kept.iter().fold((0, NANOS / 10), |(sum, place), digit| (sum + u128::from(digit - b'0') * place, place / 10));
    Some((number.saturating_add(billionths.0), whole + 1 + fraction.len()))
}

fn digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// A whole number. `40.0` is one, `0.5` is not: a rate is no count.
pub(super) fn whole(text: &str) -> Option<u64> {
    let number = decimal(text)?;
    number.is_multiple_of(NANOS).then(|| saturated(number / NANOS))
}

/// The whole part of a number: who says that 598.5 are left leaves room for 598.
pub(super) fn floor(text: &str) -> Option<u64> {
    Some(saturated(decimal(text)? / NANOS))
}

/// So many in such a window, as in `10ps` and `300pm`.
pub(super) fn rate(text: &str) -> Option<(u64, Duration)> {
    let (number, window) = match (text.strip_suffix("ps"), text.strip_suffix("pm")) {
        (Some(number), _) => (number, 1),
        (_, Some(number)) => (number, 60),
        _ => return None,
    };
    Some((whole(number)?, Duration::from_secs(window)))
}

/// A length of time whose parts name their units, as in `6m0s`, `20ms` and `1h2.5s`.
pub(super) fn with_units(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut sum = 0_u128;
    while !rest.is_empty() {
        let (number, length) = leading(rest.as_bytes())?;
        rest = &rest[length..];
        // All letters up to the next number: `20ms` is not 20 minutes and an s.
        let end = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let nanos: u128 = match &rest[..end] {
            "ns" => 1,
            // Both signs for "micro" are in use.
            "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
            "ms" => 1_000_000,
            "s" => NANOS,
            "m" => 60 * NANOS,
            "h" => 3_600 * NANOS,
            _ => return None,
        };
        // The number is in billionths already.
        sum = sum.saturating_add(number.saturating_mul(nanos) / NANOS);
        rest = &rest[end..];
    }
    (!text.is_empty()).then(|| time(sum))
}

/// So many nanoseconds.
pub(super) fn time(nanos: u128) -> Duration {
    // A remainder of a billion fits.
    Duration::new(saturated(nanos / NANOS), u32::try_from(nanos % NANOS).unwrap_or(0))
}

fn saturated(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_decimal_digits_are_a_number() {
        assert_eq!(decimal("30"), Some(30 * NANOS));
        assert_eq!(decimal("007.25"), Some(7_250_000_000));
        assert_eq!(decimal("0.00000000099"), Some(0));
        assert_eq!(decimal("9".repeat(500).as_str()), Some(u128::MAX));
        for text in ["", " ", "-1", "+1", "1e3", "0x10", "NaN", "inf", ".5", "5.", "1,000", "1_000", "٣٠", "３", "1 "]
        {
            assert_eq!(decimal(text), None, "{text:?}");
        }
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!((whole("40.0"), whole("0.5")), (Some(40), None));
        assert_eq!((floor("598.5"), floor("99999999999999999999999")), (Some(598), Some(u64::MAX)));
        assert_eq!(rate("10ps"), Some((10, Duration::from_secs(1))));
        assert_eq!(rate("300pm"), Some((300, Duration::from_secs(60))));
        assert_eq!((rate("10"), rate("ps"), rate("10px")), (None, None, None));
    }

    #[test]
    fn each_part_of_a_length_names_its_unit() {
        let millis = |text| with_units(text).map(|time| time.as_micros());
        assert_eq!(millis("6m0s"), Some(360_000_000));
        assert_eq!(millis("20ms"), Some(20_000));
        assert_eq!(millis("1h1m1.5s"), Some(3_661_500_000));
        assert_eq!((millis("500µs"), millis("500μs"), millis("500us")), (Some(500), Some(500), Some(500)));
        assert_eq!(with_units(&format!("{}h", "9".repeat(99))), Some(time(u128::MAX / NANOS)));
        for text in ["", "s", "5", "1m30", "-1s", "1d", "1S", "1 s", "1..5s", "1msm"] {
            assert_eq!(with_units(text), None, "{text:?}");
        }
    }
}
