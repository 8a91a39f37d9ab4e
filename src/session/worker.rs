//! The one task that exchanges for a desk.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    LEASE_US, PATIENCE_US,
    desk::{Desk, State},
    journal::Journal,
    pending::{Asked, Head, Pending, Recall},
    queue::{Queue, Refusal},
};
use crate::{
    ArrivalWithin, CountFrom, Error,
    exchange::{Done, Reply},
};

/// A worker without work stays for so long.
const LINGER_US: u64 = 1_000_000;
/// Sleepers spread over so much, so that they do not come all at once.
const JITTER_US: u64 = 1000;
/// One exchange carries at most so many routes, runs of equal costs on each, and reports.
const MAX_ASKS: usize = 64;
const MAX_RUNS: usize = 64;
const MAX_REPORTS: usize = 256;
/// The first and the longest pause after a failure.
const BACK_OFF_US: (u64, u64) = (10_000, 400_000);
/// A store that keeps contradicting itself is left alone after so many tries in a row.
const MAX_CONTRADICTIONS: u32 = 8;

/// What a session remembers from one exchange to the next, and from one worker to the next.
#[derive(Debug)]
pub(crate) struct Memory {
    head: Head,
    pub(crate) journal: Journal,
    node: watch::Receiver<String>,
    recall: Recall,
    /// The exchange that has not been answered.
    pending: Option<Pending>,
    /// Until when the store believes in this session at least.
    lease_until_us: u64,
    heartbeat_us: u64,
    /// What the store's clock is ahead of ours, as far as calendars are concerned.
    ahead_us: i64,
}

/// What to do next.
enum Plan {
    Exchange,
    Sleep(Option<u64>),
    End,
}

/// Puts the memory back when the worker ends, however it ends.
struct Worker {
    desk: Arc<Desk>,
    memory: Option<Box<Memory>>,
    failures: u32,
}

impl Drop for Worker {
    fn drop(&mut self) {
        let mut state = self.desk.state();
        state.memory = self.memory.take();
        state.working = false;
    }
}

/// Works for a desk until there is nothing left to do.
pub(crate) async fn run(desk: Arc<Desk>) {
    let memory = desk.state().memory.take();
    let memory = memory.unwrap_or_else(|| Box::new(Memory::new(&desk)));
    let mut worker = Worker { desk, memory: Some(memory), failures: 0 };
    worker.run().await;
}

impl Memory {
    fn new(desk: &Desk) -> Self {
        let node = desk.store.node();
        let at_grant = desk.budget.count_from() == CountFrom::Grant;
        let head = Head {
            session: desk.store.enroll(&desk.store_bell),
            who: crate::store::who(),
            seq: 1,
            node: node.borrow().clone(),
            lease_us: LEASE_US,
            at_grant,
            ..Head::default()
        };
        Self {
            head,
            journal: Journal::default(),
            node,
            recall: Recall::Nothing,
            pending: None,
            lease_until_us: 0,
            heartbeat_us: u64::MAX,
            ahead_us: 0,
        }
    }
}

impl Worker {
    async fn run(&mut self) {
        let mut idle_since: Option<u64> = None;
        loop {
            // Let the callers that are about to ask come first: they all go together.
            tokio::task::yield_now().await;
            let now_us = self.desk.clock.now_us();
            let Some(memory) = self.memory.as_mut() else { return };
            let plan = memory.plan(&mut self.desk.state(), now_us);
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
                    if memory.is_idle(&mut state) {
                        state.memory = self.memory.take();
                        state.working = false;
                        return;
                    }
                }
            }
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
            let pending = memory.collect(&mut desk.state(), desk.clock.now_us());
            memory.pending = Some(pending);
        }
        let mut contradictions = 0;
        loop {
            let sent_us = desk.clock.now_us();
            let request = {
                let state = desk.state();
                memory.request(&state, sent_us)
            };
            let Some(request) = request else { return };
            desk.exchanges.fetch_add(1, Ordering::Relaxed);
            tracing::trace!(budget = %desk.address, seq = request.seq, asks = request.asks.len(), completes = request.completes.len(), "exchange");
            let reply = desk.store.exchange(&desk.address, &request).await;
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
                    format!("budget {}: its state in the store was written by a newer paceline", desk.address),
                    format!("layout {layout}, and this version writes {}", crate::exchange::LAYOUT),
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
                    format!("budget {}: the store keeps contradicting itself", desk.address),
                    format!("its last reply was {reply:?}"),
                    "see whether several servers answer at this address",
                ),
                Err(error) => error,
            };
            self.failures += 1;
            let pause = (BACK_OFF_US.0 << self.failures.min(10)).min(BACK_OFF_US.1);
            let pause = pause / 2 + fastrand::u64(0..=pause / 2);
            fail(&desk, &error, desk.clock.now_us());
            let until = desk.clock.now_us() + pause;
            if desk.allows_on_error() {
                // Callers that come in the meantime do not wait for the next try.
                while desk.clock.now_us() < until {
                    tokio::select! {
                        () = desk.clock.sleep_until(until) => {}
                        () = desk.bell.notified() => fail(&desk, &error, desk.clock.now_us()),
                    }
                }
            } else {
                desk.clock.sleep_until(until).await;
            }
        }
    }
}

