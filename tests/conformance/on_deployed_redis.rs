//! The tree on a Redis that is set up as `deploy/redis` says, as the user that it has for programs.

use std::sync::{Arc, LazyLock};

use paceline::{ManualClock, RedisStore, Store};

use crate::support::RedisServer;

#[path = "tree.rs"]
mod tree;

/// A store that lives by `clock`.
async fn store(clock: &ManualClock) -> Arc<dyn Store> {
    static SERVER: LazyLock<RedisServer> = LazyLock::new(RedisServer::deployed);
    let url = format!("redis://paceline:paceline-demo@127.0.0.1:{}", SERVER.port());
    Arc::new(RedisStore::connect_with_clock(&url, clock.clone()).await.unwrap())
}
