//! What is known of the budgets, how it went so far, and what the person wants to see. No I/O, and no clock: times are
//! those since the start.

#[cfg(test)]
mod tests;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    ops::ControlFlow,
    time::Duration,
};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use paceline::{Report, SessionReport};

use crate::list::{Busiest, pressure};

/// Looks that are remembered of each budget: more than a screen is wide.
const HISTORY: usize = 240;

/// Lines that a page key passes over.
const LEAP: isize = 10;

/// A budget and its partition.
pub type Name = (String, Option<String>);

/// One budget, or one partition of it.
pub struct Watched {
    pub report: Report,
    pub busiest: Option<Busiest>,
    /// Since the look before; unknown at the first.
    pub calls_per_s: Option<f64>,
    /// The same for each session of the report.
    pub session_calls_per_s: Vec<Option<f64>>,
    /// Calls a second at each look, the newest last.
    pub calls_history: VecDeque<f64>,
    /// Callers that waited at each look.
    pub waiting_history: VecDeque<f64>,
    /// Requests that were told no, in all; unlike the reports' figure it never falls.
    pub throttled: u64,
    /// How many a second at each look, the newest last.
    pub throttled_history: VecDeque<f64>,
    at: Duration,
}

impl Watched {
    fn new(report: Report, at: Duration) -> Self {
        Self {
            busiest: Busiest::of(&report),
            calls_per_s: None,
            session_calls_per_s: vec![None; report.sessions.len()],
            calls_history: VecDeque::new(),
            waiting_history: VecDeque::from([report.waiting as f64]),
            throttled: throttled(&report),
            throttled_history: VecDeque::new(),
            report,
            at,
        }
    }

    fn update(&mut self, report: Report, at: Duration) {
        let passed = (at - self.at).max(Duration::from_millis(1));
        let before: HashMap<&str, u64> = self.report.sessions.iter().map(|s| (s.id.as_str(), s.calls)).collect();
        let per_s = |session: &SessionReport| {
            let calls = match before.get(session.id.as_str()) {
                // Less is possible: a call that was never sent does not count.
                Some(&known) => session.calls.saturating_sub(known),
                None if u128::from(session.since_ms) <= passed.as_millis() => session.calls,
                // It joined long ago and was not listed: nobody knows when its calls were.
                None => 0,
            };
            calls as f64 / passed.as_secs_f64()
        };
        let sessions: Vec<f64> = report.sessions.iter().map(per_s).collect();
        // An empty sum would be -0.
        let calls_per_s = sessions.iter().fold(0.0, |sum, calls| sum + calls);
        self.calls_per_s = Some(calls_per_s);
        self.session_calls_per_s = sessions.into_iter().map(Some).collect();
        remember(&mut self.calls_history, calls_per_s);
        remember(&mut self.waiting_history, report.waiting as f64);
        // A limit that is reset begins anew.
        let told_no = throttled(&report).saturating_sub(throttled(&self.report));
        self.throttled += told_no;
        remember(&mut self.throttled_history, told_no as f64 / passed.as_secs_f64());
        self.busiest = Busiest::of(&report);
        self.report = report;
        self.at = at;
    }

    fn pressure(&self) -> f64 {
        let Report { paused, settling_ms, limits, .. } = &self.report;
        let cools = limits.iter().any(|limit| limit.cooldown_ms.is_some());
        pressure(paused.is_some() || settling_ms.is_some() || cools, self.busiest.as_ref())
    }
}

/// A request that is told no may be told so by several limits, and is one all the same.
fn throttled(report: &Report) -> u64 {
    let told = report.limits.iter().filter_map(|limit| limit.feedback.as_ref());
    told.map(|said| said.throttled).max().unwrap_or(0)
}

fn remember(history: &mut VecDeque<f64>, value: f64) {
    if history.len() == HISTORY {
        history.pop_front();
    }
    history.push_back(value);
}

/// Which budgets come first.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
pub enum Sort {
    #[default]
    Busiest,
    Waiting,
    Calls,
    Name,
}

impl Sort {
    fn next(self) -> Self {
        match self {
            Self::Busiest => Self::Waiting,
            Self::Waiting => Self::Calls,
            Self::Calls => Self::Name,
            Self::Name => Self::Busiest,
        }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Busiest => "the busiest first",
            Self::Waiting => "most callers waiting first",
            Self::Calls => "most calls/s first",
            Self::Name => "by name",
        }
    }
}

