//! What all handles of one budget on one store share.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::oneshot;

use crate::{Budget, Error, Store, name::encode_value, session::desk::Desk, telemetry::Telemetry};

/// Partitions are looked through for idle ones when so many are known, and whenever they have doubled since.
const FIRST_TIDY: usize = 1024;

/// Its store, its desks, and the watch over them.
pub(super) struct Core {
    pub(super) store: Arc<dyn Store>,
    pub(super) budget: Budget,
    /// Shared by all partitions, unless each is told apart.
    telemetry: Arc<Telemetry>,
    desks: Mutex<Desks>,
    /// A watch is on.
    watched: AtomicBool,
    /// Dropped with the limiter, which ends its watch.
    watch: Mutex<Option<oneshot::Sender<()>>>,
}

/// Says that the watch ended, also when its runtime did.
struct Watched(Weak<Core>);

impl Drop for Watched {
    fn drop(&mut self) {
        if let Some(core) = self.0.upgrade() {
            core.watched.store(false, Ordering::Relaxed);
        }
    }
}

struct Desks {
    by_address: HashMap<String, Arc<Desk>>,
    tidy_at: usize,
}

impl Core {
    pub(super) fn new(store: Arc<dyn Store>, budget: Budget) -> Self {
        let desks = Mutex::new(Desks { by_address: HashMap::new(), tidy_at: FIRST_TIDY });
        let telemetry = Arc::new(Telemetry::new(&budget, None));
        Self { store, budget, telemetry, desks, watched: AtomicBool::new(false), watch: Mutex::default() }
    }

    pub(super) fn desk_of_the_budget(&self) -> Arc<Desk> {
        self.desk(self.budget.name().to_owned(), || self.telemetry.clone())
    }

    /// The desk of a partition.
    pub(super) fn desk_of(&self, key: &str) -> Result<Arc<Desk>, Error> {
        let encoded = encode_value(&format!("budget {}: partition key", self.budget.name()), key)?;
        let telemetry = || match self.budget.metrics_by_key() {
            true => Arc::new(Telemetry::new(&self.budget, Some(key))),
            false => self.telemetry.clone(),
        };
        Ok(self.desk(format!("{}/{encoded}", self.budget.name()), telemetry))
    }

    fn desk(&self, address: String, telemetry: impl FnOnce() -> Arc<Telemetry>) -> Arc<Desk> {
        let mut desks = self.desks.lock().unwrap_or_else(PoisonError::into_inner);
        if desks.by_address.len() >= desks.tidy_at {
            desks.by_address.retain(|_, desk| Arc::strong_count(desk) > 1 || desk.in_use());
            desks.tidy_at = FIRST_TIDY.max(2 * desks.by_address.len());
        }
        let new = || Desk::new(self.store.clone(), self.budget.clone(), address.clone(), telemetry());
        desks.by_address.entry(address.clone()).or_insert_with(new).clone()
    }

    /// Sees to it that a store which forgot is told what was used, also where no worker is left to tell it.
    pub(super) fn watch(self: &Arc<Self>) {
        if self.watched.load(Ordering::Relaxed) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        if self.watched.swap(true, Ordering::Relaxed) {
            return;
        }
        let (ends, mut ended) = oneshot::channel();
        *self.watch.lock().unwrap_or_else(PoisonError::into_inner) = Some(ends);
        let (watched, mut node) = (Watched(Arc::downgrade(self)), self.store.node());
        runtime.spawn(async move {
            loop {
                tokio::select! {
                    _ = &mut ended => return,
                    changed = node.changed() => if changed.is_err() { return },
                }
                let Some(core) = watched.0.upgrade() else { return };
                let desks = core.desks.lock().unwrap_or_else(PoisonError::into_inner);
                desks.by_address.values().filter(|desk| desk.in_use()).for_each(Desk::look);
            }
        });
    }
}
