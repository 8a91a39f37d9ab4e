//! What an operator sees of the ledger: read only.
//!
//! Twin: `lua/inspect.lua`.

use std::cmp::Reverse;

use super::{Ledger, limit::Time};
use crate::{
    exchange::Terms,
    report::{FeedbackReport, LimitReport, Process, Report, SESSIONS, SessionReport},
};

/// The budget as it stands at `wall`.
pub(crate) fn report(ledger: &Ledger, wall: i64, budget: &str, key: Option<String>) -> Report {
    let t = Time { now: (wall + ledger.offset).max(ledger.last), wall };
    let ms = |us: i64| (us.max(0) as u64).div_ceil(1000);
    let ledger = &ledger.without_the_dead(t);
    let limits = ledger.limits.values().map(|limit| {
        let mut limit = limit.clone();
        limit.roll(t);
        let used = limit.used(t).max(0);
        let taken = used + limit.flying;
        let (kind, per_us) = describe(&limit.terms);
        LimitReport {
            name: limit.terms.key().to_owned(),
            kind,
            quota: limit.terms.capacity(),
            per_ms: per_us.map(|us| us.div_ceil(1000)),
            used: used as u64,
            in_flight: limit.flying as u64,
            free: limit.free(t).max(0) as u64,
            waiting: limit.waiting as u64,
            next_free_ms: (taken > 0).then(|| ms(limit.release(1, t) - t.now)),
            quarters_free_ms: [1, 2, 3].map(|quarter| match (taken * quarter + 3) / 4 {
                0 => 0,
                units => ms(limit.reopen(units, t) - t.now),
            }),
            all_free_ms: (taken > 0).then(|| ms(limit.reopen(taken, t) - t.now)),
            hold_ms: ms(limit.hold),
            cooldown_ms: limit.feedback.as_ref().filter(|f| f.cool_until > t.now).map(|f| ms(f.cool_until - t.now)),
            feedback: limit.feedback.as_ref().map(|f| FeedbackReport {
                cause: f.cause.clone(),
                origin: (!f.origin.is_empty()).then(|| Process::read(&f.origin)),
                cooled_ms_ago: (f.cool_since > 0 && f.cool_until <= t.now).then(|| ms(t.now - f.cool_until)),
                trying: (f.cool_until <= t.now && f.ramp > 0).then_some(f.ramp as u64),
                told_quota: (f.quota > 0).then_some(f.quota as u64),
                by_others: f.by_others.max(f.guess) as u64,
                throttled: f.throttled as u64,
                // Of the store in memory nobody is an operator but its own program.
                ordered: None,
            }),
        }
    });
    let mut sessions: Vec<_> = ledger.sessions.iter().collect();
    sessions.sort_by_key(|(id, s)| (Reverse(ms(t.now - s.since)), id.as_str()));
    let served = ledger.settle_until <= t.now;
    let listed = sessions.iter().take(SESSIONS).map(|(id, s)| SessionReport {
        id: (*id).clone(),
        process: Process::read(&s.who),
        since_ms: ms(t.now - s.since),
        lease_ms: ms(s.lease_end - t.now),
        calls: s.calls as u64,
        held: s.flights.values().copied().max().unwrap_or(0) as u64,
        waiting: s.places.values().map(|p| p.wanted as u64).sum(),
        // While nobody is served nobody knows. Who came then stands in no line until it asks again.
        turn_in_ms: s.places.values().filter(|p| served && p.in_line()).map(|p| ms(p.due - t.now)).min(),
    });
    Report {
        budget: budget.to_owned(),
        key,
        limits: limits.collect(),
        sessions: listed.collect(),
        more_sessions: sessions.len().saturating_sub(SESSIONS) as u64,
        waiting: sessions.iter().flat_map(|(_, s)| s.places.values()).map(|p| p.wanted as u64).sum(),
        idle_ms: ms(t.now - ledger.last),
        paused: None,
        settling_ms: (ledger.settle_until > t.now).then(|| ms(ledger.settle_until - t.now)),
    }
}

/// The kind's name, and its period.
pub(crate) fn describe(terms: &Terms) -> (&'static str, Option<u64>) {
    match terms {
        Terms::SlidingWindow { per_us, .. } => ("sliding-window", Some(*per_us)),
        Terms::TokenBucket { burst, refill_units, refill_us, .. } => {
            ("token-bucket", Some(burst * refill_us / refill_units))
        }
        Terms::FixedWindow { per_us, .. } => ("fixed-window", Some(*per_us)),
        Terms::Concurrency { .. } => ("concurrency", None),
    }
}
