//! What one session and the store say to each other in one call: plain data, no I/O, no clock.
//!
//! Times are whole microseconds and, but for the edges of calendar windows, durations: the store's clock and the
//! callers' are never compared. `lua/README.md` is the same contract for people who write other clients.

/// Integers above this are not exact in a script.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// No limit counts to more: sums and products with it stay exact in a script.
pub const MAX_UNITS: u64 = (1 << 40) - 1;
/// A session that only waits may stay away for its lease and this part of its wait.
pub(crate) const CHECKS: u64 = 8;

/// A bucket's units times the time in which some of them come back: what scripts compute of more is not exact.
pub const MAX_LEVEL: u64 = 1 << 46;

/// The layout of what stands in the store; a store that holds a newer one is left alone.
pub const LAYOUT: u64 = 1;

/// The parameters of one limit, as an exchange carries them. State alone lives in the store, so that a changed number
/// applies at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Terms {
    /// `quota` units in any `per_us`.
    SlidingWindow {
        /// The limit's name, with `@tier` where it has tiers and `@value` where it has a scope.
        key: String,
        /// Units in one window.
        quota: u64,
        /// Length of the window.
        per_us: u64,
    },
    /// At most `burst` units, refilled by `refill_units` every `refill_us` (in lowest terms).
    TokenBucket {
        /// The limit's name, with `@tier` where it has tiers and `@value` where it has a scope.
        key: String,
        /// What the full bucket holds.
        burst: u64,
        /// Units that come back ...
        refill_units: u64,
        /// ... in this time.
        refill_us: u64,
    },
    /// `quota` units between two edges.
    FixedWindow {
        /// The limit's name, with `@tier` where it has tiers and `@value` where it has a scope.
        key: String,
        /// Units in one window.
        quota: u64,
        /// Length of the window (of a usual one, where a calendar stretches it).
        per_us: u64,
        /// Within this much of an edge, what is sent counts in both windows.
        skew_us: u64,
        /// Where windows start, from the Unix epoch, when there are no `edges`.
        offset_us: u64,
        /// Starts of the previous, this and the next window and the end of the next, in Unix microseconds: for windows
        /// that follow a calendar, which the store knows nothing about.
        edges: Option<[u64; 4]>,
    },
    /// `max` units at a time.
    Concurrency {
        /// The limit's name, with `@tier` where it has tiers and `@value` where it has a scope.
        key: String,
        /// Units that may be in flight together.
        max: u64,
    },
}

impl Terms {
    /// The name under which the limit's state stands.
    pub fn key(&self) -> &str {
        match self {
            Self::SlidingWindow { key, .. }
            | Self::TokenBucket { key, .. }
            | Self::FixedWindow { key, .. }
            | Self::Concurrency { key, .. } => key,
        }
    }

    /// The most that one request may ever take.
    pub fn capacity(&self) -> u64 {
        match self {
            Self::SlidingWindow { quota, .. } | Self::FixedWindow { quota, .. } => *quota,
            Self::TokenBucket { burst, .. } => *burst,
            Self::Concurrency { max, .. } => *max,
        }
    }

    /// The same with another quota.
    #[must_use]
    pub fn with_quota(mut self, units: u64) -> Self {
        match &mut self {
            Self::SlidingWindow { quota, .. } | Self::FixedWindow { quota, .. } => *quota = units,
            Self::TokenBucket { burst, .. } => *burst = units,
            Self::Concurrency { max, .. } => *max = units,
        }
        self
    }

    /// How long all of it takes to come back; 0 where that is up to the responses.
    pub fn period_us(&self) -> u64 {
        match self {
            Self::SlidingWindow { per_us, .. } | Self::FixedWindow { per_us, .. } => *per_us,
            Self::TokenBucket { burst, refill_units, refill_us, .. } => burst * refill_us / refill_units,
            Self::Concurrency { .. } => 0,
        }
    }

    /// A unit of it is held until the response is really in, whatever else says that it has arrived.
    pub fn holds_to_the_end(&self) -> bool {
        matches!(self, Self::Concurrency { .. })
    }
}

/// What one request takes: pairs of a limit (its place in [`Request::limits`]) and units of it.
pub type Class = Vec<(usize, u64)>;

/// One call from a session to the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// Who asks: random, one for each process, store and budget (each partition of it).
    pub session: String,
    /// Host, process and version, for the operator's eyes.
    pub who: String,
    /// One more than the last exchange of this session; a repeat of a number gets the reply of the first.
    pub seq: u64,
    /// The last exchange that was answered, or 0 if that is longer ago than the lease: what the store must remember.
    pub acked: u64,
    /// Which store the session believes it talks to.
    pub node: String,
    /// How long a budget that has no state must hold back before it grants; `None`: the session has not looked.
    pub settle_us: Option<u64>,
    /// For how long the store may believe that this session lives.
    pub lease_us: u64,
    /// Units start to age at their grant (`count_from = "grant"`).
    pub at_grant: bool,
    /// Others may use the same key: limits that are new are tried out little by little.
    pub strangers: bool,
    /// The limits that this exchange is about.
    pub limits: Vec<Terms>,
    /// The costs that this exchange is about.
    pub classes: Vec<Class>,
    /// Sent after the store forgot.
    pub resume: Option<Resume>,
    /// Permits that are done, oldest first.
    pub completes: Vec<Complete>,
    /// Corrections of what is used.
    pub adjusts: Vec<Adjust>,
    /// Limits of which nobody may send for a while.
    pub cools: Vec<Cool>,
    /// What responses said in the provider's own numbers.
    pub seen: Vec<Seen>,
    /// Routes with callers that wait.
    pub asks: Vec<Ask>,
}

