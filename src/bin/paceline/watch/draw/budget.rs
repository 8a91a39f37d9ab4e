//! One budget: its limits, how it went, and its sessions.

use std::collections::VecDeque;

use paceline::Report;
use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Stylize},
    text::{Line, Span},
    widgets::{RenderDirection, Sparkline},
};

use super::{
    LOUD,
    columns::{self, Column},
    notes, page, rate, spark,
};
use crate::{
    figures::{self, maybe_time},
    watch::state::Watched,
};

/// From so many lines on there is room for air and for graphs of some height.
const ROOMY: u16 = 18;

pub fn draw(frame: &mut Frame, area: Rect, watched: &Watched, session: usize) {
    let report = &watched.report;
    if report.limits.is_empty() && report.paused.is_none() {
        frame.render_widget(Line::from("all of it is free, and nobody waits"), area);
        return;
    }
    let roomy = area.height >= ROOMY;
    let shown = report.limits.len().min(usize::from(area.height / 3).max(2));
    let (limits_height, graphs_height, spacing) = (shown as u16 + 1, if roomy { 4 } else { 1 }, u16::from(roomy));
    let sessions_height = 1 + report.sessions.len() + usize::from(report.more_sessions > 0);
    let others = usize::from(limits_height + graphs_height + 2 * spacing) + sessions_height;
    // What the rest leaves empty, and a part of the screen in any case.
    let room = usize::from(area.height).saturating_sub(others).max((area.height / 4).into());
    let cut = report.limits.len() - shown;
    let cut = (cut > 0 && room > 0).then(|| format!("and {cut} more limits; `paceline inspect` has all"));
    let room = room - usize::from(cut.is_some());
    let notes: Vec<String> = cut.into_iter().chain(notes::lines(report, area.width, room)).collect();
    let heights = [
        Constraint::Length(limits_height + notes.len() as u16),
        Constraint::Length(graphs_height),
        Constraint::Fill(1),
    ];
    let [top, graphs, sessions_area] = area.layout(&Layout::vertical(heights).spacing(spacing));
    let [limits_area, notes_area] =
        top.layout(&Layout::vertical([Constraint::Length(limits_height), Constraint::Fill(1)]));
    limits(frame, limits_area, report, shown);
    for (note, line) in notes.into_iter().zip(notes_area.rows()) {
        frame.render_widget(Span::styled(note, LOUD), line);
    }
    let [left, right, told_no] = graphs.layout(&Layout::horizontal([Constraint::Fill(1); 3]).spacing(2));
    graph(frame, left, "calls/s", &watched.calls_history, rate);
    let whole = |callers: Option<f64>| callers.map_or("-".into(), |callers| format!("{callers:.0}"));
    graph(frame, right, "waiting", &watched.waiting_history, whole);
    graph(frame, told_no, "429/s", &watched.throttled_history, rate);
    sessions(frame, sessions_area, watched, session);
}

fn limits(frame: &mut Frame, area: Rect, report: &Report, shown: usize) {
    let limits = &report.limits[..shown];
    let all = vec![
        Column::words("limit", 0, 12, limits.iter().map(|limit| limit.name.clone())),
        Column::figures("", 5, limits.iter().map(|l| figures::bar(l.used, l.in_flight, l.quota)))
            .style(Color::Green.into()),
        Column::figures("used", 1, limits.iter().map(|limit| format!("{} of {}", limit.used, limit.quota))),
        Column::figures("in flight", 4, limits.iter().map(|limit| limit.in_flight.to_string())),
        Column::figures("free", 2, limits.iter().map(|limit| limit.free.to_string())),
        Column::figures("next in", 6, limits.iter().map(|limit| maybe_time(limit.next_free_ms))).least(7),
        Column::figures("cools", 3, limits.iter().map(|limit| Span::styled(maybe_time(limit.cooldown_ms), LOUD)))
            .least(7),
    ];
    columns::draw(frame, area, all, None);
}

fn sessions(frame: &mut Frame, area: Rect, watched: &Watched, selected: usize) {
    let Report { sessions, more_sessions, .. } = &watched.report;
    if sessions.is_empty() {
        frame.render_widget(Line::from("no session is open"), area);
        return;
    }
    let below = u16::from(*more_sessions > 0);
    let [area, more] = area.layout(&Layout::vertical([Constraint::Fill(1), Constraint::Length(below)]));
    // A line, which keeps to its area: a text alone would show where that has no height.
    frame.render_widget(Line::from(format!("and {more_sessions} more, whose calls are not in calls/s")), more);

    let selected = selected.min(sessions.len() - 1);
    let page = page(selected, sessions.len(), area);
    let (first, rates) = (page.start, &watched.session_calls_per_s[page.clone()]);
    let sessions = &sessions[page];
    let hosts = sessions.iter().enumerate().map(|(row, session)| {
        let mark = if first + row == selected { '>' } else { ' ' };
        format!("{mark} {}", session.process.host)
    });
    let all = vec![
        Column::words("  host", 0, 12, hosts),
        Column::figures("process", 1, sessions.iter().map(|session| session.process.pid.to_string())),
        Column::figures("calls", 5, sessions.iter().map(|session| session.calls.to_string())).least(7),
        Column::figures("calls/s", 2, rates.iter().map(|&per_s| rate(per_s))),
        Column::figures("in flight", 4, sessions.iter().map(|session| session.held.to_string())),
        Column::figures("waiting", 3, sessions.iter().map(|session| session.waiting.to_string())),
        Column::figures("turn in", 6, sessions.iter().map(|session| maybe_time(session.turn_in_ms))).least(7),
    ];
    columns::draw(frame, area, all, Some(selected - first));
}

/// How one figure went: a graph below its words, or beside them in a single line.
fn graph(frame: &mut Frame, area: Rect, what: &str, history: &VecDeque<f64>, show: impl Fn(Option<f64>) -> String) {
    let [words, below] = area.layout(&Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]));
    let now = show(history.back().copied());
    if below.is_empty() {
        let room = usize::from(words.width).saturating_sub(what.len() + now.len() + 2);
        let seen = history.range(history.len().saturating_sub(room)..);
        frame.render_widget(Line::from(vec![format!("{what} {now} ").bold(), spark(seen).into()]), words);
        return;
    }
    let most = show(history.iter().copied().reduce(f64::max));
    frame.render_widget(Line::from(format!("{what} {now}, most {most}")).bold(), words);
    // It knows whole numbers only.
    let data = history.iter().rev().map(|value| (value * 10.0).round() as u64);
    let line = Sparkline::default().direction(RenderDirection::RightToLeft).data(data).style(Color::Green);
    frame.render_widget(line, below);
}
