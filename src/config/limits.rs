//! Reads budgets and their limits. Whether what was read makes sense is for [`crate::BudgetBuilder`] to say.

use std::time::Duration;

use crate::{
    ArrivalWithin, Budget, BudgetBuilder, CountFrom, Limit, OnStoreError, Quota,
    budget::{BudgetFlaw, limit_title},
    name::shown,
    settings::{Mistakes, Section},
};

const BUDGET_SETTINGS: [&str; 6] = ["count_from", "arrival_within", "rtt_floor", "on_store_error", "limit", "preset"];
const LIMIT_SETTINGS: [&str; 10] = ["name", "kind", "quota", "per", "burst", "zone", "offset", "skew", "unit", "scope"];

/// The kinds, before their numbers are known.
#[derive(Clone, Copy)]
enum KindWord {
    SlidingWindow,
    TokenBucket,
    FixedWindow,
    Concurrency,
}

const KINDS: [(&str, KindWord); 4] = [
    ("sliding-window", KindWord::SlidingWindow),
    ("token-bucket", KindWord::TokenBucket),
    ("fixed-window", KindWord::FixedWindow),
    ("concurrency", KindWord::Concurrency),
];

/// The budget, if it is sound; what is not is a mistake at its line.
pub(super) fn read_budget(section: &Section, mistakes: &mut Mistakes) -> Option<Budget> {
    let preset = refuse_preset(section, mistakes);
    let limits = section.array("limit", limit_title, mistakes);
    let mut builder = read_settings(section, mistakes);
    let limits = match limits {
        Some(limits) => limits,
        None if preset || section.get("limit").is_some() => return None,
        None => Vec::new(),
    };
    for (index, limit) in limits.iter().enumerate() {
        builder = builder.limit(read_limit(limit, index, mistakes));
    }
    for BudgetFlaw { limit, flaw } in builder.flaws() {
        let at = match limit.and_then(|index| limits.get(index)) {
            Some(limit) => limit.place(flaw.setting),
            None => section.place(flaw.setting),
        };
        mistakes.add(at, flaw.text);
    }
    builder.build().ok()
}

/// No presets ship yet, so each one that is asked for is a mistake.
fn refuse_preset(section: &Section, mistakes: &mut Mistakes) -> bool {
    let Some(_) = section.get("preset") else {
        section.refuse_others(&BUDGET_SETTINGS, mistakes);
        return false;
    };
    section.refuse_others(&[&BUDGET_SETTINGS[..], &["vars"]].concat(), mistakes);
    if let Some((preset, at)) = section.string("preset", mistakes) {
        let text = format!("preset {} is not there; this version ships none; write the limits out", shown(preset));
        mistakes.add(at, section.message(text));
    }
    true
}

fn read_settings(section: &Section, mistakes: &mut Mistakes) -> BudgetBuilder {
    let mut builder = Budget::builder(section.name);
    let count_from = [("response", CountFrom::Response), ("grant", CountFrom::Grant)];
    if let Some(count_from) = section.choice("count_from", &count_from, mistakes) {
        builder = builder.count_from(count_from);
    }
    if section.get("arrival_within").and_then(|value| value.as_str()) == Some("unbounded") {
        builder = builder.arrival_within(ArrivalWithin::Unbounded);
    } else if let Some(within) = section.duration("arrival_within", mistakes) {
        builder = builder.arrival_within(within);
    }
    if let Some(floor) = section.duration("rtt_floor", mistakes) {
        builder = builder.rtt_floor(floor);
    }
    let policies = [("refuse", OnStoreError::Refuse), ("allow", OnStoreError::Allow)];
    if let Some(policy) = section.choice("on_store_error", &policies, mistakes) {
        builder = builder.on_store_error(policy);
    }
    builder
}

/// The limit, with something harmless in place of what could not be read: that is a mistake already, and should not
/// hide the others.
fn read_limit(section: &Section, index: usize, mistakes: &mut Mistakes) -> Limit {
    section.refuse_others(&LIMIT_SETTINGS, mistakes);
    section.require("name", "give the limit one of its own", mistakes);
    section.require(
        "kind",
        "write \"sliding-window\", \"token-bucket\", \"fixed-window\" or \"concurrency\"",
        mistakes,
    );
    section.require("quota", "write a whole number", mistakes);
    let name = section.string("name", mistakes).map_or_else(|| (index + 1).to_string(), |(name, _)| name.to_owned());
    let kind = section.choice("kind", &KINDS, mistakes);
    let amount = section.amount("quota", mistakes).unwrap_or(1);
    let per = section.duration("per", mistakes);
    let limit = match kind {
        Some(KindWord::Concurrency) => {
            let limit = Limit::concurrency(name, amount);
            if section.get("per").is_some() { limit.stray("per") } else { limit }
        }
        Some(kind) => {
            section.require("per", "write a duration such as \"1s\" or \"1d\"", mistakes);
            match kind {
                KindWord::TokenBucket => Limit::token_bucket(name, quota(amount, per, Duration::from_secs(1))),
                KindWord::FixedWindow => Limit::fixed_window(name, quota(amount, per, Duration::from_secs(86_400))),
                _ => Limit::sliding_window(name, quota(amount, per, Duration::from_secs(1))),
            }
        }
        // Nobody knows what goes with a kind that is not known.
        None => {
            return read_names(
                Limit::sliding_window(name, quota(amount, per, Duration::from_secs(1))),
                section,
                mistakes,
            );
        }
    };
    read_names(read_numbers(limit, section, mistakes), section, mistakes)
}

fn quota(amount: u64, per: Option<Duration>, instead: Duration) -> Quota {
    Quota::unchecked(amount, per.unwrap_or(instead))
}

/// What goes with some kinds only; the limit itself knows which.
fn read_numbers(mut limit: Limit, section: &Section, mistakes: &mut Mistakes) -> Limit {
    if let Some(burst) = section.amount("burst", mistakes) {
        limit = limit.burst(burst);
    }
    if let Some((zone, _)) = section.string("zone", mistakes) {
        limit = limit.zone(zone);
    }
    if let Some(offset) = section.duration("offset", mistakes) {
        limit = limit.offset(offset);
    }
    if let Some(skew) = section.duration("skew", mistakes) {
        limit = limit.skew(skew);
    }
    limit
}

fn read_names(mut limit: Limit, section: &Section, mistakes: &mut Mistakes) -> Limit {
    if let Some((unit, _)) = section.string("unit", mistakes) {
        limit = limit.unit(unit);
    }
    if let Some((scope, _)) = section.string("scope", mistakes) {
        limit = limit.scope(scope);
    }
    limit
}
