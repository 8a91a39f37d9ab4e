//! What a caller that waits holds.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::{desk::Desk, queue::Answer};

/// A caller's place; dropping it leaves the line.
pub(super) struct Ticket<'a> {
    pub(super) desk: &'a Arc<Desk>,
    pub(super) route: u32,
    pub(super) answer: oneshot::Receiver<Answer>,
    /// The answer came.
    pub(super) done: bool,
}

impl<'a> Ticket<'a> {
    pub(super) fn new(desk: &'a Arc<Desk>, route: u32, answer: oneshot::Receiver<Answer>) -> Self {
        desk.telemetry.waiting.increment(1.0);
        Self { desk, route, answer, done: false }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.desk.telemetry.waiting.decrement(1.0);
        if self.done {
            return;
        }
        // A grant that is on its way is taken out and goes back when it drops, after the lock is released.
        self.answer.close();
        let grant = self.answer.try_recv();
        let mut state = self.desk.state();
        state.left();
        if let Some(queue) = state.queues.get_mut(&self.route) {
            let next_us = queue.next_us();
            queue.gone += 1;
            let empty = queue.gone >= queue.waiters.len() + queue.hasty.len();
            if empty || queue.next_us() < next_us {
                self.desk.bell.notify_one();
            }
        }
        drop(state);
        drop(grant);
    }
}
