//! The answer in words and figures.

use paceline::{LimitReport, Pause, Report};
use serde::Serialize;

use crate::{
    figures::{about, count, forecast, maybe_time, named, paused, time},
    page::Page,
};

/// Processes ahead that are named.
const NAMED: usize = 5;

/// Why a call that comes now would wait, and for how long.
#[derive(Debug, Serialize)]
pub struct Answer {
    budget: String,
    key: Option<String>,
    /// The limit that a call waits for the longest; none: it would go at once, or waits for the end of a pause.
    binds: Option<String>,
    /// Nobody is granted anything.
    paused: Option<Pause>,
    /// In a sentence or two.
    because: String,
    /// Under the limits that concern the calls asked about, together.
    forecast: Vec<Forecast>,
    limits: Vec<Bound>,
    /// Processes with callers that wait, the nearest turn first.
    ahead: Vec<Ahead>,
}

/// A limit, by the name that it has in the store, and how much of it a call takes.
pub type Taken = (String, u64);

/// How long some calls of one process would take.
#[derive(Debug, Serialize)]
struct Forecast {
    calls: u64,
    /// None: nobody knows when the pause ends.
    wait_ms: Option<u64>,
    /// The limit that makes the last of them wait; none: they would go at once, or when the pause ends.
    limit: Option<String>,
}

impl Forecast {
    /// `slowest` is the limit that takes the longest of those that a call takes `units` of.
    fn of(report: &Report, calls: u64, slowest: Option<&str>, units: impl Fn(&LimitReport) -> u64) -> Self {
        let pause_ms = report.paused.as_ref().map_or(Some(0), |pause| pause.left_ms);
        let Some(pause_ms) = pause_ms else { return Self { calls, wait_ms: None, limit: None } };
        let wait_ms = report.forecast(calls, units).as_millis() as u64;
        Self { calls, wait_ms: Some(wait_ms), limit: slowest.filter(|_| wait_ms > pause_ms).map(str::to_owned) }
    }

    fn is_at_once(&self) -> bool {
        self.wait_ms == Some(0)
    }
}

/// What one limit would make a call wait.
#[derive(Debug, Serialize)]
struct Bound {
    limit: String,
    /// It concerns only calls with this value of a scope, or of this tier.
    some_calls: bool,
    /// It concerns the calls asked about: those that `--scope`, `--tier` or `--route` tell, or else all calls.
    concerns: bool,
    used: u64,
    in_flight: u64,
    quota: u64,
    cooldown_ms: Option<u64>,
    forecast: Vec<Forecast>,
}

#[derive(Debug, Serialize)]
struct Ahead {
    host: String,
    pid: u64,
    waiting: u64,
    held: u64,
    /// Calls that it was granted since it joined.
    calls: u64,
    turn_in_ms: Option<u64>,
}

impl Answer {
    /// `taken`: what is known of how much a call takes of each limit; of others a unit, unless certain calls are asked about.
    pub fn of(
        budget: &str,
        key: Option<&str>,
        report: Report,
        calls: &[u64],
        taken: &[Taken],
        are_certain_calls: bool,
    ) -> Self {
        let known = |limit: &LimitReport| taken.iter().find(|(name, _)| *name == limit.name).map(|(_, units)| *units);
        let usual = |limit: &LimitReport| u64::from(!are_certain_calls && !is_for_some(limit));
        let units = |limit: &LimitReport| known(limit).unwrap_or(usual(limit));
        let bound = |limit| Bound::of(&report, limit, calls, units(limit));
        let limits: Vec<_> = report.limits.iter().map(bound).collect();
        let together = |(number, &calls): (usize, &u64)| {
            let ours = limits.iter().filter(|limit| limit.concerns);
            let slowest = ours.max_by_key(|limit| limit.forecast[number].wait_ms);
            let slowest = slowest.map(|limit| limit.limit.as_str());
            Forecast::of(&report, calls, slowest, units)
        };
        let forecast: Vec<_> = calls.iter().enumerate().map(together).collect();
        let binding = forecast.first().and_then(|one| one.limit.as_deref());
        let binding = report.limits.iter().find(|limit| Some(limit.name.as_str()) == binding);
        let mut ahead: Vec<Ahead> = report
            .sessions
            .iter()
            .filter(|session| session.waiting > 0)
            .map(|session| Ahead {
                host: session.process.host.clone(),
                pid: session.process.pid,
                waiting: session.waiting,
                held: session.held,
                calls: session.calls,
                turn_in_ms: session.turn_in_ms,
            })
            .collect();
        // Who came while nobody is served has no turn yet.
        ahead.sort_by_key(|ahead| ahead.turn_in_ms.unwrap_or(u64::MAX));
        let pause = report.paused.as_ref().map(paused);
        let because = match (report.settling_ms, binding) {
            _ if pause.is_some() => format!("it is {}", pause.unwrap_or_default()),
            (Some(left), _) => {
                let left = time(left);
                format!(
                    "the store lost its memory and hears for {left} what the sessions know; nobody sends until then"
                )
            }
            (None, Some(limit)) => because(limit, &report, &ahead),
            (None, None) if report.sessions.is_empty() && report.limits.iter().all(is_unused) => {
                "nobody uses this budget now".into()
            }
            (None, None) => match full(&limits) {
                Some(full) if !are_certain_calls => full,
                _ => "units of every limit that concerns it are free".into(),
            },
        };
        Self {
            budget: budget.to_owned(),
            key: key.map(str::to_owned),
            binds: binding.map(|limit| limit.name.clone()),
            because,
            forecast,
            limits,
            paused: report.paused,
            ahead,
        }
    }

