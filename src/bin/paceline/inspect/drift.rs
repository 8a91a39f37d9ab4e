//! Whether all that use a budget go by the same limits. Those who go by different numbers change a limit to and fro.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use paceline::{Budget, Kind, Limit, LimitReport, Report, SessionReport};
use serde::Serialize;

use crate::{figures::count, page::Page};

/// Processes that are named of one definition.
const NAMED: usize = 4;

/// What processes go by, and what the configuration at hand has.
#[derive(Debug, Serialize)]
pub struct Drift {
    /// That which most go by first.
    definitions: Vec<Definition>,
    /// The configuration's own.
    configured: Option<String>,
    /// Its limits whose numbers are others in the store.
    differs: Vec<Difference>,
}

#[derive(Debug, Serialize)]
struct Definition {
    definition: String,
    processes: usize,
    /// Some of them.
    such_as: Vec<String>,
}

#[derive(Debug, PartialEq, Serialize)]
struct Difference {
    limit: String,
    configuration: Numbers,
    store: Numbers,
}

#[derive(Debug, PartialEq, Serialize)]
struct Numbers {
    kind: &'static str,
    quota: u64,
    per_ms: Option<u64>,
}

impl Drift {
    /// Of all that the report lists; `configured` is the budget in the configuration at hand.
    pub fn of(report: &Report, configured: Option<&Budget>) -> Self {
        let mut differs = Vec::new();
        for stored in &report.limits {
            // Values of a scope have the same numbers, as a rule, and are not named one by one.
            if let Some(difference) = configured.and_then(|budget| differ(budget, stored))
                && !differs.contains(&difference)
            {
                differs.push(difference);
            }
        }
        Self { definitions: definitions(&report.sessions), configured: configured.map(Budget::definition), differs }
    }

    pub fn show(&self, page: &mut Page) {
        let ours = self.configured.as_ref().filter(|ours| self.definitions.iter().all(|d| d.definition != **ours));
        if !self.definitions.is_empty() && self.definitions.len() + usize::from(ours.is_some()) > 1 {
            page.say("  not all go by the same limits for this budget: give each of them the same configuration");
            for Definition { definition, processes, such_as } in &self.definitions {
                let this = if self.configured.as_ref() == Some(definition) { " (this configuration)" } else { "" };
                let more = if *processes > such_as.len() { ", ..." } else { "" };
                let (processes, shown) = (count(*processes as u64, "process"), such_as.join(", "));
                page.say(format_args!("    {definition}{this}: {processes}: {shown}{more}"));
            }
            if let Some(ours) = ours {
                page.say(format_args!("    {ours} (this configuration): nobody"));
            }
        }
        for Difference { limit, configuration, store } in &self.differs {
            let (here, there) = (configuration.words(), store.words());
            page.say(format_args!("  limit {limit}: {here} in this configuration, and {there} in the store"));
        }
    }
}

/// Processes by what they go by.
fn definitions(sessions: &[SessionReport]) -> Vec<Definition> {
    let mut by_definition: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for SessionReport { process, .. } in sessions {
        by_definition.entry(&process.definition).or_default().insert(process.to_string());
    }
    let definition = |(definition, processes): (&str, BTreeSet<String>)| Definition {
        definition: definition.to_owned(),
        processes: processes.len(),
        such_as: processes.into_iter().take(NAMED).collect(),
    };
    let mut definitions: Vec<_> = by_definition.into_iter().map(definition).collect();
    definitions.sort_by_key(|definition| Reverse(definition.processes));
    definitions
}

/// Where the configuration has other numbers than the store.
fn differ(budget: &Budget, stored: &LimitReport) -> Option<Difference> {
    // NAME, NAME@VALUE, or NAME@TIER@VALUE.
    let mut parts = stored.name.split('@');
    let name = parts.next()?;
    let limit = budget.limits().iter().find(|limit| limit.name() == name)?;
    let (mut name, mut configuration) = (name.to_owned(), Numbers::of(limit)?);
    if limit.tier_amounts().next().is_some() {
        let tier = parts.next()?;
        (_, configuration.quota) = limit.tier_amounts().find(|(known, _)| *known == tier)?;
        name = format!("{name}@{tier}");
    }
    // While an operator's quota holds, it is no matter of the configuration.
    let ordered = stored.feedback.as_ref().is_some_and(|said| said.ordered.is_some());
    let store = Numbers { kind: stored.kind, quota: stored.quota, per_ms: stored.per_ms };
    (!ordered && configuration != store).then_some(Difference { limit: name, configuration, store })
}

impl Numbers {
    /// As a report has them: of a bucket what it holds, and how long it takes to fill.
    fn of(limit: &Limit) -> Option<Self> {
        let (quota, per) = match limit.kind() {
            Kind::SlidingWindow { quota } | Kind::FixedWindow { quota, .. } => (quota.amount(), Some(quota.period())),
            Kind::TokenBucket { refill, burst } => {
                let us = u128::from(*burst) * refill.period().as_micros() / u128::from(refill.amount());
                (*burst, Some(Duration::from_micros(us as u64)))
            }
            Kind::Concurrency { max } => (*max, None),
            _ => return None,
        };
        let per_ms = per.map(|per| per.as_micros().div_ceil(1000) as u64);
        Some(Self { kind: limit.kind().name(), quota, per_ms })
    }

