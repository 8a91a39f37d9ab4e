//! What a budget's state stands in: one trait, six verbs, and what each kind of store makes of them.

mod bells;
mod memory;
#[cfg(feature = "redis")]
mod redis;

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use tokio::sync::{Notify, watch};

pub use self::memory::MemoryStore;
#[cfg(feature = "redis")]
pub use self::redis::{Keys, RedisStore, Survey};
use crate::{
    Error,
    clock::Clock,
    exchange::{Reply, Request},
    name::decode_value,
    report::Report,
};

/// A future that a store returns.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, Error>> + Send + 'a>>;

/// Where budgets stand. [`RedisStore`] shares them between processes, [`MemoryStore`] keeps them in this one.
///
/// Public so that tests can put delays and losses between a limiter and its store; everything an implementation must
/// do is in `lua/README.md`.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Does one exchange on the budget at `address`. May be repeated with the same number: the reply is the same.
    fn exchange<'a>(&'a self, address: &'a str, request: &'a Request) -> StoreFuture<'a, Reply>;

    /// What the budget looks like now; `None`: there is no state.
    fn inspect<'a>(&'a self, address: &'a str) -> StoreFuture<'a, Option<Report>>;

    /// Looks now which node the budgets stand on.
    fn look(&self) -> StoreFuture<'_, Look>;

    /// The node as it was last seen, and its changes.
    fn node(&self) -> watch::Receiver<String>;

    /// A name for a new session, whose `bell` rings when it should ask again.
    fn enroll(&self, bell: &Arc<Notify>) -> String;

    /// The clock that sessions of this store live by.
    fn clock(&self) -> &Clock;
}

/// What a look at a node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Changes whenever the node may have forgotten something.
    pub node: String,
    /// How long a budget that has no state there must hold back before it grants.
    pub settle_us: u64,
}

/// Splits an address into the budget's name and the partition's key, as people gave it.
pub(crate) fn split(address: &str) -> (&str, Option<String>) {
    match address.split_once('/') {
        Some((budget, key)) => (budget, Some(decode_value(key))),
        None => (address, None),
    }
}

/// How long a store that may have forgotten holds back, so that the living can tell it what they know.
pub(crate) const SETTLE_US: u64 = 1_000_000;

/// The name of this host, for people: nothing is decided by it.
pub fn host() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().or_else(|| std::env::var("HOSTNAME").ok());
    let host: String = host.unwrap_or_default().trim().chars().take(64).collect();
    if host.is_empty() { "unknown".to_owned() } else { host }
}

/// Host, process and version, for the operator's eyes.
pub(crate) fn who() -> String {
    format!("{} {} {}", host(), std::process::id(), env!("CARGO_PKG_VERSION"))
}