impl Memory {
    fn is_idle(&self, state: &mut State) -> bool {
        let quiet = state.queues.values().all(|q| q.waiters.is_empty() && q.hasty.is_empty() && !q.in_line);
        quiet
            && state.flush.is_empty()
            && state.flights.is_empty()
            && state.flights.reported()
            && self.pending.is_none()
    }

    fn plan(&mut self, state: &mut State, now_us: u64) -> Plan {
        state.flights.arrive(now_us);
        for queue in state.queues.values_mut() {
            queue.prune();
        }
        state.queues.retain(|_, q| !q.waiters.is_empty() || !q.hasty.is_empty() || q.in_line);
        let asks = state.queues.values().any(|q| q.ready(now_us));
        if self.heartbeat_us <= now_us && !state.flights.holds() {
            self.heartbeat_us = u64::MAX;
        }
        let heartbeat = self.heartbeat_us <= now_us;
        let recall = self.recall != Recall::Nothing;
        if self.pending.is_some() || asks || recall || heartbeat || state.flights.report_due(now_us) {
            return Plan::Exchange;
        }
        if !state.flush.is_empty() {
            if !state.flights.reported() {
                return Plan::Exchange;
            }
            state.flush.drain(..).for_each(|done| _ = done.send(Ok(())));
        }
        if self.is_idle(state) {
            return Plan::End;
        }
        let wakes = state.queues.values().filter(|q| !q.waiters.is_empty()).filter_map(|q| q.wake_us);
        let beat = (self.heartbeat_us < u64::MAX).then_some(self.heartbeat_us);
        Plan::Sleep(wakes.chain(state.flights.next_us()).chain(beat).min())
    }

    /// Takes all that there is to say.
    fn collect(&mut self, state: &mut State, now_us: u64) -> Pending {
        let (landed, corrections) = state.flights.take(MAX_REPORTS);
        let mut asks = Vec::new();
        for (&route, queue) in &mut state.queues {
            if asks.len() == MAX_ASKS || !queue.ready(now_us) {
                continue;
            }
            let wait = !queue.waiters.is_empty() || queue.hasty.is_empty();
            let runs = if wait {
                Queue::runs(queue.waiters.iter().map(|w| w.class.clone()), MAX_RUNS)
            } else {
                Queue::runs(queue.hasty.iter().map(|w| w.class.clone()), MAX_RUNS)
            };
            asks.push(Asked { route, wait, runs, limits: queue.route.limits.clone() });
        }
        Pending { asks, landed, corrections }
    }

    fn request(&mut self, state: &State, now_us: u64) -> Option<crate::exchange::Request> {
        let acked = if now_us < self.lease_until_us { self.head.seq - 1 } else { 0 };
        if acked == 0 && self.head.seq > 1 && self.recall == Recall::Nothing && !state.flights.is_empty() {
            // By now the store may have taken us for dead, and what we hold for used.
            self.recall = Recall::Flights;
        }
        self.head.acked = acked;
        let unix_us = now_us.saturating_add_signed(self.ahead_us);
        let pending = self.pending.as_ref()?;
        Some(pending.request(&self.head, self.recall, &state.flights, &self.journal, now_us, unix_us))
    }

    /// The node changed: whatever stands there now may have forgotten something.
    fn notice_node(&mut self) {
        let node = self.node.borrow_and_update().clone();
        if node != self.head.node {
            self.head.node = node;
            if self.head.seq > 1 {
                self.recall = Recall::All;
            }
        }
    }

