//! What an application may want to hear of.

use std::time::Duration;

use crate::Error;

/// So many events wait for a listener that is slow; it is told how many it missed.
pub(crate) const KEPT: usize = 64;

/// A change of one budget (of one partition), as this process sees it: [`crate::Limiter::events`]. Each is told once a
/// change, not once an exchange, and only while the budget is in use: nobody looks otherwise.
///
/// ```
/// use paceline::Event;
///
/// fn line(event: &Event) -> String {
///     match event {
///         Event::Cooldown { limit, cause, .. } => format!("{limit} cools down: {}", cause.as_deref().unwrap_or("see others")),
///         Event::OthersUse { limit, units, .. } => format!("others use {units} of {limit}"),
///         other => format!("{other:?}"),
///     }
/// }
/// assert_eq!(line(&Event::Resumed), "Resumed");
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Event {
    /// Nobody of the fleet sends under this limit for a while: a response to this process said so, or somebody by hand, or
    /// the store told a caller here to wait since another process was told. What was on its way at the time and is told the
    /// same is no other cooldown.
    #[non_exhaustive]
    Cooldown {
        /// The limit.
        limit: String,
        /// For how long; `None`: the response did not say.
        wait: Option<Duration>,
        /// What was said; `None`: another process was told.
        cause: Option<String>,
    },
    /// The store had forgotten this process, which told it again what is in flight and was used lately.
    Resumed,
    /// The store cannot be used: the first exchange failed.
    #[non_exhaustive]
    StoreLost {
        /// Why.
        error: Error,
    },
    /// The store can be used again: the first exchange was answered.
    #[non_exhaustive]
    StoreBack {
        /// It could not be used for so long.
        after: Duration,
    },
    /// Others use the same key: so many units of this limit, in its last period or so, by what responses say. Looked at
    /// once a second at most; zero when they stopped.
    #[non_exhaustive]
    OthersUse {
        /// The limit.
        limit: String,
        /// How much others use, of all values of its scope.
        units: u64,
    },
}
