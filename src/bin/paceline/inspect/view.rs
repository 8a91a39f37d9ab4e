//! A report as tables that fit a terminal.

use std::{fmt, time::Duration};

use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use paceline::{LimitReport, Report, SessionReport};

/// Cells of a limit's bar.
const BAR: u64 = 10;

/// A report at a terminal's width.
pub struct View<'a> {
    report: &'a Report,
    width: u16,
}

impl<'a> View<'a> {
    /// Where there is no terminal to ask.
    pub const USUAL_WIDTH: u16 = 80;

    pub fn new(report: &'a Report, width: u16) -> Self {
        Self { report, width }
    }

    /// The first two columns are words and the others figures.
    fn table(&self, header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
        let mut table = Table::new();
        table
            .load_style(UTF8_FULL_CONDENSED)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(self.width);
        let align = |row: Vec<String>| {
            row.into_iter().enumerate().map(|(column, text)| {
                let side = if column < 2 { CellAlignment::Left } else { CellAlignment::Right };
                Cell::new(text).set_alignment(side)
            })
        };
        table.set_header(align(header.iter().map(|&title| title.into()).collect()));
        for row in rows {
            table.add_row(align(row));
        }
        table.trim_fmt()
    }
}

impl fmt::Display for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Report { budget, key, limits, sessions, more_sessions, settling_ms } = self.report;
        match key {
            Some(key) => writeln!(f, "budget {budget}, key {key}")?,
            None => writeln!(f, "budget {budget}")?,
        }
        if limits.is_empty() {
            return f.write_str("  all of it is free, and nobody waits");
        }
        let header = ["limit", "", "used", "in flight", "free", "next in"];
        writeln!(f, "{}", self.table(&header, limits.iter().map(limit_row)))?;
        writeln!(f, "  █ used  ▒ in flight  ░ free; the next unit comes free in the time given")?;
        for limit in limits {
            told(f, limit)?;
        }
        if let Some(left) = settling_ms {
            let left = time(*left);
            writeln!(f, "  the store lost its memory and hears what the sessions know: nobody sends for {left}")?;
        }
        if sessions.is_empty() {
            return f.write_str("  no session is open");
        }
        let header = ["session", "who", "open for", "holds", "waits for", "turn in"];
        f.write_str(&self.table(&header, sessions.iter().map(session_row)))?;
        match more_sessions {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

/// What responses said of a limit.
fn told(f: &mut fmt::Formatter<'_>, limit: &LimitReport) -> fmt::Result {
    let name = &limit.name;
    if let Some(left) = limit.cooldown_ms {
        writeln!(f, "  limit {name} cools down: nobody sends for {}", time(left))?;
    }
    let Some(said) = &limit.feedback else { return Ok(()) };
    if let Some(ago) = said.cooled_ms_ago {
        writeln!(f, "  limit {name} cooled down until {} ago", time(ago))?;
    }
    if !said.cause.is_empty() {
        writeln!(f, "    because of {}; told {}", said.cause, said.origin)?;
    }
    if let Some(units) = said.trying {
        let tried = if said.cooled_ms_ago.is_some() { "tried again" } else { "new and tried little by little" };
        writeln!(f, "  limit {name} is {tried}: at most {units} in flight until they are answered")?;
    }
    if let Some(quota) = said.told_quota {
        writeln!(f, "  limit {name}: the provider says that its quota is {quota}, which is less than configured")?;
    }
    if said.by_others > 0 {
        writeln!(f, "  limit {name}: others used {} of it", said.by_others)?;
    }
    Ok(())
}

fn limit_row(limit: &LimitReport) -> Vec<String> {
    vec![
        limit.name.clone(),
        bar(limit),
        format!("{} of {}", limit.used, limit.quota),
        limit.in_flight.to_string(),
        limit.free.to_string(),
        limit.next_free_ms.map_or("-".into(), time),
    ]
}

fn session_row(session: &SessionReport) -> Vec<String> {
    vec![
        session.id.clone(),
        session.who.clone(),
        time(session.since_ms),
        session.held.to_string(),
        session.waiting.to_string(),
        session.turn_in_ms.map_or("-".into(), time),
    ]
}

/// What is taken rounds up, so that one unit of many still shows.
fn bar(limit: &LimitReport) -> String {
    let cells = |units: u64| (u128::from(units) * u128::from(BAR)).div_ceil(u128::from(limit.quota.max(1))) as usize;
    let used = cells(limit.used).min(BAR as usize);
    let taken = cells(limit.used.saturating_add(limit.in_flight)).clamp(used, BAR as usize);
    format!("{}{}{}", "█".repeat(used), "▒".repeat(taken - used), "░".repeat(BAR as usize - taken))
}

/// A time as short as it may be read: two units at most.
fn time(millis: u64) -> String {
    if millis < 1000 {
        return format!("{millis} ms");
    }
    if millis < 10_000 {
        return format!("{:.1} s", millis as f64 / 1000.0);
    }
    let text = humantime::format_duration(Duration::from_secs(millis / 1000)).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use paceline::FeedbackReport;

    use super::*;

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
            cooldown_ms: Some(2500),
            feedback: Some(FeedbackReport {
                cause: "429, Retry-After 3".to_owned(),
                origin: "web-1 4711 0.1.0".to_owned(),
                by_others: 12,
                ..FeedbackReport::default()
            }),
        };
        let session = SessionReport {
            id: "21c9375a4aeacd5c.1".into(),
            who: "worker-7d9f6b-x2x4k 4711 0.1.0".into(),
            since_ms: 61_000,
            lease_ms: 5000,
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
            settling_ms: None,
        }
    }

    #[test]
    fn a_report_fits_the_width_and_names_what_matters() {
        let report = report();
        let text = View::new(&report, 80).to_string();
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
        assert!(View::new(&report, 80).to_string().ends_with("all of it is free, and nobody waits"));
    }

    #[test]
    fn one_unit_of_many_shows_in_the_bar() {
        let limit = |used, in_flight| LimitReport { used, in_flight, ..report().limits.remove(0) };
        assert_eq!(bar(&limit(1, 0)), "█░░░░░░░░░");
        assert_eq!(bar(&limit(30_000, 30_000)), "██████████");
        assert_eq!(bar(&limit(0, u64::MAX)), "▒▒▒▒▒▒▒▒▒▒");
    }
}
