//! One thing that is wrong with a definition, said once for the builder, the configuration file and `paceline check`.

use std::{fmt, time::Duration};

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

/// A duration as a configuration file writes it.
pub(crate) fn human(duration: Duration) -> impl fmt::Display {
    humantime::format_duration(duration)
}

/// Whether a script, which counts in microseconds, sees this duration exactly.
pub(crate) const fn is_whole_micros(duration: Duration) -> bool {
    duration.subsec_nanos().is_multiple_of(1_000)
}

/// Whole microseconds. Every duration that reaches the store was found short enough before.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
