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
        let header = ["limit", "", "used", "in flight", "free", "next free"];
        writeln!(f, "{}", self.table(&header, limits.iter().map(limit_row)))?;
        writeln!(f, "  █ used  ▒ in flight  ░ free")?;
        for limit in limits {
            if let Some(left) = limit.cooldown_ms {
                writeln!(f, "  limit {} cools down: nobody sends for {}", limit.name, time(left))?;
            }
        }
        if let Some(left) = settling_ms {
            let left = time(*left);
            writeln!(f, "  the store lost its memory and hears what the sessions know: nobody sends for {left}")?;
        }
        if sessions.is_empty() {
            return f.write_str("  no session is open");
        }
        let header = ["session", "who", "joined", "holds", "waits for", "its turn"];
        f.write_str(&self.table(&header, sessions.iter().map(session_row)))?;
        match more_sessions {
            0 => Ok(()),
            more => write!(f, "\n  and {more} more"),
        }
    }
}

fn limit_row(limit: &LimitReport) -> Vec<String> {
    vec![
        limit.name.clone(),
        bar(limit),
        format!("{} of {}", limit.used, limit.quota),
        limit.in_flight.to_string(),
        limit.free.to_string(),
        if limit.free > 0 { "now".into() } else { limit.next_free_ms.map_or("-".into(), time) },
    ]
}

fn session_row(session: &SessionReport) -> Vec<String> {
    vec![
        session.id.clone(),
        session.who.clone(),
        format!("{} ago", time(session.since_ms)),
        session.held.to_string(),
        session.waiting.to_string(),
        session.turn_in_ms.map_or("-".into(), |due| format!("in {}", time(due))),
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
