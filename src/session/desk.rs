//! Where callers and the worker of one budget (of one partition of it) meet.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, oneshot};

use super::{
    LEASE_US, MAX_WAITING, PATIENCE_US, SEND_SHARE,
    class::{Applied, Class, Route, Selection},
    flights::{End, Flights},
    news::News,
    queue::{Answer, Grant, Queue, Refusal, Waiter},
    state::State,
    ticket::Ticket,
    worker,
};
use crate::{
    ArrivalWithin, Budget, Cost, CountFrom, Error, OnStoreError, Store, clock::Clock, error::ErrorKind,
    telemetry::Telemetry,
};

/// Shared by all handles of one budget and partition.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) budget: Budget,
    pub(crate) address: String,
    pub(crate) clock: Clock,
    /// Rung by callers, and by the store when a sleeper should look again.
    pub(crate) bell: Notify,
    pub(crate) store_bell: Arc<Notify>,
    pub(crate) exchanges: AtomicU64,
    pub(crate) uncounted: AtomicU64,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) news: News,
    /// How long the store believes in this session: no request may arrive later than that.
    pub(crate) lease_us: u64,
    /// Until when it does so for certain.
    pub(crate) lease_until_us: AtomicU64,
    state: Mutex<State>,
    /// Apart from the rest, so that callers who are done stay out of the way of those who come. Where both are locked, it is the
    /// second.
    flights: Mutex<Flights>,
}

impl Desk {
    pub(crate) fn new(store: Arc<dyn Store>, budget: Budget, address: String, telemetry: Arc<Telemetry>) -> Arc<Self> {
        let lease_us = match budget.arrival_within() {
            ArrivalWithin::Limited(within) => LEASE_US.max(within.as_micros() as u64 * 5 / 4),
            ArrivalWithin::Unbounded => LEASE_US,
        };
        Arc::new(Self {
            lease_us,
            lease_until_us: AtomicU64::new(0),
            clock: store.clock().clone(),
            store,
            budget,
            address,
            bell: Notify::new(),
            store_bell: Arc::new(Notify::new()),
            exchanges: AtomicU64::new(0),
            uncounted: AtomicU64::new(0),
            telemetry,
            news: News::default(),
            state: Mutex::default(),
            flights: Mutex::default(),
        })
    }

    /// A panic elsewhere leaves the state whole: no step in between can panic.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The same holds of it.
    pub(crate) fn flights(&self) -> MutexGuard<'_, Flights> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The route of a selection; equal ones share it.
    pub(crate) fn route(&self, selection: &Selection) -> Result<Arc<Route>, Error> {
        let limits = selection.resolve(&self.budget, self.clock.now_us())?;
        let mut state = self.state();
        state.routes.retain(|_, route| route.strong_count() > 0);
        let keys = |limits: &[Arc<Applied>]| limits.iter().map(|l| l.terms.key().to_owned()).collect::<Vec<_>>();
        let wanted = keys(&limits);
        let known = state.routes.values().filter_map(Weak::upgrade).find(|route| keys(&route.limits) == wanted);
        Ok(known.unwrap_or_else(|| {
            state.next_route += 1;
            let route = Arc::new(Route { id: state.next_route, limits });
            state.routes.insert(route.id, Arc::downgrade(&route));
            route
        }))
    }

    /// Waits for a permit, until the deadline.
    pub(crate) async fn acquire(
        self: &Arc<Self>,
        route: &Arc<Route>,
        class: Arc<Class>,
        within: Option<Duration>,
    ) -> Result<Grant, Error> {
        let since_us = self.clock.now_us();
        let deadline_us = within.map(|d| since_us.saturating_add(d.as_micros().min(u128::from(u64::MAX)) as u64));
        let mut ticket = self.join(route, class, deadline_us, since_us, Hurry::CanWait)?;
        let by = match deadline_us {
            None => {
                let answer = (&mut ticket.answer).await;
                return self.open(answer, &mut ticket);
            }
            Some(by) => by,
        };
        tokio::select! {
            biased;
            answer = &mut ticket.answer => self.open(answer, &mut ticket),
            () = self.alarm(by) => Err(self.too_late(since_us, by, route)),
        }
    }

    /// Takes a permit if there is one now.
    pub(crate) async fn try_acquire(
        self: &Arc<Self>,
        route: &Arc<Route>,
        class: Arc<Class>,
    ) -> Result<Result<Grant, (String, Duration)>, Error> {
        let since_us = self.clock.now_us();
        if let Some(denied) = self.queued_before(route, since_us) {
            return Ok(Err(denied));
        }
        let by = since_us + PATIENCE_US;
        let mut ticket = self.join(route, class, Some(by), since_us, Hurry::NowOrNever)?;
        tokio::select! {
            biased;
            answer = &mut ticket.answer => match answer {
                Ok(Err(Refusal::NotNow { limit, retry_after })) => {
                    ticket.done = true;
                    Ok(Err((limit, retry_after)))
                }
                answer => self.open(answer, &mut ticket).map(Ok),
            },
            () = self.alarm(by) => Err(self.too_late(since_us, by, route)),
        }
    }

