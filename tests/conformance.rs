//! One tree of tests, run on each store: what both must answer, in the same words and at the same microseconds.

mod support;

#[path = "conformance/vector.rs"]
mod vector;

#[path = "conformance/on_memory.rs"]
mod on_memory;
