//! One thing that is wrong with a definition, said once for the builder, the configuration file and `paceline check`.

use std::time::Duration;

/// What is wrong, and with which setting, so that a file can point at its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The setting as a configuration file spells it: `quota`, `zone`...
    pub(crate) setting: &'static str,
    /// What is wrong and what to write instead.
    pub(crate) text: String,
}

impl Flaw {
    pub(crate) fn new(setting: &'static str, text: impl Into<String>) -> Self {
        Self { setting, text: text.into() }
    }
}

/// A duration as a configuration file writes it, in days at most: a month or a year is not the same for everyone.
pub(crate) fn human(duration: Duration) -> String {
    const UNITS: [(&str, u128); 7] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
    ];
    let mut rest = duration.as_nanos();
    let mut parts = Vec::new();
    for (unit, nanos) in UNITS {
        if rest >= nanos {
            parts.push(format!("{}{unit}", rest / nanos));
            rest %= nanos;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// Whether a script, which counts in microseconds, sees this duration exactly.
pub(crate) const fn is_whole_micros(duration: Duration) -> bool {
    duration.subsec_nanos().is_multiple_of(1_000)
}

/// Whole microseconds. Every duration that reaches the store was found short enough before.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_as_it_may_be_written() {
        for text in ["0s", "1ms", "1h 30m", "366d", "1d 1s 1ns"] {
            assert_eq!(human(humantime::parse_duration(text).unwrap()), text);
        }
    }
}
