//! The tree on the store of one process.

use std::sync::Arc;

use paceline::{ManualClock, MemoryStore, Store};

#[path = "tree.rs"]
mod tree;

/// A store that lives by `clock`.
async fn store(clock: &ManualClock) -> Arc<dyn Store> {
    Arc::new(MemoryStore::with_clock(clock.clone()))
}