    pub fn goes_at_once(&self) -> bool {
        self.paused.is_none() && self.forecast.first().is_none_or(Forecast::is_at_once)
    }

    /// A paragraph, the limits and who is ahead.
    pub fn show(&self, page: &mut Page) {
        page.say(self.paragraph());
        if !self.limits.is_empty() {
            // Of a pause nobody knows how it goes on.
            let forecast = if self.paused.is_some() { &[] } else { &self.forecast[..] };
            let calls: Vec<String> = forecast.iter().map(|f| count(f.calls, "call")).collect();
            let mut header = vec!["limit", "taken", "cools"];
            header.extend(calls.iter().map(String::as_str));
            page.table(1, &header, self.limits.iter().map(|limit| limit.row(forecast.len())));
            if self.limits.iter().any(|limit| !limit.concerns) {
                page.say("* concerns only other calls, such as those of that tier or scope, or that take its units");
            }
        }
        if !self.ahead.is_empty() {
            let header = ["who waits", "process", "callers", "in flight", "calls so far", "turn in"];
            page.table(1, &header, self.ahead.iter().take(NAMED).map(Ahead::row));
            if self.ahead.len() > NAMED {
                page.say(format_args!("and {} more", self.ahead.len() - NAMED));
            }
        }
    }

    fn paragraph(&self) -> String {
        let name = named(&self.budget, self.key.as_deref());
        let because = &self.because;
        if self.paused.is_some() {
            return format!("A call on budget {name} waits: {because}.");
        }
        let Some((now, more)) = self.forecast.split_first() else { return String::new() };
        let mut text = match now.wait_ms.filter(|_| !now.is_at_once()) {
            Some(wait) => format!("A call on budget {name} would wait {}, because {because}.", about(wait)),
            None => format!("A call on budget {name} would go at once: {because}."),
        };
        let more = more.iter().filter_map(|f| Some((f, f.wait_ms.filter(|wait| *wait > 0)?))).map(|(f, wait)| {
            let under = match &f.limit {
                Some(limit) if now.limit.as_ref() != Some(limit) => format!(" (limit {limit})"),
                _ => String::new(),
            };
            format!("{} of one process would take {}{under}", count(f.calls, "call"), about(wait))
        });
        let more: Vec<_> = more.collect();
        if !more.is_empty() {
            text += &format!(" {}.", more.join(", and "));
        }
        text
    }
}

/// It concerns only calls with a value of its scope, or of its tier.
fn is_for_some(limit: &LimitReport) -> bool {
    limit.name.contains('@')
}

fn is_unused(limit: &LimitReport) -> bool {
    limit.used == 0 && limit.in_flight == 0
}

/// The limits that would make calls wait that nobody asked about, in a sentence.
fn full(limits: &[Bound]) -> Option<String> {
    let full =
        limits.iter().filter(|limit| limit.some_calls && limit.forecast.first().is_some_and(|one| !one.is_at_once()));
    let names: Vec<_> = full.map(|limit| limit.limit.as_str()).collect();
    let (shown, rest) = names.split_at(names.len().min(NAMED));
    let more = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
    let (limits, are) = if names.len() == 1 { ("limit", "is") } else { ("limits", "are") };
    (!names.is_empty()).then(|| {
        format!(
            "only {limits} {}{more}, for calls of that tier or scope, {are} full or cooling down; with --scope, --tier or \
             --route it is about such calls",
            shown.join(", ")
        )
    })
}

/// Why calls wait for a limit, in a part of a sentence.
fn because(limit: &LimitReport, report: &Report, ahead: &[Ahead]) -> String {
    let name = &limit.name;
    let said = limit.feedback.as_ref();
    let told = said.and_then(|said| said.origin.as_ref()).map(|who| format!("; {who}")).unwrap_or_default();
    let mut text = match (limit.cooldown_ms, said) {
        (Some(left), Some(said)) => {
            format!("limit {name} cools down for {} more ({}{told})", time(left), said.cause)
        }
        _ => {
            let ordered = said.and_then(|said| said.ordered.as_ref());
            let ordered = ordered.map(|quota| format!(" (an operator's quota, for {} more)", time(quota.left_ms)));
            format!(
                "limit {name} binds: of {}{} {} used and {} in flight",
                count(limit.quota, "unit"),
                ordered.unwrap_or_default(),
                limit.used,
                limit.in_flight
            )
        }
    };
    if let Some(said) = said {
        if let Some(units) = said.trying.filter(|_| limit.cooldown_ms.is_none()) {
            text += &format!(", and it is tried little by little, with {units} in flight at most");
        }
        if said.by_others > 0 {
            text += &format!(", and others who use the key took {}", said.by_others);
        }
    }
    if report.waiting > 0 {
        let processes = count(ahead.len() as u64, "process");
        text += &format!("; {} in {processes} wait already", count(report.waiting, "caller"));
    }
    text
}

