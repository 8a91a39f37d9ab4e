//! A report as people read it.

use std::collections::BTreeMap;

use paceline::{LimitReport, Report, SessionReport};

use crate::{
    figures::{bar, count, maybe_time, named, paused, time},
    page::Page,
};

/// Processes that are named of one definition.
const NAMED: usize = 4;

/// Shows a report; `configured` is the definition of the budget in the configuration at hand.
pub fn show(page: &mut Page, report: &Report, configured: Option<&str>) {
    let Report { budget, key, limits, sessions, more_sessions, settling_ms, .. } = report;
    page.say(format_args!("budget {}", named(budget, key.as_deref())));
    if let Some(pause) = &report.paused {
        page.say(format_args!("  {}", paused(pause)));
    }
    if limits.is_empty() {
        page.say("  all of it is free, and nobody waits");
        return;
    }
    page.table(1, &["limit", "", "used", "in flight", "free", "next in", "all in"], limits.iter().map(limit_row));
    page.say("  █ used  ▒ in flight  ░ free; when the next unit comes free, and all of them");
    for note in limits.iter().flat_map(notes) {
        page.say(format_args!("  {note}"));
    }
    if let Some(left) = settling_ms {
        let left = time(*left);
        page.say(format_args!("  the store lost its memory and hears what the sessions know: nobody sends for {left}"));
    }
    drift(page, report, configured);
    if sessions.is_empty() {
        page.say("  no session is open");
        return;
    }
    let header = ["host", "process", "version", "open for", "calls", "in flight", "waiting", "turn in"];
    page.table(1, &header, sessions.iter().map(session_row));
    if *more_sessions > 0 {
        page.say(format_args!("  and {more_sessions} more"));
    }
}

/// Processes that go by different numbers change a limit to and fro.
fn drift(page: &mut Page, report: &Report, configured: Option<&str>) {
    let mut by_definition: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for session in &report.sessions {
        by_definition.entry(&session.process.definition).or_default().push(session.process.to_string());
    }
    let ours = configured.filter(|ours| !by_definition.contains_key(ours));
    if by_definition.is_empty() || by_definition.len() + usize::from(ours.is_some()) == 1 {
        return;
    }
    page.say("  not all go by the same limits for this budget: give each of them the same configuration");
    for (definition, mut processes) in by_definition {
        processes.sort_unstable();
        processes.dedup();
        let this = if configured == Some(definition) { " (this configuration)" } else { "" };
        let shown = processes.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = if processes.len() > NAMED { ", ..." } else { "" };
        page.say(format_args!("    {definition}{this}: {}: {shown}{more}", count(processes.len() as u64, "process")));
    }
    if let Some(ours) = ours {
        page.say(format_args!("    {ours} (this configuration): nobody"));
    }
}

/// What responses and operators said of a limit, a sentence each.
pub fn notes(limit: &LimitReport) -> Vec<String> {
    let name = &limit.name;
    let said = limit.feedback.as_ref();
    let because = said.filter(|said| !said.cause.is_empty()).map_or(String::new(), |said| {
        let told = said.origin.as_ref().map(|origin| format!("; told {origin}")).unwrap_or_default();
        format!(", because of {}{told}", said.cause)
    });
    let mut notes = Vec::new();
    if let Some(left) = limit.cooldown_ms {
        notes.push(format!("limit {name} cools down: nobody sends for {}{because}", time(left)));
    }
    let Some(said) = said else { return notes };
    if let Some(ago) = said.cooled_ms_ago {
        notes.push(format!("limit {name} cooled down until {} ago{because}", time(ago)));
    }
    if let Some(units) = said.trying {
        let tried = if said.cooled_ms_ago.is_some() { "tried again" } else { "new and tried little by little" };
        notes.push(format!("limit {name} is {tried}: at most {units} in flight until they are answered"));
    }
    if let Some(quota) = said.told_quota {
        notes.push(format!("limit {name}: the provider says that its quota is {quota}, which is less than configured"));
    }
    if let Some(ordered) = &said.ordered {
        let left = time(ordered.left_ms);
        notes.push(format!("limit {name}: an operator's quota of {} holds for {left} more", ordered.quota));
    }
    if said.throttled > 0 {
        let told = if said.throttled == 1 { "was told no" } else { "were told no" };
        notes.push(format!("limit {name}: {} {told} so far", count(said.throttled, "request")));
    }
    if said.by_others > 0 {
        notes.push(format!("limit {name}: others used {} of it", said.by_others));
    }
    notes
}

