//! The one error type of the library: opaque, cheap to clone (one failure reaches every waiter), with predicates.

use std::{fmt, sync::Arc, time::Duration};

/// Why paceline could not do what was asked.
///
/// The text says what failed, for which budget and limit, and what to do. Use the predicates to decide in code.
/// It never holds an API key, a password or a token.
#[derive(Clone)]
pub struct Error(Arc<ErrorKind>);

#[derive(Debug, thiserror::Error)]
pub(crate) enum ErrorKind {
    #[error("{0}")]
    Config(String),
    #[error(
        "budget {budget}: a request that costs {cost} {unit} can never fit limit {limit}, which allows {quota} at most; split the request or raise the limit"
    )]
    NeverFits { budget: String, limit: String, cost: u64, unit: String, quota: u64 },
    #[error("budget {budget}: limit {limit} frees a place in about {}, later than the deadline of {}; allow more time or send less", Seconds(*expected), Seconds(*deadline))]
    Unreachable { budget: String, limit: String, expected: Duration, deadline: Duration },
    #[error("budget {budget}: limit {limit} cools down, as the provider or an operator asked, and frees a place in about {}, later than the deadline of {}; allow more time, or try later", Seconds(*expected), Seconds(*deadline))]
    Cooling { budget: String, limit: String, expected: Duration, deadline: Duration },
    #[error(
        "budget {budget}: an operator has paused it; `paceline inspect {budget}` says who and why, `paceline resume {budget}` ends it{}", if *partition { " (each with the --key of the partition)" } else { "" }
    )]
    Paused { budget: String, partition: bool },
    #[error("budget {budget}: the provider refuses the credential (it answered {status}); mend the key, calls go out again in {}", Seconds(*wait))]
    Refused { budget: String, status: u16, wait: Duration },
    #[error("budget {budget}: no place came free within {}; {because}", Seconds(*waited))]
    TimedOut { budget: String, waited: Duration, because: String },
    #[error(
        "budget {budget}: {waiting} calls already wait in this process, which is the most it holds; send less, or wait before asking again"
    )]
    QueueFull { budget: String, waiting: usize },
    #[error("budget {budget}: this permit was to be sent within {} of its grant and {} have passed; cancel it and acquire again", Seconds(*window), Seconds(*late))]
    Expired { budget: String, window: Duration, late: Duration },
    #[error("{what}: {why}; {mend}")]
    Store { what: String, why: String, mend: String, transient: bool },
    #[cfg_attr(not(feature = "redis"), expect(dead_code, reason = "of a store without users"))]
    #[error("{what}: {why}; {mend}")]
    NotPermitted { what: String, why: String, mend: String },
}

impl Error {
    pub(crate) fn new(kind: ErrorKind) -> Self {
        Self(Arc::new(kind))
    }

    pub(crate) fn config(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Config(message.into()))
    }

    /// A failure of the store that another try may get over.
    pub(crate) fn store_transient(what: impl Into<String>, why: impl fmt::Display, mend: impl Into<String>) -> Self {
        Self::store(what, why, mend, true)
    }

    /// A failure of the store that stays until someone mends it.
    pub(crate) fn store_fatal(what: impl Into<String>, why: impl fmt::Display, mend: impl Into<String>) -> Self {
        Self::store(what, why, mend, false)
    }

    /// The store does not let this user do that.
    #[cfg(feature = "redis")]
    pub(crate) fn not_permitted(what: impl Into<String>, why: impl fmt::Display, mend: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotPermitted { what: what.into(), why: why.to_string(), mend: mend.into() })
    }

    /// A store cannot be reached just now, and another try may do: for implementations of [`crate::Store`].
    pub fn out_of_reach(store: impl Into<String>, why: impl fmt::Display) -> Self {
        Self::store_transient(store, why, "see whether it runs and can be reached")
    }

    fn store(what: impl Into<String>, why: impl fmt::Display, mend: impl Into<String>, transient: bool) -> Self {
        Self::new(ErrorKind::Store { what: what.into(), why: why.to_string(), mend: mend.into(), transient })
    }

    /// A budget, a limit, a cost or a configuration is wrong.
    pub fn is_config(&self) -> bool {
        matches!(*self.0, ErrorKind::Config(_))
    }

    /// The request costs more than a limit ever allows: waiting cannot help.
    pub fn is_never_fits(&self) -> bool {
        matches!(*self.0, ErrorKind::NeverFits { .. })
    }

    /// The deadline passed, or was seen to be out of reach before waiting for it.
    pub fn is_too_late(&self) -> bool {
        use ErrorKind::{Cooling, Paused, TimedOut, Unreachable};
        matches!(*self.0, Unreachable { .. } | Cooling { .. } | Paused { .. } | TimedOut { .. })
    }

    /// No turn comes in time because an operator has paused the budget.
    pub fn is_paused(&self) -> bool {
        matches!(*self.0, ErrorKind::Paused { .. })
    }

    /// The deadline is out of reach because the provider asked everybody to wait.
    pub fn is_cooling(&self) -> bool {
        matches!(*self.0, ErrorKind::Cooling { .. })
    }

    /// The provider refuses the credential: nothing is sent for a while.
    pub fn is_refused(&self) -> bool {
        matches!(*self.0, ErrorKind::Refused { .. })
    }

    /// Too many calls of this process wait already.
    pub fn is_queue_full(&self) -> bool {
        matches!(*self.0, ErrorKind::QueueFull { .. })
    }

    /// The permit is too old to be sent under.
    pub fn is_expired(&self) -> bool {
        matches!(*self.0, ErrorKind::Expired { .. })
    }

    /// The store could not be reached or refused to serve.
    pub fn is_store(&self) -> bool {
        matches!(*self.0, ErrorKind::Store { .. } | ErrorKind::NotPermitted { .. })
    }

    /// The store's user lacks a right: to walk through all keys and to give orders takes an operator's login.
    pub fn is_not_permitted(&self) -> bool {
        matches!(*self.0, ErrorKind::NotPermitted { .. })
    }

    /// Its kind in a word, for what counts and traces.
    pub(crate) fn word(&self) -> &'static str {
        use ErrorKind::*;
        match *self.0 {
            Config(_) => "config",
            NeverFits { .. } => "never_fits",
            Unreachable { .. } | TimedOut { .. } => "deadline",
            Cooling { .. } => "cooling",
            Paused { .. } => "paused",
            Refused { .. } => "credential",
            QueueFull { .. } => "queue_full",
            Expired { .. } => "expired",
            Store { .. } | NotPermitted { .. } => "store",
        }
    }

    /// Whether trying again may get over this failure of the store without anyone's help.
    pub(crate) fn is_transient(&self) -> bool {
        matches!(*self.0, ErrorKind::Store { transient: true, .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({})", self.0)
    }
}

impl std::error::Error for Error {}

/// Durations as people read them in a sentence.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 < Duration::from_secs(1) {
            write!(f, "{} ms", self.0.as_micros().div_ceil(1000))
        } else {
            write!(f, "{:.1} s", self.0.as_secs_f64())
        }
    }
}
