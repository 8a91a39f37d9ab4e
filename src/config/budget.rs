//! Reads one budget: its own settings, and its limits or the preset that has them.

use std::path::Path;

use super::preset;
use crate::{
    ArrivalWithin, Budget, BudgetBuilder, CountFrom, OnStoreError, Preset,
    budget::BudgetFlaw,
    settings::{Mistakes, Section, read_limits},
};

const SETTINGS: [&str; 8] =
    ["count_from", "arrival_within", "rtt_floor", "on_store_error", "strangers", "metrics_by_key", "limit", "preset"];

/// The budget, if it is sound, and the preset it is of; what is not is a mistake at its line.
pub(super) fn read_budget(
    section: &Section,
    folder: Option<&Path>,
    mistakes: &mut Mistakes,
) -> Option<(Budget, Option<Preset>)> {
    if section.get("preset").is_none() {
        section.refuse_others(&SETTINGS, mistakes);
        let builder = read_settings(section, mistakes);
        return Some((read_limits(section, builder, mistakes)?.build().ok()?, None));
    }
    section.refuse_others(&[&SETTINGS[..], &["vars"]].concat(), mistakes);
    let mut builder = read_settings(section, mistakes);
    if section.get("limit").is_some() {
        let text = "a budget with a preset has the limits of it; take these or the preset out";
        mistakes.add(section.place("limit"), section.message(text));
    }
    let (preset, limits) = preset::read(section, folder, mistakes)?;
    for limit in limits {
        builder = builder.limit(limit);
    }
    for BudgetFlaw { flaw, .. } in builder.flaws(&section.title) {
        mistakes.add(section.place(flaw.setting), flaw.text);
    }
    Some((builder.build().ok()?, Some(preset)))
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
    if let Some(apart) = section.flag("metrics_by_key", mistakes) {
        builder = builder.metrics_by_key(apart);
    }
    let strangers = section.flag("strangers", mistakes).unwrap_or(section.get("preset").is_some());
    builder.strangers(strangers)
}