fn limit_row(limit: &LimitReport) -> Vec<String> {
    vec![
        limit.name.clone(),
        bar(limit.used, limit.in_flight, limit.quota),
        format!("{} of {}", limit.used, limit.quota),
        limit.in_flight.to_string(),
        limit.free.to_string(),
        maybe_time(limit.next_free_ms),
        maybe_time(limit.all_free_ms),
    ]
}

fn session_row(session: &SessionReport) -> Vec<String> {
    vec![
        session.process.host.clone(),
        session.process.pid.to_string(),
        session.process.version.clone(),
        time(session.since_ms),
        session.calls.to_string(),
        session.held.to_string(),
        session.waiting.to_string(),
        maybe_time(session.turn_in_ms),
    ]
}

#[cfg(test)]
mod tests {
    use paceline::{FeedbackReport, Process};

    use super::*;

    fn process(host: &str, definition: &str) -> Process {
        let (host, version, definition) = (host.to_owned(), "0.1.0".to_owned(), definition.to_owned());
        Process { host, pid: 4711, version, definition }
    }

    fn report() -> Report {
        let limit = LimitReport {
            name: "day@campaigns".into(),
            kind: "fixed-window",
            quota: 30_000,
            per_ms: Some(86_400_000),
            used: 12_345,
            in_flight: 9_000,
            free: 8_655,
            waiting: 0,
            next_free_ms: Some(5_025_000),
            quarters_free_ms: [0; 3],
            all_free_ms: Some(86_400_000),
            hold_ms: 80,
            cooldown_ms: Some(2500),
            feedback: Some(FeedbackReport {
                cause: "429, Retry-After 3".to_owned(),
                origin: Some(process("web-1", "a1")),
                by_others: 12,
                ..FeedbackReport::default()
            }),
        };
        let session = SessionReport {
            id: "21c9375a4aeacd5c.1".into(),
            process: process("worker-7d9f6b-x2x4k", "a1"),
            since_ms: 61_000,
            lease_ms: 5000,
            calls: 180,
            held: 3,
            waiting: 12,
            turn_in_ms: None,
        };
        Report {
            budget: "keap".into(),
            key: Some("tenant-7".into()),
            limits: vec![limit],
            sessions: vec![session],
            more_sessions: 2,
            ..Report::default()
        }
    }

    fn shown(report: &Report, configured: Option<&str>) -> String {
        let mut page = Page::of(80);
        show(&mut page, report, configured);
        page.to_string()
    }

    #[test]
    fn a_report_fits_the_width_and_names_what_matters() {
        let report = report();
        let text = shown(&report, None);
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        for part in [
            "budget keap, key tenant-7",
            "█████▒▒▒░░",
            "8655",
            "1h 23m",
            "nobody sends for 2.5 s",
            "1m 1s",
            "and 2 more",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "no colours");
    }

    #[test]
    fn a_budget_that_nobody_uses_says_so() {
        let report = Report { limits: Vec::new(), ..report() };
        assert!(shown(&report, None).ends_with("all of it is free, and nobody waits"));
    }

    #[test]
    fn processes_that_go_by_other_numbers_are_named() {
        let mut report = report();
        assert!(!shown(&report, Some("a1")).contains("the same limits"));
        let another = SessionReport { process: process("web-9", "b2"), ..report.sessions[0].clone() };
        report.sessions.push(another);
        let text = shown(&report, Some("a1"));
        assert!(text.contains("a1 (this configuration): 1 process: worker-7d9f6b-x2x4k (process 4711)"), "{text}");
        assert!(text.contains("b2: 1 process: web-9 (process 4711)"), "{text}");
        let text = shown(&report, Some("c3"));
        assert!(text.contains("c3 (this configuration): nobody"), "{text}");
    }
}
