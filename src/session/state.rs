//! What the callers of a desk and its worker both change.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Weak,
};

use tokio::sync::oneshot;

use super::{
    class::Route,
    lessons::{Began, Lessons, Refused},
    memory::Memory,
    queue::Queue,
};
use crate::Error;

/// What the callers and the worker both change.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) queues: BTreeMap<u32, Queue>,
    pub(crate) routes: HashMap<u32, Weak<Route>>,
    pub(super) next_route: u32,
    /// Callers in the queues when the worker last looked, and those that came since.
    pub(super) waiting: usize,
    /// Callers that ever came.
    pub(super) came: u64,
    /// The worker lives.
    pub(crate) working: bool,
    /// It has been told to look, and has not looked yet.
    pub(crate) told: bool,
    /// What responses said: told in the next exchange.
    pub(crate) lessons: Lessons,
    pub(super) began: Began,
    pub(crate) flush: Vec<oneshot::Sender<Result<(), Error>>>,
    /// When the exchange left that has not been answered yet.
    pub(crate) unanswered: Option<u64>,
    /// The provider refuses the credential.
    pub(crate) refused: Option<Refused>,
    /// Since when the store has not been reached, and why.
    pub(crate) outage: Option<(u64, Error)>,
    /// What the worker must remember while there is none.
    pub(crate) memory: Option<Box<Memory>>,
}

impl State {
    /// Counts who waits, and no longer those that were served.
    pub(crate) fn recount(&mut self) {
        self.waiting = self.queues.values().map(|queue| queue.waiters.len() + queue.hasty.len()).sum();
    }

    /// A caller went away without an answer.
    pub(crate) fn left(&mut self) {
        self.waiting = self.waiting.saturating_sub(1);
    }
}
