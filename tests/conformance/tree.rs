//! Compiled once for each store, which is whatever `super::store` makes.

use super::store;

#[path = "tree/vectors.rs"]
mod vectors;
