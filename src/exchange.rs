//! What one session and the store say to each other in one call: plain data, no I/O, no clock.
//!
//! Times are whole microseconds and, but for the edges of calendar windows, durations: the store's clock and the
//! callers' are never compared. `lua/README.md` is the same contract for people who write other clients.

/// Integers above this are not exact in a script.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// The parameters of one limit, as an exchange carries them. State alone lives in the store, so that a changed number
/// applies at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terms {
    /// `quota` units in any `per_us`.
    SlidingWindow { key: String, quota: u64, per_us: u64 },
    /// At most `burst` units, refilled by `refill_units` every `refill_us` (reduced to lowest terms).
    TokenBucket { key: String, burst: u64, refill_units: u64, refill_us: u64 },
    /// `quota` units between two edges; the edges are worked out from `per_us` and `offset_us` unless `edges` gives the
    /// starts of the previous, this and the next window and the end of the next.
    FixedWindow { key: String, quota: u64, per_us: u64, skew_us: u64, offset_us: u64, edges: Option<[u64; 4]> },
    /// `max` units at a time.
    Concurrency { key: String, max: u64 },
}
