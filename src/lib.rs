//! A distributed rate limiter for outbound calls.

mod budget;
mod calendar;
mod clock;
mod config;
mod cost;
mod error;
pub mod exchange;
mod flaw;
mod ledger;
mod limit;
mod limiter;
mod name;
mod permit;
mod quota;
mod report;
mod session;
mod store;

pub use budget::{ArrivalWithin, Budget, BudgetBuilder, CountFrom, OnStoreError};
pub use calendar::Calendar;
pub use clock::{Clock, ManualClock};
pub use config::{Config, ConfigErrors, Mistake, RedisUrl};
pub use cost::Cost;
pub use error::Error;
pub use limit::{Kind, Limit};
pub use limiter::Limiter;
pub use permit::{Decision, Denial, Permit};
pub use quota::Quota;
pub use report::{LimitReport, Report, SessionReport};
#[cfg(feature = "redis")]
pub use store::RedisStore;
pub use store::{Look, MemoryStore, Store, StoreFuture};
