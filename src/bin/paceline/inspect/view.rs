//! A report as tables that fit a terminal.

use std::{collections::BTreeMap, fmt};

use paceline::{LimitReport, Report, SessionReport};

use crate::figures::{bar, count, maybe_time, paused, table, time};

/// Processes that are named of one definition.
const NAMED: usize = 4;

/// A report at a terminal's width.
pub struct View<'a> {
    report: &'a Report,
    /// The definition of the budget in the configuration at hand.
    configured: Option<String>,
    width: u16,
}

impl<'a> View<'a> {
    pub fn new(report: &'a Report, configured: Option<String>, width: u16) -> Self {
        Self { report, configured, width }
    }

    /// Processes that go by different numbers change a limit to and fro.
    fn drift(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut by_definition: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for session in &self.report.sessions {
            by_definition.entry(&session.process.definition).or_default().push(session.process.to_string());
        }
        let ours = self.configured.as_deref().filter(|ours| !by_definition.contains_key(ours));
        if by_definition.is_empty() || by_definition.len() + usize::from(ours.is_some()) == 1 {
            return Ok(());
        }
        writeln!(f, "  not all go by the same limits for this budget: give each of them the same configuration")?;
        for (definition, mut processes) in by_definition {
            processes.sort_unstable();
            processes.dedup();
            let this = if self.configured.as_deref() == Some(definition) { " (this configuration)" } else { "" };
            let shown = processes.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
            let more = if processes.len() > NAMED { ", ..." } else { "" };
            writeln!(f, "    {definition}{this}: {}: {shown}{more}", count(processes.len() as u64, "process"))?;
        }
        match ours {
            Some(ours) => writeln!(f, "    {ours} (this configuration): nobody"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { budget, key, limits, sessions, more_sessions, settling_ms, .. } = self.report;
        match key {
            Some(key) => writeln!(f, "budget {budget}, key {key}")?,
            None => writeln!(f, "budget {budget}")?,
        }
        if let Some(pause) = &self.report.paused {
            writeln!(f, "  {}", paused(pause))?;
        }
        if limits.is_empty() {
            return f.write_str("  all of it is free, and nobody waits");
        }
        let header = ["limit", "", "used", "in flight", "free", "next in", "all in"];
        writeln!(f, "{}", table(self.width, 1, &header, limits.iter().map(limit_row)))?;
        writeln!(f, "  █ used  ▒ in flight  ░ free; when the next unit comes free, and all of them")?;
        for limit in limits {
            told(f, limit)?;
        }
        if let Some(left) = settling_ms {
            let left = time(*left);
            writeln!(f, "  the store lost its memory and hears what the sessions know: nobody sends for {left}")?;
        }
        self.drift(f)?;
        if sessions.is_empty() {
            return f.write_str("  no session is open");
        }
        let header = ["host", "process", "version", "open for", "calls", "in flight", "waiting", "turn in"];
        f.write_str(&table(self.width, 1, &header, sessions.iter().map(session_row)))?;
        match more_sessions {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// What responses said of a limit.
pub fn told(f: &mut impl fmt::Write, limit: &LimitReport) -> fmt::Result {
    let name = &limit.name;
    if let Some(left) = limit.cooldown_ms {
        writeln!(f, "  limit {name} cools down: nobody sends for {}", time(left))?;
    }
    let Some(said) = &limit.feedback else { return Ok(()) };
    if let Some(ago) = said.cooled_ms_ago {
        writeln!(f, "  limit {name} cooled down until {} ago", time(ago))?;
    }
    if !said.cause.is_empty() {
        let told = said.origin.as_ref().map(|origin| format!("; told {origin}")).unwrap_or_default();
        writeln!(f, "    because of {}{told}", said.cause)?;
    }
    if let Some(units) = said.trying {
        let tried = if said.cooled_ms_ago.is_some() { "tried again" } else { "new and tried little by little" };
        writeln!(f, "  limit {name} is {tried}: at most {units} in flight until they are answered")?;
    }
    if let Some(quota) = said.told_quota {
        writeln!(f, "  limit {name}: the provider says that its quota is {quota}, which is less than configured")?;
    }
    if let Some(ordered) = &said.ordered {
        let left = time(ordered.left_ms);
        writeln!(f, "  limit {name}: an operator's quota of {} holds for {left} more", ordered.quota)?;
    }
    if said.by_others > 0 {
        writeln!(f, "  limit {name}: others used {} of it", said.by_others)?;
    }
    Ok(())
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
            all_free_ms: Some(86_400_000),
            forecast: Vec::new(),
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

    #[test]
    fn a_report_fits_the_width_and_names_what_matters() {
        let report = report();
        let text = View::new(&report, None, 80).to_string();
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
        assert!(View::new(&report, None, 80).to_string().ends_with("all of it is free, and nobody waits"));
    }

    #[test]
    fn processes_that_go_by_other_numbers_are_named() {
        let mut report = report();
        assert!(!View::new(&report, Some("a1".into()), 80).to_string().contains("the same limits"));
        let another = SessionReport { process: process("web-9", "b2"), ..report.sessions[0].clone() };
        report.sessions.push(another);
        let text = View::new(&report, Some("a1".into()), 80).to_string();
        assert!(text.contains("a1 (this configuration): 1 process: worker-7d9f6b-x2x4k (process 4711)"), "{text}");
        assert!(text.contains("b2: 1 process: web-9 (process 4711)"), "{text}");
        let text = View::new(&report, Some("c3".into()), 80).to_string();
        assert!(text.contains("c3 (this configuration): nobody"), "{text}");
    }
}
