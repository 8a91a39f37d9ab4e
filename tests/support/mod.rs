//! What the test binaries share: a Redis to talk to, and names that no other test uses.

// Each test binary compiles this tree for itself and uses a part of it.
#![allow(dead_code, unused_imports)]

mod container;
mod process;
#[cfg(feature = "cli")]
mod provider;
mod proxy;
mod redis;
mod resp;
#[cfg(feature = "cli")]
mod shell;

use std::{
    process::id,
    sync::atomic::{AtomicU64, Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

#[cfg(feature = "cli")]
pub use self::{
    provider::Provider,
    shell::{Shell, ended, until},
};
pub use self::{
    proxy::{Mode, Proxy},
    redis::{RedisServer, redis_url, shared_redis},
    resp::Client,
};

/// A budget name that no other test, test binary or earlier run on the same Redis uses.
pub fn unique(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    format!("{name}-{started:x}-{:x}-{:x}", id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