#[derive(Default)]
pub struct State {
    budgets: BTreeMap<Name, Watched>,
    pub sort: Sort,
    selected: Option<Name>,
    /// The budget that fills the screen.
    pub open: Option<Name>,
    /// The session of it that is selected.
    pub session: usize,
    pub help: bool,
    /// The person wants to read in peace: nothing new is taken in.
    pub held: bool,
    /// When the picture is of; none before the first look.
    pub looked: Option<Duration>,
    /// Why the last look failed.
    pub failure: Option<String>,
}

impl State {
    pub fn new(open: Option<Name>) -> Self {
        Self { open, ..Self::default() }
    }

    /// A look at all budgets, or at the one that was asked for.
    pub fn take(&mut self, asked: &Option<Name>, reports: Vec<Report>, at: Duration) {
        let mut before = std::mem::take(&mut self.budgets);
        for report in reports {
            let name = (report.budget.clone(), report.key.clone());
            let watched = match before.remove(&name) {
                Some(mut watched) => {
                    watched.update(report, at);
                    watched
                }
                None => Watched::new(report, at),
            };
            self.budgets.insert(name, watched);
        }
        if asked.is_some() {
            self.budgets.append(&mut before);
        }
        self.looked = Some(at);
        self.failure = None;
        if self.selected.as_ref().is_none_or(|name| !self.budgets.contains_key(name)) {
            self.selected = self.rows().first().map(|(name, _)| (*name).clone());
        }
    }

    pub fn fail(&mut self, why: String) {
        self.failure = Some(why);
    }

    /// All budgets in the order that was chosen; equal ones by name.
    pub fn rows(&self) -> Vec<(&Name, &Watched)> {
        let mut rows: Vec<_> = self.budgets.iter().collect();
        match self.sort {
            Sort::Busiest => rows.sort_by(|(_, a), (_, b)| b.pressure().total_cmp(&a.pressure())),
            Sort::Waiting => rows.sort_by_key(|(_, watched)| Reverse(watched.report.waiting)),
            Sort::Calls => {
                let rate = |watched: &Watched| watched.calls_per_s.unwrap_or(0.0);
                rows.sort_by(|(_, a), (_, b)| rate(b).total_cmp(&rate(a)));
            }
            Sort::Name => {}
        }
        rows
    }

    pub fn selected(&self, rows: &[(&Name, &Watched)]) -> Option<usize> {
        rows.iter().position(|(name, _)| Some(*name) == self.selected.as_ref())
    }

    /// The budget that fills the screen, once it was looked at.
    pub fn opened(&self) -> Option<&Watched> {
        self.budgets.get(self.open.as_ref()?)
    }

    /// Does what a key says; `Break`: leave.
    pub fn press(&mut self, key: KeyEvent) -> ControlFlow<()> {
        let help = std::mem::take(&mut self.help);
        match key.code {
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => return ControlFlow::Break(()),
            KeyCode::Char('q') => return ControlFlow::Break(()),
            // Any other key only closes the help.
            _ if help => {}
            KeyCode::Char('?') => self.help = true,
            KeyCode::Char('p' | ' ') => self.held = !self.held,
            KeyCode::Up | KeyCode::Char('k') => self.step(-1),
            KeyCode::Down | KeyCode::Char('j') => self.step(1),
            KeyCode::PageUp => self.step(-LEAP),
            KeyCode::PageDown => self.step(LEAP),
            KeyCode::Home => self.step(isize::MIN),
            KeyCode::End => self.step(isize::MAX),
            KeyCode::Esc => self.open = None,
            KeyCode::Enter if self.open.is_none() => {
                self.open.clone_from(&self.selected);
                self.session = 0;
            }
            KeyCode::Char('s') if self.open.is_none() => self.sort = self.sort.next(),
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn step(&mut self, by: isize) {
        let moved = |at: usize, len: usize| at.saturating_add_signed(by).min(len.saturating_sub(1));
        if self.open.is_some() {
            self.session = moved(self.session, self.opened().map_or(0, |watched| watched.report.sessions.len()));
            return;
        }
        let rows = self.rows();
        let at = self.selected(&rows).unwrap_or(0);
        let name = rows.get(moved(at, rows.len())).map(|(name, _)| (*name).clone());
        self.selected = name;
    }
}
