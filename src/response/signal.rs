//! Where a response says how much is left of some limits.

use std::{borrow::Cow, time::Duration};

use super::{
    Seen,
    answer::{Answer, HeaderIs, trim},
    ietf::{self, Policy, Windows},
    number,
    reset::{self, Unit},
};

/// A limit by its name, and the length of its window, if it has one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    pub(super) name: String,
    pub(super) period: Option<Duration>,
}

/// Where something is said: in a header, or in a field of a JSON body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Header(String),
    Field(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Signal {
    /// With several, each value has as many parts, in this order, with `|` between them.
    pub(super) limits: Vec<Limit>,
    pub(super) quota: Vec<Place>,
    pub(super) used: Vec<Place>,
    pub(super) remaining: Vec<Place>,
    pub(super) reset: Vec<Place>,
    pub(super) reset_is: Option<Unit>,
    /// `32/40` in one header.
    pub(super) used_of_quota: Option<String>,
    pub(super) if_header: Option<HeaderIs>,
}

impl Signal {
    /// What this response says; a limit that it says nothing about is not among it.
    pub(super) fn seen(&self, answer: &Answer) -> Vec<Seen> {
        if self.if_header.as_ref().is_some_and(|header| !answer.has(header)) {
            return Vec::new();
        }
        let mut seen = match self.windows(answer) {
            Some(windows) => self.by_window(&windows, answer),
            None => (0..self.limits.len()).filter_map(|index| self.one(index, answer)).collect(),
        };
        seen.retain(|seen| !seen.is_nothing());
        seen
    }

    pub(super) fn reads_body(&self) -> bool {
        let mut places = self.quota.iter().chain(&self.used).chain(&self.remaining).chain(&self.reset);
        places.any(|place| matches!(place, Place::Field(_)))
    }

    /// The windows that the quota lists, or that a policy adds to a bare quota.
    fn windows(&self, answer: &Answer) -> Option<Windows> {
        let list = self.quota.iter().find_map(|place| match place {
            Place::Header(name) => Some(answer.list(name)),
            Place::Field(_) => None,
        })?;
        if list.contains(';') {
            return Windows::parse(&list);
        }
        let first = number::whole(&list)?;
        let policies: Vec<Policy> = ietf::policies(answer).into_iter().filter(|policy| policy.name.is_none()).collect();
        let windows = Windows { first, policies };
        windows.current().is_some().then_some(windows)
    }

    /// Each policy is about the limit of its window; what is left, about the limit of the first member's.
    fn by_window(&self, windows: &Windows, answer: &Answer) -> Vec<Seen> {
        let mut seen = Vec::new();
        for policy in &windows.policies {
            if let Some(limit) = policy.window.and_then(|window| ietf::only(&self.limits, window)) {
                seen.push(Seen { quota: Some(policy.quota), ..Seen::nothing(&limit.name) });
            }
        }
        let current = match &self.limits[..] {
            // Nobody said how long its window is, or the list does not.
            [limit] if limit.period.is_none() || windows.policies.is_empty() => Some(limit),
            limits => windows.current().and_then(|window| ietf::only(limits, window)),
        };
        if let Some(limit) = current {
            let alone = Self { limits: vec![limit.clone()], quota: Vec::new(), ..self.clone() };
            let left = alone.one(0, answer).unwrap_or_else(|| Seen::nothing(&limit.name));
            seen.push(Seen { quota: Some(windows.first), ..left });
        }
        seen
    }

    /// What is said about the limit of this index. Where several lines differ, what leaves less.
    fn one(&self, index: usize, answer: &Answer) -> Option<Seen> {
        let limit = self.limits.get(index)?;
        let texts = |places: &[Place]| self.texts(places, index, answer);
        let mut quota = counts(&texts(&self.quota), number::whole).min();
        if quota.is_none() {
            let rates = texts(&self.quota).into_iter().filter_map(|text| number::rate(&text));
            let fits = |window| limit.period.is_none_or(|period| period == window);
            quota = rates.filter(|&(_, window)| fits(window)).map(|(quota, _)| quota).min();
        }
        let mut used = counts(&texts(&self.used), number::floor).max();
        if let Some((said_used, said_quota)) = self.used_of_quota(answer) {
            (used, quota) = (Some(said_used), Some(said_quota));
        }
        let remaining = counts(&texts(&self.remaining), number::floor).min();
        let remaining = remaining.or_else(|| Some(quota?.saturating_sub(used?)));
        Some(Seen { limit: limit.name.clone(), quota, remaining, reset_in: self.reset_in(index, limit, answer) })
    }

    fn reset_in(&self, index: usize, limit: &Limit, answer: &Answer) -> Option<Duration> {
        let of = |place: &Place| {
            let name = match place {
                Place::Header(name) | Place::Field(name) => name.clone(),
            };
            let texts = self.texts(std::slice::from_ref(place), index, answer);
            let resets = texts
                .into_iter()
                .map(move |text| reset::reset_in(&text, self.reset_is, &name, limit.period, answer.now));
            resets.flatten().max()
        };
        self.reset.iter().filter_map(of).max()
    }

    fn used_of_quota(&self, answer: &Answer) -> Option<(u64, u64)> {
        answer.lines(self.used_of_quota.as_deref()?).find_map(|line| {
            // `api-usage=18/5000; per-app-api-usage=17/250(appName=x)`: the first one is about the account.
            let first = line.split(';').next()?;
            let first = first.rsplit('=').next()?;
            let (used, quota) = first.split_once('/')?;
            Some((number::floor(trim(used))?, number::whole(trim(quota))?))
        })
    }

    /// What is said about the limit of this index at these places.
    fn texts<'a>(&self, places: &[Place], index: usize, answer: &'a Answer) -> Vec<Cow<'a, str>> {
        let mut texts = Vec::new();
        for place in places {
            match place {
                Place::Header(name) => texts.extend(answer.lines(name).map(Cow::Borrowed)),
                Place::Field(pointer) => texts.extend(answer.field(pointer)),
            }
        }
        match self.limits.len() {
            1 => texts,
            several => texts.iter().filter_map(|text| part(text, index, several)).map(Cow::Owned).collect(),
        }
    }
}

/// One of the parts of a value that must have so many.
fn part(text: &str, index: usize, several: usize) -> Option<String> {
    let parts: Vec<&str> = text.split('|').collect();
    (parts.len() == several).then(|| trim(parts[index]).to_owned())
}

/// The numbers in these texts. A proxy joins lines with a comma and a space; `1,000` is one number, and none that we read.
fn counts(texts: &[Cow<str>], read: impl Fn(&str) -> Option<u64>) -> impl Iterator<Item = u64> {
    texts.iter().flat_map(|text| text.split(", ")).filter_map(move |text| read(trim(text)))
}
