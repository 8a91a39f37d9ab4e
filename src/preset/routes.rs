//! Reads the routes of a preset and holds them against its limits.

use std::sync::Arc;

use toml::de::DeValue;

use super::{
    pattern::{Glob, PathPattern},
    route::OPERATION,
    rule::{Rule, Then, When},
};
use crate::{
    Cost, Limit,
    name::{encode_value, shown},
    quota::amount_flaw,
    settings::{Mistakes, Section, mend},
};

const SETTINGS: [&str; 9] = ["method", "host", "path", "query", "operations", "limits", "tier", "operation", "cost"];

/// The rules in their order, the last of which is about every request. Several operations are as many rules.
pub(super) fn read(top: &Section, limits: &[Limit], mistakes: &mut Mistakes) -> Vec<Rule> {
    let title = |index, _: &str| format!("route number {}", index + 1);
    let sections = match top.array("route", title, mistakes) {
        Some(sections) => sections,
        None if top.get("route").is_some() => return Vec::new(),
        None => return vec![rest(limits)],
    };
    let mut rules: Vec<Rule> = Vec::new();
    let mut complete = false;
    for section in &sections {
        if complete {
            let text = "no request comes here, since a route before it takes all; put that one last";
            mistakes.add(section.at, section.message(text));
        }
        let then = read_then(section, limits, mistakes);
        for when in read_when(section, mistakes) {
            complete |= when.is_always();
            let rule = Rule { when, then: then.clone() };
            check_operation(&rule, section, limits, mistakes);
            rules.push(rule);
        }
    }
    if let Some(last) = sections.last().filter(|_| !complete) {
        let text = "the last route has conditions; add one without, with the smallest tier, for all other requests";
        mistakes.add(last.at, last.message(text));
    }
    rules
}

/// All requests take from all limits.
fn rest(limits: &[Limit]) -> Rule {
    let limits = limits.iter().filter(|limit| limit.tier_amounts().next().is_none());
    let limits = limits.map(|limit| limit.name().to_owned()).collect();
    let then = Then { limits, tier: None, operation: None, cost: Arc::new(Cost::requests(1)) };
    Rule { when: When::default(), then }
}

fn read_when(section: &Section, mistakes: &mut Mistakes) -> Vec<When> {
    section.refuse_others(&SETTINGS, mistakes);
    let host = section.string("host", mistakes).map(|(host, _)| Glob::new(&host.to_ascii_lowercase()));
    let query = section.part("query", "query = { key = \"value\" }", mistakes).map_or_else(Vec::new, |query| {
        let values = query.keys().into_iter().map(|(key, _)| {
            let value = query.string(key, mistakes).map_or("", |(value, _)| value);
            (key.to_owned(), Glob::new(value))
        });
        values.collect()
    });
    let methods = section.strings("method", mistakes).unwrap_or_default();
    let mut one = When { methods: Vec::new(), host, path: None, query };
    for (method, at) in methods {
        one.methods.extend(read_method(section, method, at, mistakes));
    }
    if let Some((path, at)) = section.string("path", mistakes) {
        one.path = Some(read_path(section, path, at, mistakes));
    }
    let Some(operations) = section.strings("operations", mistakes) else { return vec![one] };
    for other in ["method", "path"].into_iter().filter(|other| section.get(other).is_some()) {
        let text = format!("{other} does not go with operations, which have their own; take one of them out");
        mistakes.add(section.place(other), section.message(text));
    }
    let each = operations.into_iter();
    each.flat_map(|(operation, at)| read_operations(section, operation, at, &one, mistakes)).collect()
}

/// `"GET PATCH /contacts/* /lists/*"`: each path with each method is an operation; without a method, each path.
fn read_operations(section: &Section, text: &str, at: usize, all: &When, mistakes: &mut Mistakes) -> Vec<When> {
    let words: Vec<_> = text.split_whitespace().collect();
    let paths = words.iter().position(|word| word.starts_with('/')).unwrap_or(words.len());
    let (methods, paths) = words.split_at(paths);
    if paths.is_empty() {
        let text = format!("operation {} has no path; write it as in \"GET POST /lists\"", shown(text));
        mistakes.add(at, section.message(text));
    }
    let methods: Vec<_> = methods.iter().filter_map(|method| read_method(section, method, at, mistakes)).collect();
    let paths = paths.iter().map(|path| read_path(section, path, at, mistakes));
    paths.map(|path| When { methods: methods.clone(), path: Some(path), ..all.clone() }).collect()
}

fn read_method(section: &Section, method: &str, at: usize, mistakes: &mut Mistakes) -> Option<String> {
    let sound = !method.is_empty() && method.len() <= 32 && method.bytes().all(|byte| byte.is_ascii_uppercase());
    if !sound {
        let text = format!("method {} is none; write it in capitals, as in \"GET\"", shown(method));
        mistakes.add(at, section.message(text));
    }
    sound.then(|| method.to_owned())
}

/// The path and its pattern; one that is wrong is a condition all the same.
fn read_path(section: &Section, path: &str, at: usize, mistakes: &mut Mistakes) -> (String, PathPattern) {
    let pattern = PathPattern::parse(path).unwrap_or_else(|mend| {
        mistakes.add(at, section.message(format!("path {} is no pattern; {mend}", shown(path))));
        PathPattern::nothing()
    });
    (path.to_owned(), pattern)
}