/// What a session knows and the store may have forgotten.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resume {
    /// Units that this session holds in flight, by limit: all of them, whatever the store believes.
    pub flights: Vec<(usize, u64)>,
    /// Units used, by limit, with the exchange that reported them: what the store has not heard of is entered again.
    pub journal: Vec<Past>,
}

/// Units of one limit that were used a while ago.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// Place in [`Request::limits`].
    pub limit: usize,
    /// How many.
    pub units: u64,
    /// How long ago they started to age.
    pub age_us: u64,
    /// The exchange that reported them.
    pub seq: u64,
}

/// Permits of one cost that are done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Complete {
    /// Place in [`Request::classes`].
    pub class: usize,
    /// How many permits.
    pub count: u64,
    /// How long ago.
    pub age_us: u64,
    /// How long they were held, on average.
    pub hold_us: u64,
    /// Which of their limits this is about.
    pub part: Part,
}

/// What happened to the permits of a [`Complete`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The response is in: everything they held starts to age.
    Whole,
    /// The request must have arrived by now: everything but concurrency starts to age.
    Arrived,
    /// The response to one that arrived before is in: concurrency is given back.
    Ended,
    /// Never sent: everything is given back.
    Unsent,
}

/// A correction of what is used: more than was asked for (above zero), or less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Adjust {
    /// Place in [`Request::limits`].
    pub limit: usize,
    /// Units, with a sign.
    pub units: i64,
    /// How long ago they started to age.
    pub age_us: u64,
}

/// Nobody may send under a limit for a while. A later one may extend it, never shorten it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cool {
    /// Place in [`Request::limits`].
    pub limit: usize,
    /// How long ago the permit was granted whose response said so; what was sent before a cooldown does not extend it.
    pub age_us: u64,
    /// For how long from now; `None`: nobody said.
    pub for_us: Option<u64>,
    /// Then so long, twice as long with each repeat, and no longer than `at_most_us`.
    pub penalty_us: u64,
    /// The longest that a penalty grows to.
    pub at_most_us: u64,
    /// What happened, for the operator's eyes.
    pub cause: String,
}

/// What a response said of a limit in the provider's own numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Place in [`Request::limits`].
    pub limit: usize,
    /// How long ago the permit of this request was granted.
    pub age_us: u64,
    /// The provider's quota.
    pub quota: Option<u64>,
    /// Units that it says are left.
    pub remaining: Option<u64>,
}

/// The callers that wait on one route, first come first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ask {
    /// Names the route within its session.
    pub route: u32,
    /// Take a place in the line for what is not granted now.
    pub wait: bool,
    /// Cost (place in [`Request::classes`]) and how many callers in a row have it. None: the route leaves the line.
    pub runs: Vec<(usize, u64)>,
}

/// What the store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// It was done.
    Done(Done),
    /// There is no state at all: look at the node, then ask again.
    NoState,
    /// The budget was last used on another node, or on this one before it forgot.
    OtherNode {
        /// What the budget believes.
        node: String,
    },
    /// The store forgot what it had acknowledged: resume.
    Lost,
    /// A later exchange of this session was answered already.
    Stale,
    /// The edges of a calendar window are not around the store's time, which is this.
    OtherTime {
        /// Unix microseconds.
        unix_us: u64,
    },
    /// The state was written by a newer version.
    Newer {
        /// Its layout.
        layout: u64,
    },
}

/// What came of an exchange.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Done {
    /// The budget grants nothing for so long, because the living are resuming.
    pub settle_us: u64,
    /// The budget grants nothing, because an operator has paused it.
    pub paused: bool,
    /// One for each ask, in its order.
    pub turns: Vec<Turn>,
    /// Units free now, for each limit, in its order. Below zero: more is used than allowed.
    pub free: Vec<i64>,
}

/// What came of one ask.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turn {
    /// So many callers, from the first, have their permit.
    pub granted: u64,
    /// It is worth asking again for the next after so long; `None`: all are served.
    pub wait_us: Option<u64>,
    /// After about so long the last of them will have been served.
    pub last_us: u64,
    /// The limit that binds (place in [`Request::limits`]).
    pub binding: Option<usize>,
    /// It binds because it cools down, or is tried again little by little after that.
    pub cooling: bool,
}
