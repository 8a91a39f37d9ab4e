//! What a request comes to: the limits that it takes from, its tier, and how much.

use std::sync::Arc;

use crate::Cost;

/// The scope that a route gives a value: a limit with this scope counts for each operation apart.
pub(crate) const OPERATION: &str = "operation";

/// What a request comes to by a preset: [`crate::Limiter::on`] makes a handle of it. Equal ones come to the same handle.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    pub(super) limits: Arc<[String]>,
    pub(super) tier: Option<Arc<str>>,
    pub(super) operation: Arc<str>,
    pub(super) cost: Arc<Cost>,
}

impl Route {
    /// The names of the limits that it may take from. Those with a scope that nobody gave a value do not apply.
    pub fn limits(&self) -> &[String] {
        &self.limits
    }

    /// Its tier, for limits whose quota depends on it.
    pub fn tier(&self) -> Option<&str> {
        self.tier.as_deref()
    }

    /// What is done: the method and the pattern of the path, or a name that requests share which are counted together.
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The values of scopes that the request itself gives: that of `operation`.
    pub fn scopes(&self) -> impl Iterator<Item = (&str, &str)> {
        std::iter::once((OPERATION, &*self.operation))
    }

    /// What it takes; where only the response tells, an estimate.
    pub fn cost(&self) -> &Cost {
        &self.cost
    }
}
