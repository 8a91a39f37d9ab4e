//! The state as a picture, for any size of terminal. Colours only repeat what the words say.

mod budget;
mod budgets;
mod columns;
mod notes;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ratatui::{
    Frame,
    layout::{Constraint, Layout, Rect},
    style::{Color, Style, Stylize},
    text::{Line, Span},
    widgets::{Block, Clear, Paragraph, Wrap},
};

use super::state::State;
use crate::figures;

/// A picture that is older says so.
const FRESH: Duration = Duration::from_secs(5);
/// What calls for attention.
const LOUD: Style = Style::new().fg(Color::Yellow);

/// The keys at the bottom; in a narrow terminal the first of them.
const KEYS: &[&str] = &["q quit", "? help", "enter open", "esc back", "s sort", "p hold", "up/down select"];

const HELP: &[&str] = &[
    "up, down, k, j   select; page up, page down, home, end",
    "enter            open a budget",
    "esc              back to all budgets",
    "s                sort: busiest, waiting, calls/s, name",
    "p, space         hold the picture; the limiter goes on",
    "q, Ctrl-C        quit",
    "",
    "█ used  ▒ in flight  ░ free",
    "calls/s: granted since the last look",
    "history: calls/s at each look before",
    "cools: nobody sends for so long",
    "429: requests that were told no so far",
];

pub fn screen(frame: &mut Frame, state: &State, now: Duration) {
    // Why Redis is away takes two lines where there are few columns.
    let status_lines = if state.failure.is_some() { 2 } else { 1 };
    let parts = [Constraint::Length(1), Constraint::Fill(1), Constraint::Length(status_lines), Constraint::Length(1)];
    let [title, body, status, keys] = frame.area().layout(&Layout::vertical(parts));
    match &state.open {
        None => {
            let rows = state.rows();
            let words =
                format!("paceline watch: {}, {}", figures::count(rows.len() as u64, "budget"), state.sort.words());
            frame.render_widget(Line::from(words).bold(), title);
            budgets::draw(frame, body, state, &rows);
        }
        Some((budget, key)) => {
            let name = figures::named(budget, key.as_deref());
            frame.render_widget(Line::from(format!("paceline watch: budget {name}")).bold(), title);
            if let Some(watched) = state.opened() {
                budget::draw(frame, body, watched, state.session);
            }
        }
    }
    frame.render_widget(Paragraph::new(status_line(state, now)).wrap(Wrap { trim: true }), status);
    frame.render_widget(key_line(keys.width), keys);
    if state.help {
        help(frame);
    }
}

/// How the picture came about: whether it is held, how old it is, and why.
fn status_line(state: &State, now: Duration) -> Line<'static> {
    let age = state.looked.map(|looked| now.saturating_sub(looked));
    let old = age.map(|age| format!("{} old", figures::time(age.as_millis() as u64)));
    let old = old.as_deref().unwrap_or("empty");
    match (&state.failure, age) {
        _ if state.held => Span::styled(format!("picture held, {old} (the limiter goes on); p goes on"), LOUD).into(),
        (Some(why), _) => Span::styled(format!("picture {old}, trying again: {why}"), LOUD).into(),
        (None, None) => "looking ...".into(),
        (None, Some(age)) if age > FRESH => Span::styled(format!("picture {old}"), LOUD).into(),
        (None, Some(_)) => "█ used  ▒ in flight  ░ free".into(),
    }
}

fn key_line(width: u16) -> Line<'static> {
    let mut words = String::new();
    for key in KEYS {
        if words.len() + key.len() <= usize::from(width) {
            words += key;
            words += "  ";
        }
    }
    Line::from(words.trim_end().to_owned()).dim()
}

fn help(frame: &mut Frame) {
    let lines: Vec<Line> = HELP.iter().map(|&line| Line::from(line)).collect();
    let width = lines.iter().map(Line::width).max().unwrap_or(0) as u16 + 4;
    let area = frame.area().centered(Constraint::Length(width), Constraint::Length(lines.len() as u16 + 2));
    let block = Block::bordered().title(" keys ").title_bottom(" any key closes this ");
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(block.padding(ratatui::widgets::Padding::horizontal(1))), area);
}

/// Calls a second, as short as they may be read.
fn rate(per_s: Option<f64>) -> String {
    match per_s {
        None => "-".into(),
        Some(per_s) if per_s < 9.95 => format!("{per_s:.1}"),
        Some(per_s) => format!("{per_s:.0}"),
    }
}

/// What went before, a column each, the newest last.
fn spark<'a>(history: impl ExactSizeIterator<Item = &'a f64> + Clone) -> String {
    const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    let most = history.clone().copied().fold(f64::MIN_POSITIVE, f64::max);
    history.map(|value| LEVELS[(value / most * 7.0).ceil() as usize]).collect()
}

/// The part of a list that is on the screen: whole pages, so that it stands still while one is read.
fn page(selected: usize, len: usize, area: Rect) -> std::ops::Range<usize> {
    let lines = usize::from(area.height.saturating_sub(1)).max(1);
    let first = selected / lines * lines;
    first..len.min(first + lines)
}
