use paceline::{FeedbackReport, LimitReport};

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

fn told(budget: &str, throttled: u64) -> Report {
    let said = FeedbackReport { throttled, ..FeedbackReport::default() };
    let mut report = report(budget, 1, 0, &[]);
    report.limits.push(LimitReport { feedback: Some(said), ..limit(1) });
    report
}

#[test]
fn requests_that_are_told_no_are_counted_and_a_reset_takes_none_back() {
    let mut state = State::default();
    for (second, throttled) in [(0, 3), (1, 3), (2, 7), (4, 0), (6, 1)] {
        state.take(&None, vec![told("a", throttled)], s(second));
    }
    let watched = state.rows()[0].1;
    assert_eq!((watched.throttled, &watched.throttled_history), (8, &[0.0, 4.0, 0.0, 0.5].into()));
}

#[test]
fn where_nobody_sends_comes_before_the_busiest() {
    let mut state = State::default();
    let cools = LimitReport { cooldown_ms: Some(100), ..limit(0) };
    let mut cooling = report("cools", 0, 0, &[]);
    cooling.limits = vec![cools];
    state.take(&None, vec![report("busy", 9, 0, &[]), cooling, report("idle", 0, 0, &[])], s(0));
    assert_eq!(names(&state), ["cools", "busy", "idle"]);
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
    assert_eq!(state.opened().expect("it is open").calls_per_s, Some(1.0));
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