    /// The store does not remember what we do.
    async fn contradicted(&mut self, desk: &Desk, reply: Reply) -> Result<(), Error> {
        match reply {
            Reply::OtherTime { unix_us } => {
                self.ahead_us = unix_us as i64 - desk.clock.now_us() as i64;
                return Ok(());
            }
            Reply::Stale => {
                // Someone used our name: take another, and tell all that we know.
                self.head.session = desk.store.enroll(&desk.store_bell);
                self.recall = Recall::All;
                return Ok(());
            }
            Reply::Lost => {
                tracing::warn!(budget = %desk.address, "the store forgot this session; telling it what is in flight and was used lately");
                self.recall = Recall::All;
            }
            Reply::OtherNode { .. } => self.recall = Recall::All,
            Reply::NoState if self.journal.trim(desk.clock.now_us()) => self.recall = Recall::All,
            _ => {}
        }
        let look = desk.store.look().await?;
        self.head.node = look.node;
        self.head.settle_us = Some(look.settle_us);
        if self.recall == Recall::All {
            self.head.settle_us = Some(crate::store::SETTLE_US.max(look.settle_us));
        }
        self.node.mark_unchanged();
        Ok(())
    }

    fn apply(&mut self, desk: &Arc<Desk>, done: Done, sent_us: u64, keys: &[String]) {
        let Some(pending) = self.pending.take() else { return };
        let now_us = desk.clock.now_us();
        let mut state = desk.state();
        if state.outage.take().is_some() {
            tracing::info!(budget = %desk.address, "the store is back");
        }
        if self.recall != Recall::Nothing {
            tracing::info!(budget = %desk.address, settling_us = done.settle_us, "resumed");
        }
        self.note(&pending);
        let mut longest = 0;
        for (asked, turn) in pending.asks.into_iter().zip(done.turns) {
            let limit = turn.binding.and_then(|l| keys.get(l)).cloned().unwrap_or_default();
            if let Some(wait) = turn.wait_us.filter(|_| asked.wait) {
                longest = longest.max(wait);
            }
            self.serve(desk, &mut state, asked, turn, &limit, (sent_us, now_us));
        }
        let waits_only = state.flights.is_empty();
        self.lease_until_us = sent_us + LEASE_US / 100 * 99 + if waits_only { longest } else { 0 };
        self.heartbeat_us = sent_us + LEASE_US / 3;
        self.head.seq += 1;
        self.head.settle_us = None;
        self.recall = Recall::Nothing;
    }

    /// Remembers what the store has been told.
    fn note(&mut self, pending: &Pending) {
        use crate::exchange::Part;
        for landed in pending.landed.iter().filter(|l| matches!(l.part, Part::Whole | Part::Arrived)) {
            for (limit, units) in &landed.class.parts {
                self.journal.note(limit, units * landed.count, landed.at_us, self.head.seq);
            }
        }
        for more in pending.corrections.iter().filter(|c| c.units > 0) {
            self.journal.note(&more.limit, more.units as u64, more.at_us, self.head.seq);
        }
    }

    /// Hands out what one route was granted, and tells the rest how things stand.
    fn serve(
        &mut self,
        desk: &Arc<Desk>,
        state: &mut State,
        asked: Asked,
        turn: crate::exchange::Turn,
        limit: &str,
        (sent_us, now_us): (u64, u64),
    ) {
        let State { queues, flights, .. } = state;
        let Some(queue) = queues.get_mut(&asked.route) else { return };
        let mut left = turn.granted;
        for (class, count) in asked.runs {
            let granted = left.min(count);
            left -= granted;
            if granted == 0 {
                break;
            }
            let arrive_by = match desk.budget.arrival_within() {
                ArrivalWithin::Limited(within) => Some(now_us + within.as_micros() as u64),
                ArrivalWithin::Unbounded => None,
            };
            if self.head.at_grant {
                for (limit, units) in &class.parts {
                    self.journal.note(limit, units * granted, now_us, self.head.seq);
                }
            }
            let batch = flights.depart(class.clone(), granted, now_us, arrive_by, self.head.at_grant);
            for _ in 0..granted {
                let waiter = if asked.wait {
                    queue.waiters.pop_front()
                } else {
                    (!queue.hasty.is_empty()).then(|| queue.hasty.remove(0))
                };
                let unclaimed = match waiter {
                    Some(waiter) if Arc::ptr_eq(&waiter.class, &class) => {
                        let grant = desk.grant(class.clone(), Some(batch), sent_us);
                        // The caller is gone: the grant comes back, and must not try to take our lock.
                        waiter.answer.send(Ok(grant)).err().map(disown)
                    }
                    Some(waiter) => {
                        queue.waiters.push_front(waiter);
                        Some(())
                    }
                    None => Some(()),
                };
                if unclaimed.is_some() {
                    flights.end(batch, super::flights::End::Unsent, now_us, 0);
                }
            }
        }
        queue.binding = limit.to_owned();
        queue.in_line = asked.wait && turn.wait_us.is_some() && !queue.waiters.is_empty();
        let Some(wait) = turn.wait_us else {
            queue.wake_us = None;
            return;
        };
        // Whoever cannot wait comes after those who do.
        for waiter in queue.hasty.drain(..) {
            let not_now = Refusal::NotNow { limit: limit.to_owned(), retry_after: Duration::from_micros(wait) };
            _ = waiter.answer.send(Err(not_now));
        }
        if !asked.wait {
            return;
        }
        tracing::trace!(budget = %desk.address, limit, wait_us = wait, waiting = queue.waiters.len(), "wait");
        queue.wake_us = Some(now_us + wait + fastrand::u64(0..=JITTER_US));
        refuse_unreachable(desk, queue, now_us, wait, turn.last_us, limit);
    }
}

