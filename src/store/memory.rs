//! The store of one process: the ledger in a map. The same results as Redis, for tests, simulations and single processes.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, watch};

use super::{Look, Store, StoreFuture, bells::Bells, split};
use crate::{
    Error,
    clock::{Clock, ManualClock},
    exchange::{Reply, Request},
    ledger::{self, Ledger},
    report::Report,
};

/// Budgets of this process only. Clones share them.
///
/// ```
/// # use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), paceline::Error> {
/// let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
/// let permit = Limiter::new(MemoryStore::new(), budget).acquire(1).await?;
/// # drop(permit);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct MemoryStore(Arc<Shared>);

struct Shared {
    clock: Clock,
    budgets: Mutex<HashMap<String, Option<Ledger>>>,
    bells: Bells,
    node: watch::Sender<String>,
}

impl MemoryStore {
    /// An empty store that lives by the runtime's clock.
    pub fn new() -> Self {
        Self::with(Clock::running())
    }

    /// An empty store whose time a test moves by hand.
    pub fn with_clock(clock: ManualClock) -> Self {
        Self::with(clock.into())
    }

    fn with(clock: Clock) -> Self {
        Self(Arc::new(Shared {
            clock,
            budgets: Mutex::default(),
            bells: Bells::default(),
            node: watch::Sender::new("memory".to_owned()),
        }))
    }
}

/// Without what it holds: there are names of partitions in it.
impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryStore")
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for MemoryStore {
    fn exchange<'a>(&'a self, address: &'a str, request: &'a Request) -> StoreFuture<'a, Reply> {
        Box::pin(async move {
            let outcome = {
                let mut budgets = lock(&self.0.budgets);
                let ledger = budgets.entry(address.to_owned()).or_default();
                ledger::exchange(ledger, self.0.clock.now_us() as i64, request)
            };
            let outcome = outcome.map_err(|why| {
                Error::store_fatal(
                    format!("budget {}: the exchange was refused", split(address).0),
                    why,
                    "this is a defect of paceline, please report it",
                )
            })?;
            for session in &outcome.wake {
                self.0.bells.ring(session);
            }
            Ok(outcome.reply)
        })
    }

    fn inspect<'a>(&'a self, address: &'a str) -> StoreFuture<'a, Option<Report>> {
        Box::pin(async move {
            let budgets = lock(&self.0.budgets);
            let (budget, key) = split(address);
            let ledger = budgets.get(address).and_then(Option::as_ref);
            Ok(ledger.map(|l| ledger::report(l, self.0.clock.now_us() as i64, budget, key)))
        })
    }

    fn look(&self) -> StoreFuture<'_, Look> {
        Box::pin(async { Ok(Look { node: self.0.node.borrow().clone(), settle_us: 0 }) })
    }

    fn node(&self) -> watch::Receiver<String> {
        self.0.node.subscribe()
    }

    fn enroll(&self, bell: &Arc<Notify>) -> String {
        self.0.bells.enroll("memory", bell)
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

/// A panic elsewhere leaves these maps whole: each is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
