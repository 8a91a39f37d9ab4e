//! Reads limits, which every file writes alike. Whether what was read makes sense is for [`crate::BudgetBuilder`] to say.

use std::time::Duration;

use toml::de::DeValue;

use super::{Mistakes, Section};
use crate::{
    BudgetBuilder, Limit, Quota,
    budget::{BudgetFlaw, limit_title},
};

const SETTINGS: [&str; 10] = ["name", "kind", "quota", "per", "burst", "zone", "offset", "skew", "unit", "scope"];

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

/// Adds the limits of a table to a budget; what is wrong with any of it is a mistake at its line. None if there are limits
/// and none of them can be read.
pub(crate) fn read_limits(
    section: &Section,
    mut builder: BudgetBuilder,
    mistakes: &mut Mistakes,
) -> Option<BudgetBuilder> {
    let limits = match section.array("limit", limit_title, mistakes) {
        Some(limits) => limits,
        None if section.get("limit").is_some() => return None,
        None => Vec::new(),
    };
    for (index, limit) in limits.iter().enumerate() {
        builder = builder.limit(read_limit(limit, index, mistakes));
    }
    for BudgetFlaw { limit, flaw } in builder.flaws(&section.title) {
        let at = match limit.and_then(|index| limits.get(index)) {
            Some(limit) => limit.place(flaw.setting),
            None => section.place(flaw.setting),
        };
        mistakes.add(at, flaw.text);
    }
    Some(builder)
}

/// The limit, with something harmless in place of what could not be read: that is a mistake already, and should not
/// hide the others.
fn read_limit(section: &Section, index: usize, mistakes: &mut Mistakes) -> Limit {
    section.refuse_others(&SETTINGS, mistakes);
    section.require("name", "give the limit one of its own", mistakes);
    section.require(
        "kind",
        "write \"sliding-window\", \"token-bucket\", \"fixed-window\" or \"concurrency\"",
        mistakes,
    );
    section.require("quota", "write a whole number", mistakes);
    let name = section.string("name", mistakes).map_or_else(|| (index + 1).to_string(), |(name, _)| name.to_owned());
    let kind = section.choice("kind", &KINDS, mistakes);
    let (amount, tiers) = read_quota(section, mistakes);
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
    let limit = if tiers.is_empty() { limit } else { limit.tiers(tiers) };
    read_names(read_numbers(limit, section, mistakes), section, mistakes)
}

/// The one amount, or that of each tier.
fn read_quota<'a>(section: &Section<'a>, mistakes: &mut Mistakes) -> (u64, Vec<(&'a str, u64)>) {
    if !matches!(section.get("quota"), Some(DeValue::Table(_))) {
        return (section.amount("quota", mistakes).unwrap_or(1), Vec::new());
    }
    let tiers = section.section("quota", "quota", mistakes).map(|quota| {
        let quota = quota.titled(section.title.clone());
        if quota.is_empty() {
            mistakes.add(quota.at, quota.message("quota has no tiers; write one at least, as in { S = 3, M = 10 }"));
        }
        quota.amounts("quota of tier", mistakes)
    });
    (1, tiers.unwrap_or_default())
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
