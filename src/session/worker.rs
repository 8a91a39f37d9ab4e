//! The one task that exchanges for a desk.

use std::sync::{Arc, atomic::Ordering};

use super::{
    answers,
    desk::Desk,
    gauges,
    memory::{Memory, Plan},
};
use crate::{
    Error,
    exchange::{LAYOUT, Reply},
    telemetry::seconds,
};

/// A worker without work stays for so long.
const LINGER_US: u64 = 1_000_000;
/// Callers that keep coming are gathered so often before an exchange leaves.
const MAX_GATHERS: usize = 8;
/// The first and the longest pause after a failure.
const BACK_OFF_US: (u64, u64) = (10_000, 400_000);
/// A store that keeps contradicting itself is left alone after so many tries in a row.
const MAX_CONTRADICTIONS: u32 = 8;

/// Puts the memory back when the worker ends, however it ends.
struct Worker {
    desk: Arc<Desk>,
    memory: Option<Box<Memory>>,
    failures: u32,
    /// Callers that had come when it last gathered, and whether several of them asked in the last exchange: those that were
    /// served are about to come again.
    came: u64,
    crowd: bool,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // One that ended has left its memory already, and the next may be at work.
        let Some(memory) = self.memory.take() else { return };
        let mut state = self.desk.state();
        state.memory = Some(memory);
        state.working = false;
    }
}

/// Works for a desk until there is nothing left to do.
pub(crate) async fn run(desk: Arc<Desk>) {
    let memory = desk.state().memory.take();
    let memory = memory.unwrap_or_else(|| Box::new(Memory::new(&desk)));
    let mut worker = Worker { desk, memory: Some(memory), failures: 0, came: 0, crowd: false };
    worker.run().await;
}

impl Worker {
    async fn run(&mut self) {
        let mut idle_since: Option<u64> = None;
        loop {
            self.gather().await;
            let now_us = self.desk.clock.now_us();
            let Some(memory) = self.memory.as_mut() else { return };
            let plan = memory.plan(&mut self.desk.state(), &mut self.desk.flights(), now_us);
            match plan {
                Plan::Exchange => {
                    idle_since = None;
                    self.exchange().await;
                }
                Plan::Sleep(until) => {
                    idle_since = None;
                    self.sleep(until).await;
                }
                Plan::End => {
                    let since = *idle_since.get_or_insert(now_us);
                    if now_us < since + LINGER_US {
                        self.sleep(Some(since + LINGER_US)).await;
                        continue;
                    }
                    let mut state = self.desk.state();
                    // Someone may have come in between.
                    if memory.is_idle(&state, &self.desk.flights()) {
                        state.memory = self.memory.take();
                        state.working = false;
                        gauges::unknown(&self.desk);
                        return;
                    }
                }
            }
        }
    }

    /// Lets the callers that are about to ask come first, for as long as more of them do: they all go together. There is
    /// no timer in this, and one caller alone goes at once.
    async fn gather(&mut self) {
        let came = self.desk.state().came;
        let alone = !self.crowd && came <= self.came + 1;
        self.came = came;
        if alone {
            return;
        }
        for _ in 0..MAX_GATHERS {
            tokio::task::yield_now().await;
            let came = self.desk.state().came;
            if came == self.came {
                break;
            }
            self.came = came;
        }
    }

    async fn sleep(&mut self, until_us: Option<u64>) {
        let Some(memory) = self.memory.as_mut() else { return };
        let alarm = async {
            match until_us {
                Some(at) => self.desk.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            () = self.desk.bell.notified() => {}
            () = self.desk.store_bell.notified() => {
                for queue in self.desk.state().queues.values_mut() {
                    queue.wake_us = None;
                }
            }
            changed = memory.node.changed() => {
                if changed.is_err() {
                    // The store is gone for good; its errors will say so.
                    self.desk.clock.sleep_until(self.desk.clock.now_us() + LINGER_US).await;
                } else {
                    memory.notice_node();
                }
            }
            () = alarm => {}
        }
    }

    /// Makes one exchange: sends what is pending until it is answered, or until nobody waits for it.
    async fn exchange(&mut self) {
        let desk = self.desk.clone();
        let Some(memory) = self.memory.as_mut() else { return };
        if memory.pending.is_none() {
            let pending = memory.collect(&mut desk.state(), &mut desk.flights(), desk.clock.now_us());
            memory.pending = Some(pending);
        }
        let mut contradictions = 0;
        loop {
            let sent_us = desk.clock.now_us();
            let request = memory.request(&desk.flights(), sent_us);
            desk.state().unanswered = request.is_some().then_some(sent_us);
            let Some(request) = request else { return };
            self.crowd = request.asks.iter().flat_map(|ask| &ask.runs).map(|(_, callers)| callers).sum::<u64>() > 1;
            desk.exchanges.fetch_add(1, Ordering::Relaxed);
            desk.telemetry.exchanges.increment(1);
            tracing::trace!(
                budget = desk.budget.name(),
                seq = request.seq,
                asks = request.asks.len(),
                completes = request.completes.len(),
                "exchange"
            );
            let reply = desk.store.exchange(&desk.address, &request).await;
            desk.state().unanswered = None;
            if reply.is_ok() {
                desk.telemetry.exchange.record(seconds(desk.clock.now_us() - sent_us));
            }
            let error = match reply {
                Ok(Reply::Done(done)) => {
                    self.failures = 0;
                    memory.apply(
                        &desk,
                        done,
                        sent_us,
                        &request.limits.iter().map(|l| l.key().to_owned()).collect::<Vec<_>>(),
                    );
                    return;
                }
                Ok(Reply::Newer { layout }) => Error::store_fatal(
                    format!("budget {}: its state in the store was written by a newer paceline", desk.budget.name()),
                    format!("layout {layout}, and this version writes {}", LAYOUT),
                    "update this process",
                ),
                Ok(reply) if contradictions < MAX_CONTRADICTIONS => {
                    contradictions += 1;
                    match memory.contradicted(&desk, reply).await {
                        Ok(()) => continue,
                        Err(error) => error,
                    }
                }
                Ok(reply) => Error::store_transient(
                    format!("budget {}: the store keeps contradicting itself", desk.budget.name()),
                    format!("its last reply was {reply:?}"),
                    "see whether several servers answer at this address",
                ),
                Err(error) => error,
            };
            self.failures += 1;
            desk.telemetry.store_errors.increment(1);
            let pause = (BACK_OFF_US.0 << self.failures.min(10)).min(BACK_OFF_US.1);
            let pause = pause / 2 + fastrand::u64(0..=pause / 2);
            answers::fail(&desk, &error, desk.clock.now_us());
            let until = desk.clock.now_us() + pause;
            if desk.allows_on_error() {
                // Callers that come in the meantime do not wait for the next try.
                while desk.clock.now_us() < until {
                    tokio::select! {
                        () = desk.clock.sleep_until(until) => {}
                        () = desk.bell.notified() => answers::fail(&desk, &error, desk.clock.now_us()),
                    }
                }
            } else {
                desk.clock.sleep_until(until).await;
            }
        }
    }
}
