//! What a session remembers from one exchange to the next, and from one worker to the next: what it says in the next
//! exchange, and what it makes of the reply.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::watch;

use super::{
    answers::{self, Trip},
    desk::Desk,
    flights::Flights,
    gauges,
    journal::Journal,
    lessons::Throttle,
    news::News,
    pending::{Asked, Head, Known, Pending, Recall},
    queue::Queue,
    state::State,
};
use crate::{
    CountFrom, Error, Event,
    exchange::{CHECKS, Done, Part, Reply},
};

/// One exchange carries at most so many routes, runs of equal costs on each, and reports.
const MAX_ASKS: usize = 64;
const MAX_RUNS: usize = 64;
const MAX_REPORTS: usize = 256;

/// What a session remembers from one exchange to the next, and from one worker to the next.
#[derive(Debug)]
pub(crate) struct Memory {
    head: Head,
    pub(crate) journal: Journal,
    /// Cooldowns that this process was told of and that are not over: a store that forgot is told again.
    cooling: Vec<Throttle>,
    pub(super) node: watch::Receiver<String>,
    recall: Recall,
    /// The exchange that has not been answered.
    pub(super) pending: Option<Pending>,
    /// Until when the store believes in this session at least.
    lease_until_us: u64,
    heartbeat_us: u64,
    /// What the store's clock is ahead of ours, as far as calendars are concerned.
    ahead_us: i64,
}

/// What to do next.
pub(super) enum Plan {
    Exchange,
    Sleep(Option<u64>),
    End,
}

impl Memory {
    pub(super) fn new(desk: &Desk) -> Self {
        let node = desk.store.node();
        let at_grant = desk.budget.count_from() == CountFrom::Grant;
        let head = Head {
            session: desk.store.enroll(&desk.store_bell),
            who: format!("{} {}", crate::store::who(), desk.budget.definition()),
            seq: 1,
            node: node.borrow().clone(),
            lease_us: desk.lease_us,
            at_grant,
            strangers: desk.budget.strangers(),
            ..Head::default()
        };
        Self {
            head,
            journal: Journal::default(),
            cooling: Vec::new(),
            node,
            recall: Recall::Nothing,
            pending: None,
            lease_until_us: 0,
            heartbeat_us: u64::MAX,
            ahead_us: 0,
        }
    }

    pub(super) fn is_idle(&self, state: &State, flights: &Flights) -> bool {
        let quiet = state.queues.values().all(|q| q.is_empty() && !q.in_line);
        quiet && state.flush.is_empty() && flights.is_empty() && flights.reports.is_empty() && self.pending.is_none()
    }

    pub(super) fn plan(&mut self, state: &mut State, flights: &mut Flights, now_us: u64) -> Plan {
        state.told = false;
        flights.arrive(now_us);
        for queue in state.queues.values_mut() {
            queue.prune();
        }
        state.queues.retain(|_, q| q.in_use());
        state.recount();
        let asks = state.queues.values().any(|q| q.ready(now_us));
        if self.heartbeat_us <= now_us && !flights.holds() {
            self.heartbeat_us = u64::MAX;
        }
        let heartbeat = self.heartbeat_us <= now_us;
        let recall = self.recall != Recall::Nothing;
        if self.pending.is_some()
            || asks
            || state.lessons.urgent()
            || recall
            || heartbeat
            || flights.reports.due(now_us)
        {
            return Plan::Exchange;
        }
        if !state.flush.is_empty() {
            if !flights.reports.is_empty() {
                return Plan::Exchange;
            }
            state.flush.drain(..).for_each(|done| _ = done.send(Ok(())));
        }
        if self.is_idle(state, flights) {
            return Plan::End;
        }
        let wakes = state.queues.values().filter(|q| !q.waiters.is_empty()).filter_map(Queue::next_us);
        let beat = (self.heartbeat_us < u64::MAX).then_some(self.heartbeat_us);
        Plan::Sleep(wakes.chain(flights.next_us()).chain(beat).min())
    }

    /// Takes all that there is to say.
    pub(super) fn collect(&mut self, state: &mut State, flights: &mut Flights, now_us: u64) -> Pending {
        let (landed, corrections) = flights.reports.take(MAX_REPORTS);
        let mut asks = Vec::new();
        for (&route, queue) in &mut state.queues {
            if asks.len() == MAX_ASKS || !queue.ready(now_us) {
                continue;
            }
            let wait = !queue.waiters.is_empty() || queue.hasty.is_empty();
            let runs = if wait {
                Queue::runs(queue.waiters.iter().map(|w| &w.class), MAX_RUNS)
            } else {
                Queue::runs(queue.hasty.iter().map(|w| &w.class), MAX_RUNS)
            };
            asks.push(Asked { route, wait, runs, limits: queue.route.limits.clone() });
        }
        let lessons = std::mem::take(&mut state.lessons);
        Pending { asks, landed, corrections, lessons }
    }

