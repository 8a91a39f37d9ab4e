//! Reads a preset: all that is wrong with it, whatever its variables are set to.

use std::time::Duration;

use toml::de::DeValue;

use super::{Parts, pattern::Glob, retry, routes, rule::Rule, vars};
use crate::{
    Budget, BudgetBuilder, Dialect, Kind, Limit,
    settings::{Mistakes, Section, read_limits},
};

const SETTINGS: [&str; 14] = [
    "name",
    "about",
    "read",
    "sources",
    "uncertain",
    "hosts",
    "vars",
    "limit",
    "route",
    "signal",
    "throttle",
    "refused",
    "retry",
    "response",
];

pub(super) fn read(text: &str, top: &Section, mistakes: &mut Mistakes) -> Parts {
    let name = top.get("name").and_then(DeValue::as_str).unwrap_or_default();
    let title = if name.is_empty() { "preset".to_owned() } else { crate::budget::title("preset", name) };
    let top = &top.clone().titled(title);
    top.refuse_others(&SETTINGS, mistakes);
    top.require("name", "give the preset one of its own", mistakes);
    top.require("about", "say what it is for", mistakes);
    top.require("read", "write the date on which the sources were read, as in 2026-11-22", mistakes);
    top.require("sources", "write where the numbers are from", mistakes);
    let name = top.string("name", mistakes).map_or("preset", |(name, _)| name);
    let variables = vars::read(top, mistakes);
    let limits = check_limits(name, top, &variables, mistakes);
    let mut rules = routes::read(top, &limits, mistakes);
    let periods: Vec<_> = limits.iter().map(|limit| (limit.name().to_owned(), period(limit))).collect();
    let (complete_at, cost_at) = retry::read_response(top, mistakes);
    Parts {
        text: text.to_owned(),
        name: name.to_owned(),
        about: top.string("about", mistakes).map(|(about, _)| about.to_owned()).unwrap_or_default(),
        read: read_date(top, mistakes),
        sources: list(top, "sources", mistakes),
        uncertain: list(top, "uncertain", mistakes),
        hosts: list(top, "hosts", mistakes).iter().map(|host| Glob::new(&host.to_ascii_lowercase())).collect(),
        variables,
        rest: rules.pop().unwrap_or_else(Rule::nothing),
        rules,
        dialect: Dialect::read(top, &periods, mistakes),
        retry: retry::read_retry(top, mistakes),
        complete_at,
        cost_at,
    }
}

/// The limits as they are by default. If these are right, they are to be right with each other choice as well.
fn check_limits(name: &str, top: &Section, variables: &[vars::Variable], mistakes: &mut Mistakes) -> Vec<Limit> {
    let before = mistakes.count();
    let read = |title: &str, sample: &[(&str, &str)], mistakes: &mut Mistakes| {
        // What is wrong with the variables themselves is said already.
        let values = vars::values(variables, sample).ok()?;
        read_limits(&top.with_values(title, &values), Budget::builder(name), mistakes)
    };
    let usual = vars::usual(variables);
    let limits = read(&top.title, &usual, mistakes);
    if mistakes.count() == before {
        for (name, choice) in vars::other_choices(variables) {
            let title = format!("{} with {name} = {choice:?}", top.title);
            read(&title, &[&usual[..], &[(name, choice)]].concat(), mistakes);
        }
    }
    limits.map(BudgetBuilder::into_limits).unwrap_or_default()
}

/// The length of its window, by which a reset is told from an instant.
fn period(limit: &Limit) -> Option<Duration> {
    match limit.kind() {
        Kind::SlidingWindow { quota } | Kind::FixedWindow { quota, .. } => Some(quota.period()),
        _ => None,
    }
}

fn read_date(top: &Section, mistakes: &mut Mistakes) -> String {
    match top.get("read") {
        Some(DeValue::Datetime(date)) if date.date.is_some() && date.time.is_none() => date.to_string(),
        Some(_) => top.wrong("read", "no date; write one as in 2026-11-22", mistakes).unwrap_or_default(),
        None => String::new(),
    }
}

fn list(top: &Section, key: &str, mistakes: &mut Mistakes) -> Vec<String> {
    let items = top.strings(key, mistakes).unwrap_or_default();
    items.into_iter().map(|(item, _)| item.to_owned()).collect()
}
