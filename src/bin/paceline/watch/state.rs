//! What is known of the budgets, how it went so far, and what the person wants to see. No I/O, and no clock: times are
//! those since the start.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, VecDeque},
    ops::ControlFlow,
    time::Duration,
};

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use paceline::{Report, SessionReport};

use crate::list::Busiest;

/// Looks that are remembered of each budget: more than a screen is wide.
const HISTORY: usize = 240;

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
        self.busiest = Busiest::of(&report);
        self.report = report;
        self.at = at;
    }

    fn share(&self) -> f64 {
        self.busiest.as_ref().map_or(0.0, Busiest::share)
    }
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
            Sort::Busiest => rows.sort_by(|(_, a), (_, b)| b.share().total_cmp(&a.share())),
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

#[cfg(test)]
mod tests {
    use paceline::LimitReport;

    use super::*;

    fn limit(used: u64) -> LimitReport {
        LimitReport {
            name: "spike".into(),
            kind: "sliding-window",
            quota: 10,
            per_ms: Some(1000),
            used,
            in_flight: 0,
            free: 10 - used,
            waiting: 0,
            next_free_ms: None,
            quarters_free_ms: [0; 3],
            all_free_ms: None,
            hold_ms: 80,
            cooldown_ms: None,
            feedback: None,
        }
    }

    fn report(budget: &str, used: u64, waiting: u64, sessions: &[(&str, u64, u64)]) -> Report {
        let session = |&(id, since_ms, calls): &(&str, u64, u64)| SessionReport {
            id: id.into(),
            process: Default::default(),
            since_ms,
            lease_ms: 5000,
            calls,
            held: 0,
            waiting: 0,
            turn_in_ms: None,
        };
        let sessions = sessions.iter().map(session).collect();
        Report { budget: budget.into(), limits: vec![limit(used)], sessions, waiting, ..Report::default() }
    }

    fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn names(state: &State) -> Vec<&str> {
        state.rows().iter().map(|(name, _)| name.0.as_str()).collect()
    }

    fn press(state: &mut State, code: KeyCode) -> ControlFlow<()> {
        state.press(code.into())
    }

    #[test]
    fn calls_a_second_are_those_of_sessions_that_are_known() {
        let mut state = State::default();
        state.take(&None, vec![report("a", 1, 0, &[("one", 9000, 100), ("two", 9000, 50)])], s(0));
        assert_eq!(state.rows()[0].1.calls_per_s, None);
        // One goes on, two left, three is new; four was there before and not listed.
        let sessions = [("one", 11_000, 110), ("three", 1500, 4), ("four", 60_000, 900)];
        state.take(&None, vec![report("a", 1, 3, &sessions)], s(2));
        let watched = state.rows()[0].1;
        assert_eq!(watched.calls_per_s, Some(7.0));
        assert_eq!(watched.session_calls_per_s, [Some(5.0), Some(2.0), Some(0.0)]);
        assert_eq!((&watched.calls_history, &watched.waiting_history), (&[7.0].into(), &[0.0, 3.0].into()));
        // A call that was never sent is taken back.
        state.take(&None, vec![report("a", 1, 3, &[("one", 12_000, 109)])], s(3));
        assert_eq!(state.rows()[0].1.calls_per_s, Some(0.0));
    }

    #[test]
    fn the_history_ends_somewhere() {
        let mut state = State::default();
        for second in 0..1000 {
            state.take(&None, vec![report("a", 1, second, &[])], s(second));
        }
        let watched = state.rows()[0].1;
        assert_eq!((watched.calls_history.len(), watched.waiting_history.len()), (HISTORY, HISTORY));
        assert_eq!(watched.waiting_history.back(), Some(&999.0));
    }

    #[test]
    fn each_order_is_a_press_away_and_the_selection_stays_on_its_budget() {
        let mut state = State::default();
        let before = [report("a", 1, 5, &[]), report("b", 9, 0, &[]), report("c", 5, 0, &[("x", 9000, 10)])];
        state.take(&None, before.to_vec(), s(0));
        let after = [report("a", 1, 5, &[]), report("b", 9, 0, &[]), report("c", 5, 0, &[("x", 9000, 20)])];
        state.take(&None, after.to_vec(), s(1));
        let _ = press(&mut state, KeyCode::Down);
        for (order, at) in [("bca", 1), ("abc", 2), ("cab", 0), ("abc", 2), ("bca", 1)] {
            assert_eq!(names(&state).concat(), order, "{:?}", state.sort);
            assert_eq!(state.selected(&state.rows()), Some(at));
            let _ = press(&mut state, KeyCode::Char('s'));
        }
        // One that is gone is not selected, and the selection has two ends.
        state.take(&None, vec![report("a", 1, 5, &[]), report("b", 9, 0, &[])], s(2));
        assert_eq!(state.selected(&state.rows()), Some(0));
        let _ = (press(&mut state, KeyCode::Up), press(&mut state, KeyCode::Char('k')));
        assert_eq!(state.selected(&state.rows()), Some(0));
        let _ = (press(&mut state, KeyCode::Char('j')), press(&mut state, KeyCode::Char('j')));
        assert_eq!(state.selected(&state.rows()), Some(1));
    }

    #[test]
    fn a_look_at_one_budget_leaves_the_others_as_they_were() {
        let mut state = State::default();
        state.take(&None, vec![report("a", 1, 0, &[]), report("b", 9, 0, &[])], s(0));
        let _ = press(&mut state, KeyCode::Enter);
        assert_eq!(state.open, Some(("b".into(), None)));
        state.fail("away".into());
        state.take(&state.open.clone(), vec![report("b", 2, 0, &[("x", 100, 1)])], s(1));
        assert_eq!((state.failure.as_deref(), names(&state)), (None, vec!["b", "a"]));
        assert_eq!(state.opened().unwrap().calls_per_s, Some(1.0));
        let _ = press(&mut state, KeyCode::Esc);
        assert_eq!(state.open, None);
    }

    #[test]
    fn keys_of_an_empty_screen_do_no_harm() {
        let mut state = State::default();
        for code in [KeyCode::Up, KeyCode::Down, KeyCode::Enter, KeyCode::Esc, KeyCode::Char('s'), KeyCode::Char('p')] {
            assert!(press(&mut state, code).is_continue());
        }
        assert!(state.open.is_none() && state.held);
        let _ = (press(&mut state, KeyCode::Char('?')), press(&mut state, KeyCode::Char('p')));
        assert!(state.held && !state.help, "the key closed the help, and no more");
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        assert!(press(&mut state, KeyCode::Char('q')).is_break() && state.press(control_c).is_break());
        assert!(press(&mut state, KeyCode::Char('c')).is_continue());
    }
}