    pub(super) fn request(&mut self, flights: &Flights, now_us: u64) -> Option<crate::exchange::Request> {
        let acked = if now_us < self.lease_until_us { self.head.seq - 1 } else { 0 };
        if acked == 0 && self.head.seq > 1 && self.recall == Recall::Nothing && !flights.is_empty() {
            // By now the store may have taken us for dead, and what we hold for used.
            self.recall = Recall::Flights;
        }
        self.head.acked = acked;
        let unix_us = now_us.saturating_add_signed(self.ahead_us);
        let pending = self.pending.as_ref()?;
        let known = Known { flights, journal: &self.journal, cooling: &self.cooling };
        Some(pending.request(&self.head, self.recall, known, now_us, unix_us))
    }

    /// The node changed: whatever stands there now may have forgotten something.
    pub(super) fn notice_node(&mut self) {
        let node = self.node.borrow_and_update().clone();
        if node != self.head.node {
            self.head.node = node;
            if self.head.seq > 1 {
                self.recall = Recall::All;
                self.head.settle_us = Some(crate::store::SETTLE_US);
            }
        }
    }

    /// The store does not remember what we do.
    pub(super) async fn contradicted(&mut self, desk: &Desk, reply: Reply) -> Result<(), Error> {
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
                tracing::warn!(
                    budget = desk.budget.name(),
                    "the store forgot this session; telling it what is in flight and was used lately"
                );
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

    pub(super) fn apply(&mut self, desk: &Arc<Desk>, done: Done, sent_us: u64, keys: &[String]) {
        let Some(pending) = self.pending.take() else { return };
        let now_us = desk.clock.now_us();
        let (mut state, mut flights) = (desk.state(), desk.flights());
        if let Some((since, _)) = state.outage.take() {
            let after = Duration::from_micros(now_us.saturating_sub(since));
            desk.news.tell(|| Event::StoreBack { after });
            tracing::info!(budget = desk.budget.name(), "the store is back");
        }
        if self.recall != Recall::Nothing {
            desk.telemetry.resumes.increment(1);
            desk.news.tell(|| Event::Resumed);
            tracing::info!(budget = desk.budget.name(), settling_us = done.settle_us, "resumed");
        }
        self.note(&pending);
        let taught = !pending.lessons.sights.is_empty() || !pending.lessons.throttles.is_empty();
        pending.landed.iter().for_each(|landed| gauges::landed(desk, landed));
        gauges::free(desk, keys, &done.free);
        self.cooling.retain(|throttle| throttle.until_us.is_some_and(|until| until > now_us));
        self.cooling.extend(pending.lessons.throttles.iter().cloned());
        // Before anyone has a permit in hand and looks whether it still holds.
        self.lease_until_us = sent_us + desk.lease_us / 100 * 99;
        desk.lease_until_us.store(self.lease_until_us, Ordering::Relaxed);
        let (mut longest, mut answers) = (0, Vec::new());
        for (asked, turn) in pending.asks.into_iter().zip(done.turns) {
            // By its name alone: what it is counted apart for may be somebody's key.
            let key = turn.binding.and_then(|l| keys.get(l)).map_or("", String::as_str);
            let limit = key.split('@').next().unwrap_or_default();
            if let Some(wait) = turn.wait_us.filter(|_| asked.wait) {
                longest = longest.max(wait);
            }
            if let Some(wait) = turn.wait_us.filter(|wait| turn.cooling && state.began.heard(key, now_us, *wait)) {
                let wait = Some(Duration::from_micros(wait));
                desk.news.tell(|| Event::Cooldown { limit: limit.to_owned(), wait, cause: None });
            }
            self.note_grants(&asked, turn.granted, now_us);
            answers::serve(
                desk,
                (&mut state, &mut flights),
                asked,
                &turn,
                limit,
                Trip { sent_us, now_us, paused: done.paused },
                &mut answers,
            );
        }
        if flights.is_empty() {
            // The store lets one that only waits sleep the longer, the farther its turn.
            self.lease_until_us += longest / CHECKS;
        }
        self.heartbeat_us = sent_us + desk.lease_us / 3;
        self.head.seq += 1;
        self.head.settle_us = None;
        self.recall = Recall::Nothing;
        drop((state, flights));
        answers::tell(answers);
        if taught {
            News::look_at_others(desk, now_us);
        }
    }

    /// Under `count_from = "grant"` a unit is used when it is granted.
    fn note_grants(&mut self, asked: &Asked, granted: u64, now_us: u64) {
        let mut left = if self.head.at_grant { granted } else { 0 };
        for (class, count) in &asked.runs {
            for (limit, units) in &class.parts {
                self.journal.note(limit, units * left.min(*count), now_us, self.head.seq);
            }
            left = left.saturating_sub(*count);
        }
    }

    /// Remembers what the store has been told.
    fn note(&mut self, pending: &Pending) {
        for landed in pending.landed.iter().filter(|l| matches!(l.part, Part::Whole | Part::Arrived)) {
            for (limit, units) in &landed.class.parts {
                self.journal.note(limit, units * landed.count, landed.at_us, self.head.seq);
            }
        }
        for more in pending.corrections.iter().filter(|c| c.units > 0) {
            self.journal.note(&more.limit, more.units as u64, more.at_us, self.head.seq);
        }
    }
}
