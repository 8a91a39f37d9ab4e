//! A distributed rate limiter for outbound calls.

mod budget;
mod calendar;
mod config;
mod cost;
mod error;
pub mod exchange;
mod flaw;
mod limit;
mod name;
mod quota;

pub use budget::{ArrivalWithin, Budget, BudgetBuilder, CountFrom, OnStoreError};
pub use calendar::Calendar;
pub use config::{Config, ConfigErrors, Mistake, RedisUrl};
pub use cost::Cost;
pub use error::Error;
pub use limit::{Kind, Limit};
pub use quota::Quota;
