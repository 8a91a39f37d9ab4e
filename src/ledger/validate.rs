//! Whether an exchange makes sense, before it changes anything: a negative or broken number must not mint permits.
//!
//! Twin: `lua/lib/request.lua`.

use std::collections::BTreeSet;

use crate::exchange::{MAX_INTEGER, MAX_LEVEL, MAX_UNITS, Request, Terms};

/// A penalty that doubles 20 times is still a time.
const MAX_PENALTY: u64 = 1 << 32;
/// Bytes that say why something cools down.
const MAX_CAUSE: u64 = 256;
/// No time is longer: ten years.
const MAX_TIME: u64 = 10 * 366 * 86_400_000_000;

fn between(what: &str, n: u64, low: u64, high: u64) -> Result<(), String> {
    if (low..=high).contains(&n) { Ok(()) } else { Err(format!("{what} is {n}, not between {low} and {high}")) }
}

/// State is taken out for an exchange and put back after it: what stands twice would be counted once.
fn once<T: Ord>(what: &str, things: impl Iterator<Item = T>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for thing in things {
        if !seen.insert(thing) {
            return Err(format!("{what} stands twice"));
        }
    }
    Ok(())
}

/// The first thing that is wrong with a request.
pub(super) fn check(request: &Request) -> Result<(), String> {
    between("session", request.session.len() as u64, 1, 64)?;
    between("seq", request.seq, 1, MAX_INTEGER)?;
    between("acked", request.acked, 0, request.seq - 1)?;
    between("settle", request.settle_us.unwrap_or(0), 0, 60_000_000)?;
    between("lease", request.lease_us, 1, MAX_TIME)?;
    request.limits.iter().try_for_each(terms)?;
    once("a limit", request.limits.iter().map(Terms::key))?;
    for class in &request.classes {
        between("limits of a class", class.len() as u64, 1, 64)?;
        once("a limit of a class", class.iter().map(|&(limit, _)| limit))?;
        for &(limit, units) in class {
            let capacity = request.limits.get(limit).ok_or("a class names a limit that is not there")?.capacity();
            between("cost", units, 1, capacity)?;
        }
    }
    if let Some(resume) = &request.resume {
        for &(limit, units) in &resume.flights {
            between("limit", limit as u64 + 1, 1, request.limits.len() as u64)?;
            between("units", units, 0, MAX_UNITS)?;
        }
        for past in &resume.journal {
            between("limit", past.limit as u64 + 1, 1, request.limits.len() as u64)?;
            between("units", past.units, 0, MAX_UNITS)?;
            between("age", past.age_us, 0, MAX_TIME)?;
            between("seq of a journal", past.seq, 0, MAX_INTEGER)?;
        }
    }
    for done in &request.completes {
        between("class", done.class as u64 + 1, 1, request.classes.len() as u64)?;
        between("count", done.count, 1, MAX_UNITS)?;
        between("age", done.age_us, 0, MAX_TIME)?;
        between("hold", done.hold_us, 0, MAX_TIME)?;
        for &(_, units) in &request.classes[done.class] {
            between("units", units.saturating_mul(done.count), 1, MAX_UNITS)?;
        }
    }
    for adjust in &request.adjusts {
        between("limit", adjust.limit as u64 + 1, 1, request.limits.len() as u64)?;
        between("units", adjust.units.unsigned_abs(), 0, MAX_UNITS)?;
        between("age", adjust.age_us, 0, MAX_TIME)?;
    }
    for cool in &request.cools {
        between("limit", cool.limit as u64 + 1, 1, request.limits.len() as u64)?;
        between("age", cool.age_us, 0, MAX_TIME)?;
        between("cooldown", cool.for_us.unwrap_or(0), 0, MAX_TIME)?;
        between("penalty", cool.penalty_us, 0, MAX_PENALTY)?;
        between("longest penalty", cool.at_most_us, 0, MAX_TIME)?;
        between("length of a cause", cool.cause.len() as u64, 0, MAX_CAUSE)?;
    }
    for seen in &request.seen {
        between("limit", seen.limit as u64 + 1, 1, request.limits.len() as u64)?;
        between("age", seen.age_us, 0, MAX_TIME)?;
        between("quota", seen.quota.unwrap_or(0), 0, MAX_UNITS)?;
        between("what is left", seen.remaining.unwrap_or(0), 0, MAX_UNITS)?;
    }
    once("a route", request.asks.iter().map(|ask| ask.route))?;
    for ask in &request.asks {
        for &(class, count) in &ask.runs {
            between("class", class as u64 + 1, 1, request.classes.len() as u64)?;
            between("count", count, 1, MAX_UNITS)?;
        }
    }
    Ok(())
}

fn terms(terms: &Terms) -> Result<(), String> {
    between("name of a limit", terms.key().len() as u64, 1, 256)?;
    between("quota", terms.capacity(), 1, MAX_UNITS)?;
    match terms {
        Terms::SlidingWindow { per_us, .. } => between("period", *per_us, 1, MAX_TIME),
        Terms::TokenBucket { burst, refill_units, refill_us, .. } => {
            between("refill", *refill_units, 1, MAX_UNITS)?;
            between("refill time", *refill_us, 1, MAX_TIME)?;
            between("burst times refill time", burst.saturating_mul(*refill_us), 1, MAX_LEVEL)
        }
        Terms::FixedWindow { per_us, skew_us, offset_us, edges, .. } => {
            between("period", *per_us, 1, MAX_TIME)?;
            between("skew", *skew_us, 0, *per_us / 2)?;
            between("offset", *offset_us, 0, MAX_TIME)?;
            match edges {
                Some(e) if e.windows(2).any(|w| w[0] >= w[1]) || e[3] > MAX_INTEGER => {
                    Err("the edges of a window do not rise".into())
                }
                _ => Ok(()),
            }
        }
        Terms::Concurrency { .. } => Ok(()),
    }
}
