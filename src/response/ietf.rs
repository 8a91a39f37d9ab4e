//! The fields of the IETF's drafts for rate limits. All of their forms are on the wire:
//!
//! | draft | form |
//! |---|---|
//! | 00 to 03 | `RateLimit-Limit: 10, 10;w=1, 50;w=60`, with `RateLimit-Remaining` and `RateLimit-Reset` |
//! | 04 to 06 | the same with a bare number, and `RateLimit-Policy: 10;w=1, 50;w=60` |
//! | 07 | `RateLimit: limit=100, remaining=50, reset=5`, and `RateLimit-Policy: 100;w=60` |
//! | 08 to 10 | `RateLimit: "burst";r=50;t=30`, and `RateLimit-Policy: "burst";q=100;w=60` |
//!
//! The three old headers are a signal like any other; its list of windows is read here. Names may be tokens, as the
//! drafts' own examples have them. A member that breaks the rules is ignored, and so is a field that cannot be parsed.

use std::time::Duration;

use sfv::{BareItem, Dictionary, Item, List, ListEntry, Parameters, Parser};

use super::{Seen, answer::Answer, reset, signal::Limit};

/// So many in a window, perhaps under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Policy {
    pub(super) name: Option<String>,
    pub(super) quota: u64,
    pub(super) window: Option<Duration>,
    /// It counts something else than requests, so its window says nothing about which limit it is.
    other_unit: bool,
}

/// A list of windows: the quota that what is left belongs to, and the policies.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Windows {
    pub(super) first: u64,
    pub(super) policies: Vec<Policy>,
}

/// What is left, and of which policy.
struct Left {
    name: Option<String>,
    quota: Option<u64>,
    remaining: u64,
    reset: Option<Duration>,
}

impl Windows {
    /// `10, 10;w=1, 50;w=60`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let list: List = Parser::new(text).parse().ok()?;
        let policies: Vec<Policy> =
            items(&list).filter_map(Policy::read).filter(|policy| policy.name.is_none()).collect();
        let first = policies.first()?.quota;
        Some(Self { first, policies: policies.into_iter().filter(|policy| policy.window.is_some()).collect() })
    }

    /// The window that what is left belongs to, if only one can be meant.
    pub(super) fn current(&self) -> Option<Duration> {
        let mut same = self.policies.iter().filter(|policy| policy.quota == self.first);
        let window = same.next()?.window;
        if same.all(|policy| policy.window == window) { window } else { None }
    }
}

impl Policy {
    fn read(item: &Item) -> Option<Self> {
        let window = match item.params.get("w") {
            Some(window) => Some(Duration::from_secs(unsigned(window).filter(|&window| window > 0)?)),
            None => None,
        };
        let unit = item.params.get("qu").map(name);
        let other_unit = unit.is_some_and(|unit| unit.as_deref() != Some("requests"));
        match &item.bare_item {
            quota @ BareItem::Integer(_) => Some(Self { name: None, quota: unsigned(quota)?, window, other_unit }),
            other => Some(Self { name: Some(name(other)?), quota: parameter(&item.params, "q")?, window, other_unit }),
        }
    }

    /// The limit of its name, or else the only one of its window.
    fn limit<'l>(&self, limits: &'l [Limit]) -> Option<&'l Limit> {
        let named = self.name.as_deref().and_then(|name| limits.iter().find(|limit| limit.name == name));
        named.or_else(|| if self.other_unit { None } else { only(limits, self.window?) })
    }
}

/// What the header `RateLimit-Policy` says.
pub(super) fn policies(answer: &Answer) -> Vec<Policy> {
    let list: Option<List> = Parser::new(&answer.list("ratelimit-policy")).parse().ok();
    list.iter().flat_map(items).filter_map(Policy::read).collect()
}

/// What `RateLimit` and `RateLimit-Policy` say about these limits, or about limits of their own if there are none.
pub(super) fn seen(answer: &Answer, limits: &[Limit]) -> Vec<Seen> {
    if limits.is_empty() { all(answer) } else { about(answer, limits) }
}

