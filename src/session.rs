//! One session with the store for each budget (and partition) that this process uses.
//!
//! Callers meet at the [`desk::Desk`]: they queue there, and hand in what is done. One [`worker`] empties it: it keeps at
//! most one exchange in flight and puts all that it has into the next one, so that one caller alone goes at once, and
//! a thousand share a call. A worker that has nothing left to do ends; the desk stays for as long as it must remember.

mod answers;
pub(crate) mod class;
pub(crate) mod desk;
pub(crate) mod flights;
mod gauges;
mod journal;
pub(crate) mod lessons;
mod memory;
pub(crate) mod news;
mod pending;
pub(crate) mod queue;
mod reports;
mod state;
mod ticket;
mod worker;

/// How long the store believes at least in a session that it does not hear of: then what it holds counts as used.
pub(crate) const LEASE_US: u64 = 5_000_000;
/// The most callers of one process that may wait for one budget.
pub(crate) const MAX_WAITING: usize = 100_000;
/// A permit may be sent in this part of the time within which its request has arrived; the rest is for the travel.
pub(crate) const SEND_SHARE: u64 = 5;
/// A call without a deadline outlasts a store that cannot be reached for so long, then gets the error.
pub(crate) const PATIENCE_US: u64 = 30_000_000;
