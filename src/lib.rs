//! A distributed rate limiter for outbound calls: processes that share one API key share one budget, kept in Redis, so that
//! together they stay inside the provider's limits and use nearly all of them.
//!
//! A unit is held from its grant until the response is in, and only then starts to age. So no window at the provider is
//! ever exceeded, whatever the network's delays ([`guide::how_it_decides`], and conditions C1 to C7 in the README).
//!
//! ```
//! use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), paceline::Error> {
//! let budget = Budget::builder("keap")
//!     .limit(Limit::sliding_window("spike", Quota::per_second(5)))
//!     .limit(Limit::fixed_window("day", Quota::per_day(30_000)))
//!     .build()?;
//! // `RedisStore::connect("redis://127.0.0.1:6379").await?` shares it with other processes.
//! let limiter = Limiter::new(MemoryStore::new(), budget);
//!
//! let permit = limiter.acquire(1).await?; // waits for its turn: both limits, or none
//! // ... send one request, read its answer ...
//! permit.complete();
//! # Ok(())
//! # }
//! ```
//!
//! # Where to read what
//!
//! | | |
//! |---|---|
//! | first steps, errors, tests of your own | [`guide::getting_started`] |
//! | which kinds of limit, which numbers | [`guide::choosing_limits`], [`Limit`], [`Quota`] |
//! | waiting for a permit, and what to do with it | [`Limiter`], [`Permit`], [`Cost`] |
//! | a configuration file | [`Config`] |
//! | a provider's limits, routes and headers | [`guide::presets`], [`Preset`], [`Limiter::on`] |
//! | in front of an HTTP client, and what a 429 does | [`guide::http_clients`], [`Pacer`], `PaceMiddleware` (reqwest), `PaceLayer` (tower) |
//! | what a response says about limits | [`guide::reading_responses`], [`Dialect`], `paceline read` |
//! | how it decides | [`guide::how_it_decides`] |
//! | what happens when something breaks | [`guide::failure_modes`], [`Error`] |
//! | what an operator sees | [`Report`], `paceline inspect` |
//! | metrics, a dashboard, traces, events | [`guide::observing`], [`Event`] |
//! | another store, or one that fails on purpose | [`Store`], [`exchange`] |
//! | why it is built so | [`guide::design`] |
//!
//! # Features
//!
//! | feature | default | |
//! |---|---|---|
//! | `redis` | yes | `RedisStore`; without it there is the memory store |
//! | `tls` | yes | `rediss://` addresses |
//! | `reqwest` | no | `reqwest_client`, `PaceMiddleware`: in front of reqwest |
//! | `tower` | no | `PaceLayer`: in front of any tower service |
//! | `metrics` | no | what it does, as metrics of the crate `metrics`: [`guide::observing`] |
//! | `cli` | no | what the binary `paceline` needs, and no library user |
//!
//! # Not yet
//!
//! Redis Sentinel and Cluster, priorities, room kept free for strangers before they come.

mod budget;
mod calendar;
mod clock;
mod config;
mod cost;
mod error;
mod event;
pub mod exchange;
mod flaw;
pub mod guide;
mod ledger;
mod limit;
mod limiter;
mod name;
#[cfg(feature = "redis")]
mod order;
mod pacer;
mod permit;
mod preset;
mod quota;
mod report;
mod response;
mod session;
mod settings;
mod store;
mod telemetry;
mod trace;

pub use budget::{ArrivalWithin, Budget, BudgetBuilder, CountFrom, OnStoreError};
pub use calendar::Calendar;
pub use clock::{Clock, ManualClock};
pub use config::{Config, RedisUrl};
pub use cost::Cost;
pub use error::Error;
pub use event::Event;
pub use limit::{Kind, Limit};
pub use limiter::Limiter;
#[cfg(feature = "redis")]
pub use order::{Audited, Order};
#[cfg(feature = "reqwest")]
pub use pacer::reqwest::{PaceMiddleware, one_for_one, reqwest_client};
#[cfg(feature = "tower")]
pub use pacer::tower::{BoxError, Pace, PaceLayer, PacedBody};
pub use pacer::{Pacer, Target, Turn, Verdict};
pub use permit::{Decision, Denial, Permit};
pub use preset::{CompleteAt, Preset, Retry, Route, Variable};
pub use quota::Quota;
pub use report::{FeedbackReport, LimitReport, OrderedQuota, Pause, Process, Report, SessionReport};
pub use response::{About, Dialect, Observation, Seen, Throttled};
pub use settings::{ConfigErrors, Mistake};
#[cfg(feature = "redis")]
pub use store::RedisStore;
// What the command `doctor` looks at; no promise to anyone else.
#[cfg(feature = "redis")]
#[doc(hidden)]
pub use store::{Keys, Survey};
pub use store::{Look, MemoryStore, Store, StoreFuture, host};
#[cfg(feature = "metrics")]
pub use telemetry::SECONDS_BUCKETS;

/// The example in the README compiles, and stays so.
#[cfg(all(doctest, feature = "redis", feature = "reqwest", feature = "tower"))]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