/// Refuses callers whose deadline is before their turn, at once. Their turns are spread evenly up to the last.
fn refuse_unreachable(desk: &Desk, queue: &mut Queue, now_us: u64, first_us: u64, last_us: u64, limit: &str) {
    let waiting = queue.waiters.len() as u64;
    if queue.waiters.iter().all(|w| w.deadline_us.is_none()) {
        return;
    }
    let mut kept = std::collections::VecDeque::with_capacity(queue.waiters.len());
    for (i, waiter) in std::mem::take(&mut queue.waiters).into_iter().enumerate() {
        let expected = first_us + last_us.saturating_sub(first_us) / waiting.max(1) * i as u64;
        match waiter.deadline_us {
            Some(by) if now_us + expected > by => {
                let kind = crate::error::ErrorKind::Unreachable {
                    budget: desk.budget.name().to_owned(),
                    limit: limit.to_owned(),
                    expected: Duration::from_micros(expected),
                    deadline: Duration::from_micros(by.saturating_sub(waiter.since_us)),
                };
                _ = waiter.answer.send(Err(Refusal::Failed(Error::new(kind))));
            }
            _ => kept.push_back(waiter),
        }
    }
    queue.waiters = kept;
}

/// The store could not be reached: those who cannot be helped by another try are told, or let through.
fn fail(desk: &Arc<Desk>, error: &Error, now_us: u64) {
    let mut state = desk.state();
    let since = state.outage.as_ref().map_or(now_us, |(since, _)| *since);
    if state.outage.is_none() {
        tracing::warn!(budget = %desk.address, %error, "the store cannot be used");
    }
    state.outage = Some((since, error.clone()));
    state.flush.drain(..).for_each(|done| _ = done.send(Err(error.clone())));
    let allow = desk.allows_on_error();
    let mut answers = Vec::new();
    for queue in state.queues.values_mut() {
        queue.wake_us = None;
        let hasty = queue.hasty.drain(..);
        let waiters = std::mem::take(&mut queue.waiters);
        for waiter in hasty.chain(waiters) {
            let patience_us =
                waiter.deadline_us.map_or(waiter.since_us + PATIENCE_US, |by| by.min(waiter.since_us + PATIENCE_US));
            if allow {
                let grant = desk.grant(waiter.class.clone(), None, now_us);
                answers.push((waiter.answer, Ok(grant)));
            } else if error.is_transient() && now_us < patience_us {
                queue.waiters.push_back(waiter);
            } else {
                answers.push((waiter.answer, Err(Refusal::Failed(error.clone()))));
            }
        }
    }
    drop(state);
    if allow && !answers.is_empty() {
        desk.uncounted.fetch_add(answers.len() as u64, Ordering::Relaxed);
        tracing::warn!(budget = %desk.address, calls = answers.len(), "sent without counting, because on_store_error is \"allow\"");
    }
    for (answer, what) in answers {
        _ = answer.send(what);
    }
}

/// A grant that nobody took, while the desk is locked: the caller of this sees to its end.
fn disown(answer: super::queue::Answer) {
    if let Ok(mut grant) = answer {
        grant.open = false;
    }
}

impl Desk {
    fn grant(
        self: &Arc<Self>,
        class: Arc<super::class::Class>,
        batch: Option<u64>,
        sent_us: u64,
    ) -> super::queue::Grant {
        super::queue::Grant { class, batch, sent_us, desk: self.clone(), open: true }
    }
}
