//! The guide. [`getting_started`] is ten minutes; the others answer one question each.
//!
//! | | |
//! |---|---|
//! | [`getting_started`] | a first limiter, its errors, and how to test with it |
//! | [`choosing_limits`] | which kinds, which numbers, what `arrival_within` and `rtt_floor` cost and give |
//! | [`presets`] | providers as data, and how to write one |
//! | [`how_it_decides`] | the ledger: two moves, four kinds, and the line of those who wait |
//! | [`reading_responses`] | what a response says, and how to write that down for a provider |
//! | [`http_clients`] | in front of reqwest, tower or another client: one permit one request, 429, 401, strangers |
//! | [`failure_modes`] | what happens when something breaks, what you see, what to do |
//! | [`command_line`] | the command `paceline`: who spends, who waits and why, and what to do about it |
//! | [`observing`] | metrics, a dashboard, alerts, traces, events |
//! | [`design`] | why it is built as it is, for those who change it |

/// A first limiter, its errors, and how to test with it.
pub mod getting_started {
    #![doc = include_str!("guide/getting_started.md")]
}

/// Which kinds of limit, with which numbers.
pub mod choosing_limits {
    #![doc = include_str!("guide/choosing_limits.md")]
}

/// Providers as data, and how to write one.
pub mod presets {
    #![doc = include_str!("guide/presets.md")]
}

/// The ledger, the kinds, the line.
pub mod how_it_decides {
    #![doc = include_str!("guide/how_it_decides.md")]
}

/// What a response says about limits and waiting.
pub mod reading_responses {
    #![doc = include_str!("guide/reading_responses.md")]
}

/// The command `paceline`.
pub mod command_line {
    #![doc = include_str!("guide/command_line.md")]
}

/// In front of an HTTP client.
pub mod http_clients {
    #![doc = include_str!("guide/http_clients.md")]
}

/// What happens when something breaks, what you see, what to do.
pub mod failure_modes {
    #![doc = include_str!("guide/failure_modes.md")]
}

/// Metrics, a dashboard, alerts, traces, events.
pub mod observing {
    #![doc = include_str!("guide/observing.md")]
}

/// Why it is built as it is.
pub mod design {
    #![doc = include_str!("guide/design.md")]
}
