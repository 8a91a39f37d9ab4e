//! What of a session is told as metrics, once an exchange.

use super::{class::Class, desk::Desk, flights::Held, reports::Landed};

/// Permits were granted: what the store holds in flight for them.
pub(super) fn departed(desk: &Desk, class: &Class, permits: u64, held: Held) {
    for (limit, units) in held.of(class) {
        if let Some(limit) = desk.telemetry.limit(limit.name()) {
            limit.in_flight.increment((units * permits) as f64);
        }
    }
}

/// The store was told that these are in flight no more.
pub(super) fn landed(desk: &Desk, landed: &Landed) {
    let (class, held, permits) = landed.in_flight();
    for (limit, units) in held.of(class) {
        if let Some(limit) = desk.telemetry.limit(limit.name()) {
            limit.in_flight.decrement((units * permits) as f64);
        }
    }
}

/// What an exchange said to be free, where that is one number for each limit: of one place, without what is counted
/// apart (`name@value` is no limit's name).
pub(super) fn free(desk: &Desk, keys: &[String], free: &[i64]) {
    if !desk.is_told_apart() {
        return;
    }
    for (key, units) in keys.iter().zip(free) {
        if let Some(limit) = desk.telemetry.limit(key) {
            limit.free.set(*units as f64);
        }
    }
}

/// Nobody exchanges any more, so what is free is no longer known: others may use it.
pub(super) fn unknown(desk: &Desk) {
    if desk.is_told_apart() {
        desk.telemetry.forget_free();
    }
}
