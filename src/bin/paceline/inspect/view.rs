//! A report as people read it.

use paceline::{LimitReport, Report, SessionReport};

use super::drift::Drift;
use crate::{
    figures::{bar, count, maybe_time, named, paused, time},
    page::Page,
};

/// Shows a report, and what was found of it.
pub fn show(page: &mut Page, report: &Report, drift: &Drift) {
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
        page.say(format_args!("  {}", note.text));
    }
    if let Some(left) = settling_ms {
        let left = time(*left);
        page.say(format_args!("  the store lost its memory and hears what the sessions know: nobody sends for {left}"));
    }
    drift.show(page);
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

/// What responses or operators said of a limit, in a sentence.
pub struct Note {
    pub text: String,
    /// It holds back what is sent now, whatever responses say.
    pub is_in_force: bool,
}

impl Note {
    fn in_force(text: String) -> Self {
        Self { text, is_in_force: true }
    }

    fn news(text: String) -> Self {
        Self { text, is_in_force: false }
    }
}

/// What responses and operators said of a limit.
pub fn notes(limit: &LimitReport) -> Vec<Note> {
    let name = &limit.name;
    let said = limit.feedback.as_ref();
    let because = said.filter(|said| !said.cause.is_empty()).map_or(String::new(), |said| {
        let told = said.origin.as_ref().map(|origin| format!("; told {origin}")).unwrap_or_default();
        format!(", because of {}{told}", said.cause)
    });
    let mut notes = Vec::new();
    if let Some(left) = limit.cooldown_ms {
        notes.push(Note::in_force(format!("limit {name} cools down: nobody sends for {}{because}", time(left))));
    }
    let Some(said) = said else { return notes };
    if let Some(ago) = said.cooled_ms_ago {
        notes.push(Note::news(format!("limit {name} cooled down until {} ago{because}", time(ago))));
    }
    if let Some(units) = said.trying {
        let tried = if said.cooled_ms_ago.is_some() { "tried again" } else { "new and tried little by little" };
        notes.push(Note::news(format!("limit {name} is {tried}: at most {units} in flight until they are answered")));
    }
    if let Some(quota) = said.told_quota {
        notes.push(Note::news(format!(
            "limit {name}: the provider says that its quota is {quota}, which is less than configured"
        )));
    }
    if let Some(ordered) = &said.ordered {
        let left = time(ordered.left_ms);
        notes.push(Note::in_force(format!(
            "limit {name}: an operator's quota of {} holds for {left} more",
            ordered.quota
        )));
    }
    if said.throttled > 0 {
        let told = if said.throttled == 1 { "was told no" } else { "were told no" };
        notes.push(Note::news(format!("limit {name}: {} {told} so far", count(said.throttled, "request"))));
    }
    if said.by_others > 0 {
        notes.push(Note::news(format!("limit {name}: others used {} of it", said.by_others)));
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

    fn shown(report: &Report) -> String {
        let mut page = Page::of(80);
        show(&mut page, report, &Drift::of(report, None));
        page.to_string()
    }

    #[test]
    fn a_report_fits_the_width_and_names_what_matters() {
        let report = report();
        let text = shown(&report);
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
        assert!(shown(&report).ends_with("all of it is free, and nobody waits"));
    }
}