    fn words(&self) -> String {
        let Self { kind, quota, per_ms } = self;
        match per_ms {
            Some(per) => format!("{kind} {quota} in {}", humantime::format_duration(Duration::from_millis(*per))),
            None => format!("{kind} {quota}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use paceline::{FeedbackReport, OrderedQuota, Process, Quota};

    use super::*;

    fn shown(report: &Report, configured: Option<&Budget>) -> String {
        let mut page = Page::of(200);
        Drift::of(report, configured).show(&mut page);
        page.to_string()
    }

    fn session(host: &str, definition: &str) -> SessionReport {
        let (host, version, definition) = (host.to_owned(), "0.1.0".to_owned(), definition.to_owned());
        SessionReport {
            id: host.clone(),
            process: Process { host, pid: 4711, version, definition },
            since_ms: 0,
            lease_ms: 5000,
            calls: 0,
            held: 0,
            waiting: 0,
            turn_in_ms: None,
        }
    }

    fn budget(limits: impl IntoIterator<Item = Limit>) -> Budget {
        limits.into_iter().fold(Budget::builder("keap"), |budget, limit| budget.limit(limit)).build().expect("a budget")
    }

    fn stored(name: &str, kind: &'static str, quota: u64, per_ms: Option<u64>) -> LimitReport {
        LimitReport { name: name.into(), kind, quota, per_ms, ..LimitReport::default() }
    }

    #[test]
    fn processes_that_go_by_other_numbers_are_counted_and_some_are_named() {
        let ours = budget([Limit::sliding_window("spike", Quota::per_second(5))]);
        let a1 = ours.definition();
        let mut report = Report { sessions: vec![session("web-1", &a1), session("web-1", &a1)], ..Report::default() };
        assert_eq!(shown(&report, Some(&ours)), "");
        assert_eq!(shown(&report, None), "");
        report.sessions.extend((1..=6).map(|n| session(&format!("worker-{n}"), "b2")));
        let text = shown(&report, Some(&ours));
        let most = text.find("b2: 6 processes: worker-1 (process 4711), worker-2").unwrap_or_else(|| panic!("{text}"));
        let fewer =
            text.find(&format!("{a1} (this configuration): 1 process: web-1")).unwrap_or_else(|| panic!("{text}"));
        assert!(most < fewer && text.contains("worker-4 (process 4711), ...") && !text.contains("worker-5"), "{text}");
        let theirs = budget([Limit::sliding_window("spike", Quota::per_second(9))]);
        let nobody = format!("{} (this configuration): nobody", theirs.definition());
        assert!(shown(&report, Some(&theirs)).contains(&nobody));
    }

    #[test]
    fn limits_whose_numbers_are_others_are_named_once() {
        let ours = budget([
            Limit::sliding_window("hour", Quota::per_hour(3)),
            Limit::token_bucket("smooth", Quota::per_second(3)).burst(10),
            Limit::concurrency("open", 10),
            Limit::fixed_window("day", Quota::per_day(1)).tiers([("S", 3), ("M", 10)]).scope("operation"),
        ]);
        let as_it_is = [
            stored("hour", "sliding-window", 3, Some(3_600_000)),
            stored("smooth", "token-bucket", 10, Some(3334)),
            stored("open", "concurrency", 10, None),
            stored("day@M@a", "fixed-window", 10, Some(86_400_000)),
            stored("gone", "sliding-window", 1, Some(1)),
        ];
        assert_eq!(shown(&Report { limits: as_it_is.into(), ..Report::default() }, Some(&ours)), "");
        let ordered =
            FeedbackReport { ordered: Some(OrderedQuota { quota: 2, left_ms: 5 }), ..FeedbackReport::default() };
        let other = [
            stored("hour", "sliding-window", 3, Some(1_800_000)),
            stored("smooth", "sliding-window", 10, Some(3334)),
            LimitReport { feedback: Some(ordered), ..stored("open", "concurrency", 2, None) },
            stored("day@S@a", "fixed-window", 4, Some(86_400_000)),
            stored("day@S@b", "fixed-window", 4, Some(86_400_000)),
        ];
        let expected = "
  limit hour: sliding-window 3 in 1h in this configuration, and sliding-window 3 in 30m in the store
  limit smooth: token-bucket 10 in 3s 334ms in this configuration, and sliding-window 10 in 3s 334ms in the store
  limit day@S: fixed-window 3 in 1day in this configuration, and fixed-window 4 in 1day in the store";
        let text = shown(&Report { limits: other.into(), ..Report::default() }, Some(&ours));
        assert_eq!(text.trim_end(), expected.trim_start_matches('\n'));
    }
}
