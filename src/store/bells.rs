//! The sessions of one store, and how to tell them to look again.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::sync::Notify;

/// Names sessions, and knows the bell of each that still lives.
#[derive(Debug, Default)]
pub(super) struct Bells {
    named: AtomicU64,
    bells: Mutex<HashMap<String, Weak<Notify>>>,
}

impl Bells {
    /// A new session of the store of this name.
    pub(super) fn enroll(&self, store: &str, bell: &Arc<Notify>) -> String {
        let name = format!("{store}.{}", self.named.fetch_add(1, Ordering::Relaxed) + 1);
        let mut bells = self.lock();
        bells.retain(|_, bell| bell.strong_count() > 0);
        bells.insert(name.clone(), Arc::downgrade(bell));
        name
    }

    /// Tells a session to look again, if it is one of ours and lives.
    pub(super) fn ring(&self, session: &str) {
        if let Some(bell) = self.lock().get(session).and_then(Weak::upgrade) {
            bell.notify_one();
        }
    }

    /// A panic elsewhere leaves the map whole: it is changed in one step.
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Weak<Notify>>> {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