impl Bound {
    /// `units`: how much of it a call takes that is asked about.
    fn of(report: &Report, limit: &LimitReport, calls: &[u64], units: u64) -> Self {
        let only = |other: &LimitReport| if other.name == limit.name { units.max(1) } else { 0 };
        let alone = |&calls: &u64| Forecast::of(report, calls, Some(&limit.name), only);
        Self {
            limit: limit.name.clone(),
            some_calls: is_for_some(limit),
            concerns: units > 0,
            used: limit.used,
            in_flight: limit.in_flight,
            quota: limit.quota,
            cooldown_ms: limit.cooldown_ms,
            forecast: calls.iter().map(alone).collect(),
        }
    }

    fn row(&self, forecasts: usize) -> Vec<String> {
        let mark = if self.concerns { "" } else { " *" };
        let taken = self.used.saturating_add(self.in_flight);
        let mut row =
            vec![format!("{}{mark}", self.limit), format!("{taken} of {}", self.quota), maybe_time(self.cooldown_ms)];
        row.extend(self.forecast.iter().take(forecasts).map(|f| match f.wait_ms {
            Some(0) => "at once".into(),
            wait => wait.map_or("-".into(), forecast),
        }));
        row
    }
}

impl Ahead {
    fn row(&self) -> Vec<String> {
        vec![
            self.host.clone(),
            self.pid.to_string(),
            self.waiting.to_string(),
            self.held.to_string(),
            self.calls.to_string(),
            maybe_time(self.turn_in_ms),
        ]
    }
}

#[cfg(test)]
mod tests {
    use paceline::{FeedbackReport, Process, SessionReport};

    use super::*;

    fn busy() -> Report {
        let limit = LimitReport {
            name: "spike".into(),
            kind: "sliding-window",
            quota: 5,
            per_ms: Some(1000),
            used: 3,
            in_flight: 2,
            free: 0,
            waiting: 1,
            next_free_ms: Some(200),
            quarters_free_ms: [400, 700, 900],
            all_free_ms: Some(1100),
            hold_ms: 80,
            cooldown_ms: None,
            feedback: None,
        };
        let day = LimitReport { name: "day@campaigns".into(), ..limit.clone() };
        let process = Process { host: "web-1".into(), pid: 12, ..Process::default() };
        let session = SessionReport {
            id: "a.1".into(),
            process,
            since_ms: 1,
            lease_ms: 1,
            calls: 77,
            held: 2,
            waiting: 3,
            turn_in_ms: Some(200),
        };
        Report { limits: vec![day, limit], sessions: vec![session], waiting: 3, ..Report::default() }
    }

    fn shown(answer: &Answer) -> String {
        let mut page = Page::of(80);
        answer.show(&mut page);
        page.to_string()
    }

    #[test]
    fn it_names_the_limit_that_binds_and_who_is_ahead() {
        let answer = Answer::of("keap", None, busy(), &[1, 100], &[], false);
        assert!(!answer.goes_at_once());
        assert_eq!(
            answer.paragraph(),
            "A call on budget keap would wait about 400 ms, because limit spike binds: of 5 units 3 used and 2 in flight; \
             3 callers in 1 process wait already. 100 calls of one process would take about 43s."
        );
        let text = shown(&answer);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(text.contains("day@campaigns *") && text.contains("web-1"), "{text}");
    }

    #[test]
    fn a_cooldown_says_who_was_told_what() {
        let mut report = busy();
        let origin = Some(Process { host: "web-1".into(), pid: 12, ..Process::default() });
        report.limits[1].cooldown_ms = Some(2500);
        report.limits[1].feedback =
            Some(FeedbackReport { cause: "429, Retry-After 3".into(), origin, ..FeedbackReport::default() });
        let answer = Answer::of("keap", Some("t7"), report, &[1, 100], &[], false);
        let text = answer.paragraph();
        assert!(text.starts_with("A call on budget keap, key t7 would wait"), "{text}");
        assert!(
            text.contains("limit spike cools down for 2.5 s more (429, Retry-After 3; web-1 (process 12))"),
            "{text}"
        );
    }

    #[test]
    fn a_budget_that_nobody_uses_lets_a_call_go() {
        let answer = Answer::of("keap", None, Report::default(), &[1], &[], false);
        assert!(answer.goes_at_once());
        assert_eq!(shown(&answer), "A call on budget keap would go at once: nobody uses this budget now.");
    }
}