    /// Rings at a deadline. Boxed, since it is larger than all the rest of a caller's future, and many callers have none.
    fn alarm(&self, at_us: u64) -> Pin<Box<impl Future<Output = ()>>> {
        Box::pin(self.clock.sleep_until(at_us))
    }

    /// Those who wait on a route go first: no call is needed to say no.
    fn queued_before(&self, route: &Route, now_us: u64) -> Option<(String, Duration)> {
        let state = self.state();
        let queue = state.queues.get(&route.id)?;
        let wake = queue.wake_us?;
        let ahead = queue.waiters.len() > queue.gone && wake > now_us;
        ahead.then(|| (queue.binding.clone(), Duration::from_micros(wake - now_us)))
    }

    fn join<'a>(
        self: &'a Arc<Self>,
        route: &Arc<Route>,
        class: Arc<Class>,
        deadline_us: Option<u64>,
        since_us: u64,
        hurry: Hurry,
    ) -> Result<Ticket<'a>, Error> {
        let (sender, answer) = oneshot::channel();
        let waiter = Waiter { class, deadline_us, since_us, answer: sender };
        let mut state = self.state();
        if let Some(refused) = state.refused.filter(|refused| refused.until_us > since_us) {
            return Err(self.refused(refused, since_us));
        }
        if state.waiting >= MAX_WAITING {
            let kind = ErrorKind::QueueFull { budget: self.budget.name().to_owned(), waiting: state.waiting };
            return Err(Error::new(kind));
        }
        let queue = state.queues.entry(route.id).or_insert_with(|| Queue::new(route.clone()));
        let asks_now = match hurry {
            Hurry::CanWait => {
                // Who does not wait has no deadline of its own: it wants to hear "not now", and when.
                if let Some(expected_us) = deadline_us.and_then(|by| queue.out_of_reach(since_us, by)) {
                    let expected = Duration::from_micros(expected_us);
                    return Err(self.unreachable(queue, expected, within(since_us, deadline_us)));
                }
                let next_us = queue.next_us();
                queue.waiters.push_back(waiter);
                queue.waiters.len() == 1 || next_us.is_none_or(|at| at <= since_us) || queue.next_us() < next_us
            }
            Hurry::NowOrNever => {
                queue.hasty.push_back(waiter);
                true
            }
        };
        state.waiting += 1;
        state.came += 1;
        let in_outage = state.outage.is_some();
        self.rouse(state, asks_now || in_outage);
        Ok(Ticket::new(self, route.id, answer))
    }

    fn paused(&self) -> ErrorKind {
        ErrorKind::Paused { budget: self.budget.name().to_owned(), partition: self.address.contains('/') }
    }

    /// A deadline that cannot be met.
    pub(crate) fn unreachable(&self, queue: &Queue, expected: Duration, deadline: Duration) -> Error {
        let (budget, limit) = (self.budget.name().to_owned(), queue.binding.clone());
        Error::new(match queue.cooling {
            _ if queue.paused_until_us.is_some() => self.paused(),
            true => ErrorKind::Cooling { budget, limit, expected, deadline },
            false => ErrorKind::Unreachable { budget, limit, expected, deadline },
        })
    }

    /// Sees to it that a worker lives, and looks if there is something to do.
    pub(crate) fn rouse(self: &Arc<Self>, mut state: MutexGuard<'_, State>, look: bool) {
        if !state.working {
            // Outside of a runtime (a permit dropped at the very end) nobody can be started: the lease sees to the rest.
            let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
            state.working = true;
            drop(state);
            runtime.spawn(worker::run(self.clone()));
            return;
        }
        let tell = look && !state.told;
        if tell {
            state.told = true;
        }
        drop(state);
        if tell {
            self.bell.notify_one();
        }
    }

    fn open(&self, answer: Result<Answer, oneshot::error::RecvError>, ticket: &mut Ticket<'_>) -> Result<Grant, Error> {
        ticket.done = true;
        match answer {
            Ok(Ok(grant)) => Ok(grant),
            Ok(Err(Refusal::Failed(error))) => Err(error),
            Ok(Err(Refusal::NotNow { .. })) | Err(_) => Err(self.stopped()),
        }
    }

    fn stopped(&self) -> Error {
        let what = format!("budget {}: the runtime that exchanged with the store has ended", self.budget.name());
        Error::store_transient(
            what,
            "its tasks were dropped",
            "keep the runtime alive for as long as the limiter is used",
        )
    }

    fn too_late(&self, since_us: u64, by_us: u64, route: &Route) -> Error {
        let state = self.state();
        if let Some((_, error)) = &state.outage {
            return error.clone();
        }
        let queue = state.queues.get(&route.id);
        if queue.is_some_and(|queue| queue.paused_until_us.is_some()) {
            return Error::new(self.paused());
        }
        let waited_us = by_us.saturating_sub(since_us);
        let silent_us = state.unanswered.map_or(0, |left| by_us.saturating_sub(left.max(since_us)));
        let binding = queue.map_or("", |q| q.binding.as_str());
        let because = if binding.is_empty() || silent_us > waited_us / 2 {
            "the store did not answer in time; look at its health or allow more time".to_owned()
        } else {
            format!("limit {binding} binds; allow more time or send less")
        };
        let waited = Duration::from_micros(waited_us);
        Error::new(ErrorKind::TimedOut { budget: self.budget.name().to_owned(), waited, because })
    }

    /// A permit ended.
    pub(crate) fn end(self: &Arc<Self>, grant: &Grant, end: End) {
        let now_us = self.clock.now_us();
        let mut flights = self.flights();
        let before = flights.next_us();
        match grant.batch {
            Some(batch) => flights.end(batch, end, now_us, self.floor_us()),
            // Granted while the store was out of reach: it is told as soon as it is back.
            None if end != End::Unsent => flights.reports.charge(&grant.class.parts, now_us),
            None => {}
        }
        let sooner = flights.next_us().is_some_and(|next| before.is_none_or(|before| next < before));
        drop(flights);
        if sooner {
            self.rouse(self.state(), true);
        }
    }

    /// A permit ended, and took something else than what it asked for.
    pub(crate) fn settle(self: &Arc<Self>, grant: &Grant, cost: &Cost) {
        let now_us = self.clock.now_us();
        let settled = grant.class.settled(cost);
        let mut flights = self.flights();
        match grant.batch {
            Some(batch) => flights.settle(batch, &settled, now_us, self.floor_us()),
            // Granted while the store was out of reach: it is told as soon as it is back.
            None => {
                let took = settled.took.iter().flat_map(|took| &took.parts);
                flights.reports.charge(took.chain(&settled.beyond), now_us);
            }
        }
        drop(flights);
        self.rouse(self.state(), true);
    }

    /// When a permit of an exchange that left at `sent_us` may last be sent. Later it might arrive after its units began
    /// to age; and once the lease has ended, the store may have taken them for used.
    pub(crate) fn send_by_us(&self, grant: &Grant) -> u64 {
        let lease = if grant.batch.is_some() { self.lease_until_us.load(Ordering::Relaxed) } else { u64::MAX };
        match (self.budget.count_from(), self.budget.arrival_within()) {
            (CountFrom::Response, ArrivalWithin::Limited(within)) => {
                lease.min(grant.sent_us + within.as_micros() as u64 / SEND_SHARE)
            }
            (CountFrom::Response, ArrivalWithin::Unbounded) => lease,
            (CountFrom::Grant, _) => u64::MAX,
        }
    }

    fn floor_us(&self) -> u64 {
        self.budget.rtt_floor().as_micros() as u64
    }

    /// Its metrics are of one place: of the budget itself, or of a partition that is told apart.
    pub(super) fn is_told_apart(&self) -> bool {
        self.budget.metrics_by_key() || self.address == self.budget.name()
    }

    pub(crate) fn allows_on_error(&self) -> bool {
        self.budget.on_store_error() == OnStoreError::Allow
    }

    /// Reports all that is done, and waits until the store has it.
    pub(crate) async fn flush(self: &Arc<Self>) -> Result<(), Error> {
        let (sender, done) = oneshot::channel();
        {
            let mut state = self.state();
            if !state.working && self.flights().reports.is_empty() && !state.lessons.urgent() {
                return Ok(());
            }
            state.flush.push(sender);
            self.rouse(state, true);
        }
        done.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// The node changed: a worker that lives sees it for itself, else one starts.
    pub(crate) fn look(self: &Arc<Self>) {
        self.rouse(self.state(), false);
    }

    /// Whether forgetting the desk would lose something.
    pub(crate) fn in_use(&self) -> bool {
        let mut state = self.state();
        let now_us = self.clock.now_us();
        let remembers = state.memory.as_mut().is_some_and(|m| m.journal.trim(now_us));
        state.working || remembers || !self.flights().is_empty()
    }

    /// Exchanges made so far.
    pub(crate) fn exchanges(&self) -> u64 {
        self.exchanges.load(Ordering::Relaxed)
    }
}

fn within(since_us: u64, deadline_us: Option<u64>) -> Duration {
    Duration::from_micros(deadline_us.unwrap_or(since_us).saturating_sub(since_us))
}

/// Whether a caller waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hurry {
    CanWait,
    NowOrNever,
}
