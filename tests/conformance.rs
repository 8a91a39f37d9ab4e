//! One tree of tests, run on each store: what both must answer, in the same words and at the same microseconds.

// Each store compiles the tree for itself: that is the point.
#![allow(clippy::duplicate_mod)]

mod support;

#[path = "conformance/vector.rs"]
mod vector;

#[path = "conformance/on_memory.rs"]
mod on_memory;

#[cfg(feature = "redis")]
#[path = "conformance/on_redis.rs"]
mod on_redis;

#[cfg(feature = "redis")]
#[path = "conformance/on_deployed_redis.rs"]
mod on_deployed_redis;
