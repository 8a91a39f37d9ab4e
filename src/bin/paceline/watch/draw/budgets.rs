//! All budgets, a line each.

use ratatui::{
    Frame,
    layout::Rect,
    style::Color,
    text::{Line, Span},
};

use super::{
    LOUD,
    columns::{self, Column},
    page, rate, spark,
};
use crate::{
    figures,
    list::Busiest,
    watch::state::{Name, State, Watched},
};

/// Figures of usual lengths do not move the columns to and fro.
const STEADY: u16 = 7;

pub fn draw(frame: &mut Frame, area: Rect, state: &State, rows: &[(&Name, &Watched)]) {
    if rows.is_empty() {
        if state.looked.is_some() {
            frame.render_widget(Line::from("No budget is in use in this Redis."), area);
        }
        return;
    }
    let selected = state.selected(rows).unwrap_or(0);
    let page = page(selected, rows.len(), area);
    let (first, rows) = (page.start, &rows[page]);
    let busiest = |show: fn(&Busiest) -> String| {
        rows.iter().map(move |(_, watched)| watched.busiest.as_ref().map(show).unwrap_or_default())
    };
    let names = rows.iter().enumerate().map(|(row, ((budget, key), _))| {
        let mark = if first + row == selected { '>' } else { ' ' };
        format!("{mark} {}", figures::path(budget, key.as_deref()))
    });
    let all = vec![
        Column::words("  budget", 0, 16, names),
        Column::words("busiest", 6, 8, busiest(|b| b.limit.clone())),
        // It says again what the next one says.
        Column::figures("", 7, busiest(|b| figures::bar(b.used, b.in_flight, b.quota))).style(Color::Green.into()),
        Column::figures("taken", 4, busiest(|b| format!("{} of {}", b.used + b.in_flight, b.quota))),
        Column::figures("calls/s", 1, rows.iter().map(|(_, watched)| rate(watched.calls_per_s))).least(STEADY),
        Column::figures("waiting", 2, rows.iter().map(|(_, watched)| watched.report.waiting.to_string())).least(STEADY),
        Column::figures("429", 4, rows.iter().map(|(_, watched)| Span::styled(told_no(watched), LOUD))),
        Column::figures("cools", 3, rows.iter().map(|(_, watched)| Span::styled(halt(watched), LOUD))).least(STEADY),
        Column::history("history", 5, rows.iter().map(|(_, watched)| spark(watched.calls_history.iter()))),
    ];
    columns::draw(frame, area, all, Some(selected - first));
}

/// Requests that were told no, if any.
fn told_no(watched: &Watched) -> String {
    if watched.throttled == 0 { "-".into() } else { watched.throttled.to_string() }
}

/// Why nobody sends, or for how long.
fn halt(watched: &Watched) -> String {
    let report = &watched.report;
    if report.paused.is_some() {
        "paused".into()
    } else if report.settling_ms.is_some() {
        "settles".into()
    } else {
        figures::maybe_time(report.limits.iter().filter_map(|limit| limit.cooldown_ms).max())
    }
}
