//! What callers are told: their permits, that their deadline is out of reach, or that the store is.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::sync::oneshot;

use super::{
    PATIENCE_US,
    class::Class,
    desk::Desk,
    flights::{End, Flights, Held},
    gauges,
    pending::Asked,
    queue::{Answer, Grant, Queue, Refusal, Waiter},
    state::State,
};
use crate::{ArrivalWithin, CountFrom, Error, Event, exchange::Turn, telemetry::seconds};

/// Sleepers spread over so much, so that they do not come all at once.
const JITTER_US: u64 = 1000;

/// When an exchange left, when its reply came, and what it said of the budget as a whole.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Trip {
    pub(crate) sent_us: u64,
    pub(crate) now_us: u64,
    /// An operator has paused the budget.
    pub(crate) paused: bool,
}

/// What is to be told to whom, once the desk is not locked any more: each wakes a task, which wants to come to the desk.
pub(crate) type Answers = Vec<(oneshot::Sender<Answer>, Answer)>;

/// Tells them. A grant that nobody is there to take goes back as never sent.
pub(crate) fn tell(answers: Answers) {
    for (caller, answer) in answers {
        _ = caller.send(answer);
    }
}

/// Hands out what one route was granted, and tells the rest how things stand. `limit` is the one that binds.
pub(crate) fn serve(
    desk: &Arc<Desk>,
    (state, flights): (&mut State, &mut Flights),
    asked: Asked,
    turn: &Turn,
    limit: &str,
    trip: Trip,
    answers: &mut Answers,
) {
    let Some(queue) = state.queues.get_mut(&asked.route) else { return };
    let arrive_by_us = match desk.budget.arrival_within() {
        ArrivalWithin::Limited(within) => Some(trip.now_us + within.as_micros() as u64),
        ArrivalWithin::Unbounded => None,
    };
    let at_grant = desk.budget.count_from() == CountFrom::Grant;
    let held = if at_grant { Held::ToTheEnd } else { Held::Whole };
    let (mut left, mut served) = (turn.granted, 0);
    let told = asked.runs.iter().map(|(_, count)| count).sum::<u64>().saturating_sub(turn.granted) as usize;
    for (class, count) in asked.runs {
        let granted = left.min(count);
        if granted == 0 {
            break;
        }
        left -= granted;
        let batch = flights.depart(class.clone(), granted, trip.now_us, arrive_by_us, at_grant);
        gauges::departed(desk, &class, granted, held);
        let callers = if asked.wait { &mut queue.waiters } else { &mut queue.hasty };
        for _ in 0..granted {
            // Callers may have left since it was asked.
            if !callers.front().is_some_and(|next| Arc::ptr_eq(&next.class, &class)) {
                flights.end(batch, End::Unsent, trip.now_us, 0);
            } else if let Some(Waiter { class, since_us, answer, .. }) = callers.pop_front() {
                served += 1;
                desk.telemetry.waits.record(seconds(trip.now_us.saturating_sub(since_us)));
                answers.push((answer, Ok(grant(desk, class, Some(batch), trip.sent_us))));
            }
        }
    }
    desk.telemetry.permits.increment(served);
    limit.clone_into(&mut queue.binding);
    queue.cooling = turn.cooling;
    queue.paused_until_us = trip.paused.then_some(trip.now_us + turn.last_us);
    let in_line = asked.wait && turn.wait_us.is_some() && !queue.waiters.is_empty();
    queue.heard(in_line, told, trip.now_us);
    queue.wake_us = None;
    let Some(wait) = turn.wait_us else { return };
    // Whoever cannot wait comes after those who do.
    for waiter in queue.hasty.drain(..) {
        let not_now = Refusal::NotNow { limit: limit.to_owned(), retry_after: Duration::from_micros(wait) };
        answers.push((waiter.answer, Err(not_now)));
    }
    if asked.wait {
        tracing::trace!(budget = desk.budget.name(), limit, wait_us = wait, waiting = queue.waiters.len(), "wait");
        queue.wake_us = Some(trip.now_us + wait + fastrand::u64(0..=JITTER_US));
        let others = queue.waiters.len().saturating_sub(1).max(1) as u64;
        queue.pace_us = if trip.paused { 0 } else { turn.last_us.saturating_sub(wait) / others };
        refuse_unreachable(desk, queue, trip.now_us, answers);
    }
}

/// Refuses callers whose deadline is before their turn, at once. Their turns are spread evenly up to the last.
fn refuse_unreachable(desk: &Desk, queue: &mut Queue, now_us: u64, answers: &mut Answers) {
    if queue.waiters.iter().all(|w| w.deadline_us.is_none()) {
        return;
    }
    let all = std::mem::take(&mut queue.waiters);
    for (place, waiter) in all.into_iter().enumerate() {
        let expected = queue.expected_us(now_us, place);
        match waiter.deadline_us {
            Some(by) if now_us + expected > by => {
                let deadline = Duration::from_micros(by.saturating_sub(now_us));
                let error = desk.unreachable(queue, Duration::from_micros(expected), deadline);
                answers.push((waiter.answer, Err(Refusal::Failed(error))));
            }
            _ => queue.waiters.push_back(waiter),
        }
    }
}

/// The store could not be reached: those who cannot be helped by another try are told, or let through.
pub(super) fn fail(desk: &Arc<Desk>, error: &Error, now_us: u64) {
    let mut state = desk.state();
    let since = state.outage.as_ref().map_or(now_us, |(since, _)| *since);
    if state.outage.is_none() {
        tracing::warn!(budget = desk.budget.name(), %error, "the store cannot be used");
        desk.news.tell(|| Event::StoreLost { error: error.clone() });
    }
    state.outage = Some((since, error.clone()));
    state.told = false;
    state.flush.drain(..).for_each(|done| _ = done.send(Err(error.clone())));
    let allow = desk.allows_on_error();
    let mut answers = Vec::new();
    for queue in state.queues.values_mut() {
        queue.wake_us = None;
        let hasty = queue.hasty.drain(..);
        let waiters = std::mem::take(&mut queue.waiters);
        for waiter in hasty.chain(waiters) {
            let patience_us = waiter.deadline_us.unwrap_or(since.max(waiter.since_us) + PATIENCE_US);
            if allow {
                let grant = grant(desk, waiter.class.clone(), None, now_us);
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
        desk.telemetry.uncounted.increment(answers.len() as u64);
        tracing::warn!(
            budget = desk.budget.name(),
            calls = answers.len(),
            "sent without counting, because on_store_error is \"allow\""
        );
    }
    tell(answers);
}

fn grant(desk: &Arc<Desk>, class: Arc<Class>, batch: Option<u64>, sent_us: u64) -> Grant {
    Grant { class, batch, sent_us, desk: desk.clone(), open: true }
}
