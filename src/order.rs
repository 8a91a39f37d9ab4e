//! What an operator may order of a budget, and the trail that orders leave.

use std::{fmt, time::Duration};

use serde::Serialize;

/// An order to the whole fleet, of [`crate::RedisStore::order`].
///
/// ```
/// use std::time::Duration;
/// use paceline::Order;
///
/// assert_eq!(Order::Pause { time: None }.to_string(), "pause until resumed");
/// let slow = Order::Quota { limit: "spike".into(), quota: 2, time: Duration::from_secs(3600) };
/// assert_eq!(slow.to_string(), "limit spike to 2 for 1h");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Order {
    /// Nobody is granted anything, until it is resumed or the time has passed.
    Pause {
        /// It ends by itself after this.
        time: Option<Duration>,
    },
    /// Ends a pause.
    Resume,
    /// Forgets what was used and what responses said. What is in flight stays.
    Reset {
        /// This limit only.
        limit: Option<String>,
    },
    /// Nobody sends for a while; then one request goes, and twice as many with each answer.
    CoolDown {
        /// Under this limit only.
        limit: Option<String>,
        /// At least; a longer one that is under way stays.
        time: Duration,
    },
    /// Ends what cools down now, whoever was told or ordered so: one request goes, and twice as many with each answer.
    EndCoolDown {
        /// Of this limit only.
        limit: Option<String>,
    },
    /// A limit has another quota for a while.
    Quota {
        /// The limit, as a report names it.
        limit: String,
        /// So many units; of a token bucket so many at once, and in the time that it takes to fill.
        quota: u64,
        /// After this the configured one holds again.
        time: Duration,
    },
    /// Ends an operator's quota now: the configured one holds again.
    EndQuota {
        /// The limit, as a report names it.
        limit: String,
    },
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |limit: &Option<String>| limit.as_ref().map(|name| format!(" limit {name}")).unwrap_or_default();
        let time = |time: &Duration| humantime::format_duration(Duration::from_millis(time.as_millis() as u64));
        match self {
            Self::Pause { time: None } => f.write_str("pause until resumed"),
            Self::Pause { time: Some(left) } => write!(f, "pause for {}", time(left)),
            Self::Resume => f.write_str("resume"),
            Self::Reset { limit } => write!(f, "reset{}", of(limit)),
            Self::CoolDown { limit, time: left } => write!(f, "cool down{} for {}", of(limit), time(left)),
            Self::EndCoolDown { limit } => write!(f, "end cooldown{}", of(limit)),
            Self::Quota { limit, quota, time: left } => write!(f, "limit {limit} to {quota} for {}", time(left)),
            Self::EndQuota { limit } => write!(f, "end quota of limit {limit}"),
        }
    }
}

/// An order that was given, of [`crate::RedisStore::audit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audited {
    /// When, in Unix milliseconds of the store's clock.
    pub unix_ms: u64,
    /// The budget.
    pub budget: String,
    /// The partition, where the budget has several.
    pub key: Option<String>,
    /// Who gave it, and where.
    pub who: String,
    /// The order in words.
    pub order: String,
    /// Why, if that was said.
    pub why: String,
}