fn read_then(section: &Section, limits: &[Limit], mistakes: &mut Mistakes) -> Then {
    let tier = section.string("tier", mistakes).map(|(tier, _)| tier);
    let mut known: Vec<_> = limits.iter().flat_map(Limit::tier_amounts).map(|(tier, _)| shown(tier)).collect();
    known.sort_unstable();
    known.dedup();
    let strange = tier.map(shown).filter(|tier| !known.contains(tier));
    if let Some(tier) = &strange {
        let mend = if known.is_empty() { "no limit has any".to_owned() } else { mend(tier, &known) };
        mistakes.add(section.place("tier"), section.message(format!("tier is {tier}; {mend}")));
    }
    let applied = match section.strings("limits", mistakes) {
        Some(names) => named_limits(section, &names, tier, limits, mistakes),
        None => limits.iter().filter(|limit| fits(limit, tier)).collect(),
    };
    let by_itself = |limit: &&Limit| limit.scope_name().is_none_or(|scope| scope == OPERATION);
    let told = strange.is_some() || limits.is_empty() || (section.get("limits").is_some() && applied.is_empty());
    if !told && !applied.iter().any(by_itself) {
        mistakes.add(section.at, section.message("no limit applies to it; name one, or give it a tier"));
    }
    let cost = read_cost(section, &applied, mistakes);
    let operation = section.string("operation", mistakes).map(|(operation, _)| operation);
    Then {
        limits: applied.iter().map(|limit| limit.name().to_owned()).collect(),
        tier: tier.map(Arc::from),
        operation: operation.map(Arc::from),
        cost: Arc::new(cost),
    }
}

/// A limit with tiers applies to requests of those.
fn fits(limit: &Limit, tier: Option<&str>) -> bool {
    let mut tiers = limit.tier_amounts().peekable();
    tiers.peek().is_none() || tiers.any(|(known, _)| Some(known) == tier)
}

fn named_limits<'a>(
    section: &Section,
    names: &[(&str, usize)],
    tier: Option<&str>,
    limits: &'a [Limit],
    mistakes: &mut Mistakes,
) -> Vec<&'a Limit> {
    if names.is_empty() {
        mistakes.add(section.place("limits"), section.message("limits is empty; name one, or take it out for all"));
    }
    let known: Vec<_> = limits.iter().map(|limit| shown(limit.name())).collect();
    let mut applied = Vec::new();
    for &(name, at) in names {
        match limits.iter().find(|limit| limit.name() == name) {
            Some(limit) if fits(limit, tier) => applied.push(limit),
            Some(_) => {
                let text = format!("limit {name} has tiers, and not the one of this route; give it one of those");
                mistakes.add(at, section.message(text));
            }
            None => {
                let text = format!("limit {} is not there; {}", shown(name), mend(&shown(name), &known));
                mistakes.add(at, section.message(text));
            }
        }
    }
    applied
}

/// Each unit is one that a limit counts, and each limit counts something.
fn read_cost(section: &Section, applied: &[&Limit], mistakes: &mut Mistakes) -> Cost {
    let requests = crate::cost::REQUESTS;
    let at = section.place("cost");
    let amounts = match section.get("cost") {
        Some(DeValue::Table(_)) => section
            .section("cost", "cost", mistakes)
            .map_or_else(Vec::new, |cost| cost.titled(section.title.clone()).amounts("cost of", mistakes)),
        Some(_) => section.amount("cost", mistakes).map(|amount| (requests, amount)).into_iter().collect(),
        None => vec![(requests, 1)],
    };
    for (unit, amount) in &amounts {
        if let Some(flaw) = amount_flaw("cost", *amount) {
            mistakes.add(at, section.message(flaw.text));
        }
        let given = section.get("cost").is_some() && !applied.is_empty();
        if given && !applied.iter().any(|limit| limit.unit_name() == *unit) {
            mistakes.add(
                at,
                section.message(format!("none of its limits counts {}; take it out of the cost", shown(unit))),
            );
        }
    }
    for limit in applied.iter().filter(|limit| !amounts.iter().any(|(unit, _)| *unit == limit.unit_name())) {
        let text =
            format!("limit {} counts {}, and the cost has none; write how many", limit.name(), limit.unit_name());
        mistakes.add(at, section.message(text));
    }
    let mut parts = amounts.into_iter();
    let first = parts.next().unwrap_or((requests, 1));
    parts.fold(Cost::of(first.0.to_owned(), first.1), |cost, (unit, amount)| cost.and(unit.to_owned(), amount))
}

/// The value of the scope must fit a key of the store, and one name must not stand for two tiers.
fn check_operation(rule: &Rule, section: &Section, limits: &[Limit], mistakes: &mut Mistakes) {
    let scoped = limits.iter().any(|limit| limit.scope_name() == Some(OPERATION));
    if rule.then.operation.is_some() && !scoped && !limits.is_empty() {
        let text = "operation is for limits of the scope \"operation\", and there are none; take it out";
        mistakes.add(section.place("operation"), section.message(text));
    }
    if let Err(error) = encode_value("the operation", &rule.longest_operation())
        && scoped
    {
        let text = format!("{error}; give the route a shorter one with operation = \"...\"");
        mistakes.add(section.place("operation"), section.message(text));
    }
}
