//! A report out of what the inspection answers, page by page.

use std::collections::BTreeMap;

use redis::Value;

use super::codec::Items;
use crate::report::{FeedbackReport, LimitReport, OrderedQuota, Pause, Process, Report, SessionReport};

/// What was read so far. A page may repeat what an earlier one said.
#[derive(Default)]
pub(super) struct Pages {
    idle_us: u64,
    settling_us: u64,
    paused: Option<Pause>,
    limits: BTreeMap<String, LimitReport>,
    sessions: BTreeMap<String, SessionReport>,
}

fn ms(us: u64) -> u64 {
    us.div_ceil(1000)
}

fn maybe_ms(us: i64) -> Option<u64> {
    u64::try_from(us).ok().map(ms)
}

impl Pages {
    /// Reads a page and says where the next one starts; `None`: there is no state.
    pub(super) fn read(&mut self, value: &Value) -> Result<Option<String>, String> {
        let mut items = Items::of(value)?;
        if items.is_empty() {
            return Ok(None);
        }
        let next = items.text()?;
        (self.idle_us, self.settling_us) = (items.uint()?, items.uint()?);
        self.paused = pause(items.list()?)?;
        for item in items.list()?.lists() {
            let limit = limit(item?)?;
            self.limits.insert(limit.name.clone(), limit);
        }
        for item in items.list()?.lists() {
            let session = session(item?)?;
            self.sessions.insert(session.id.clone(), session);
        }
        Ok(Some(next))
    }

    pub(super) fn report(self, (budget, key): (&str, Option<String>)) -> Report {
        let mut sessions: Vec<_> = self.sessions.into_values().collect();
        sessions.sort_by(|a, b| b.since_ms.cmp(&a.since_ms).then_with(|| a.id.cmp(&b.id)));
        let waiting = sessions.iter().map(|session| session.waiting).sum();
        Report {
            budget: budget.to_owned(),
            key,
            limits: self.limits.into_values().collect(),
            sessions,
            more_sessions: 0,
            waiting,
            idle_ms: ms(self.idle_us),
            settling_ms: (self.settling_us > 0).then(|| ms(self.settling_us)),
            paused: self.paused,
        }
    }
}

fn limit(mut item: Items<'_>) -> Result<LimitReport, String> {
    let (name, kind) = (item.text()?, item.uint()?);
    let (quota, per_us) = (item.uint()?, item.uint()?);
    let names = ["sliding-window", "token-bucket", "fixed-window", "concurrency"];
    Ok(LimitReport {
        name,
        kind: names.get((kind as usize).wrapping_sub(1)).ok_or("a limit of an unknown kind")?,
        quota,
        per_ms: (kind != 4).then(|| ms(per_us)),
        used: item.uint()?,
        in_flight: item.uint()?,
        free: item.uint()?,
        waiting: item.uint()?,
        next_free_ms: maybe_ms(item.int()?),
        quarters_free_ms: [ms(item.uint()?), ms(item.uint()?), ms(item.uint()?)],
        all_free_ms: maybe_ms(item.int()?),
        hold_ms: ms(item.uint()?),
        cooldown_ms: maybe_ms(item.int()?),
        feedback: feedback(item.list()?)?,
    })
}

/// An operator's pause; an empty list: there is none.
fn pause(mut items: Items<'_>) -> Result<Option<Pause>, String> {
    if items.is_empty() {
        return Ok(None);
    }
    Ok(Some(Pause { left_ms: maybe_ms(items.int()?), who: items.text()?, why: items.text()? }))
}

fn session(mut item: Items<'_>) -> Result<SessionReport, String> {
    Ok(SessionReport {
        id: item.text()?,
        process: Process::read(&item.text()?),
        since_ms: ms(item.uint()?),
        lease_ms: ms(item.uint()?),
        calls: item.uint()?,
        held: item.uint()?,
        waiting: item.uint()?,
        turn_in_ms: maybe_ms(item.int()?),
    })
}

/// What responses said of a limit; an empty list says nothing.
fn feedback(mut items: Items<'_>) -> Result<Option<FeedbackReport>, String> {
    if items.is_empty() {
        return Ok(None);
    }
    let (cause, origin) = (items.text()?, items.text()?);
    let some = |n: u64| (n > 0).then_some(n);
    Ok(Some(FeedbackReport {
        cause,
        origin: (!origin.is_empty()).then(|| Process::read(&origin)),
        cooled_ms_ago: maybe_ms(items.int()?),
        trying: some(items.uint()?),
        told_quota: some(items.uint()?),
        by_others: items.uint()?,
        throttled: items.uint()?,
        ordered: some(items.uint()?)
            .map(|quota| Ok::<_, String>(OrderedQuota { quota, left_ms: ms(items.uint()?) }))
            .transpose()?,
    }))
}