fn about(answer: &Answer, limits: &[Limit]) -> Vec<Seen> {
    let policies = policies(answer);
    let mut seen = Vec::new();
    for policy in &policies {
        if let Some(limit) = policy.limit(limits) {
            seen.push(Seen { quota: Some(policy.quota), ..Seen::nothing(&limit.name) });
        }
    }
    for left in left(answer) {
        let named = left.name.as_deref().and_then(|name| limits.iter().find(|limit| limit.name == name));
        let mut mine = policies.iter().filter(|policy| match &left.name {
            Some(_) => policy.name == left.name,
            None => Some(policy.quota) == left.quota,
        });
        // The only policy that can be meant.
        let policy = mine.next().filter(|_| mine.next().is_none());
        if let Some(limit) = named.or_else(|| policy?.limit(limits)) {
            seen.push(left.seen(&limit.name));
        }
    }
    seen
}

/// Where no limit is known each policy is one.
fn all(answer: &Answer) -> Vec<Seen> {
    let policies = policies(answer);
    let quotas = policies.iter().filter_map(|policy| {
        let name = match (&policy.name, policy.window) {
            (Some(name), _) => plain(name),
            (None, Some(window)) => window_name(window),
            (None, None) => return None,
        };
        Some(Seen { quota: Some(policy.quota), ..Seen::nothing(&name) })
    });
    quotas
        .chain(left(answer).into_iter().map(|left| left.seen(&left.name.as_deref().map_or("requests".into(), plain))))
        .collect()
}

/// A window as people call it.
pub(super) fn window_name(window: Duration) -> String {
    match window.as_secs() {
        1 => "second".into(),
        60 => "minute".into(),
        3_600 => "hour".into(),
        86_400 => "day".into(),
        seconds => format!("{seconds}s"),
    }
}

fn left(answer: &Answer) -> Vec<Left> {
    let text = answer.list("ratelimit");
    if let Ok(list) = Parser::new(&text).parse::<List>() {
        return items(&list).filter_map(Left::of_policy).collect();
    }
    Parser::new(&text).parse::<Dictionary>().ok().as_ref().and_then(Left::of_draft_07).into_iter().collect()
}

impl Left {
    fn of_policy(item: &Item) -> Option<Self> {
        let reset = match item.params.get("t") {
            Some(seconds) => reset::from_now(u128::from(unsigned(seconds)?) * 1_000_000_000),
            None => None,
        };
        Some(Self { name: Some(name(&item.bare_item)?), quota: None, remaining: parameter(&item.params, "r")?, reset })
    }

    fn of_draft_07(fields: &Dictionary) -> Option<Self> {
        let number = |key: &str| match fields.get(key)? {
            ListEntry::Item(item) => unsigned(&item.bare_item),
            ListEntry::InnerList(_) => None,
        };
        let reset = number("reset").and_then(|seconds| reset::from_now(u128::from(seconds) * 1_000_000_000));
        Some(Self { name: None, quota: number("limit"), remaining: number("remaining")?, reset })
    }

    fn seen(&self, limit: &str) -> Seen {
        Seen { quota: self.quota, remaining: Some(self.remaining), reset_in: self.reset, ..Seen::nothing(limit) }
    }
}

/// The only limit of this window.
pub(super) fn only(limits: &[Limit], window: Duration) -> Option<&Limit> {
    let mut same = limits.iter().filter(|limit| limit.period == Some(window));
    same.next().filter(|_| same.next().is_none())
}

fn items(list: &List) -> impl Iterator<Item = &Item> {
    list.iter().filter_map(|entry| match entry {
        ListEntry::Item(item) => Some(item),
        ListEntry::InnerList(_) => None,
    })
}

fn parameter(parameters: &Parameters, key: &str) -> Option<u64> {
    parameters.get(key).and_then(unsigned)
}

fn unsigned(item: &BareItem) -> Option<u64> {
    u64::try_from(i64::from(item.as_integer()?)).ok()
}

fn name(item: &BareItem) -> Option<String> {
    match item {
        BareItem::String(text) => Some(text.as_str().to_owned()),
        BareItem::Token(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

/// A name from the wire as a name of ours: in lower case, other characters as hyphens, and no longer than ours are.
fn plain(name: &str) -> String {
    let plain =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_') { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().take(64).map(plain).collect();
    if name.is_empty() { "requests".into() } else { name }
}
