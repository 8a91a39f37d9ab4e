//! What the screens look like, at several sizes.

use crossterm::event::KeyCode;
use paceline::{FeedbackReport, LimitReport, Pause, Process, Report, SessionReport};
use ratatui::{Terminal, backend::TestBackend};

use super::*;

/// The usual terminal, a large one, and one that is split.
const SIZES: [(u16, u16); 3] = [(80, 24), (200, 50), (60, 15)];

fn shown(state: &State, now: Duration, (width, height): (u16, u16)) -> TestBackend {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is only memory");
    terminal.draw(|frame| screen(frame, state, now)).expect("it is only memory");
    terminal.backend().clone()
}

/// A snapshot at each size, beside this file.
fn assert_shown(name: &str, state: &State, now: Duration) {
    for (width, height) in SIZES {
        insta::assert_snapshot!(format!("{name}_{width}x{height}"), shown(state, now, (width, height)));
    }
}

fn limit(name: &str, used: u64, in_flight: u64, quota: u64) -> LimitReport {
    LimitReport {
        name: name.into(),
        kind: "sliding-window",
        quota,
        per_ms: Some(1000),
        used,
        in_flight,
        free: quota - used - in_flight,
        waiting: 0,
        next_free_ms: (used > 0).then_some(380),
        quarters_free_ms: [0; 3],
        all_free_ms: None,
        hold_ms: 80,
        cooldown_ms: None,
        feedback: None,
    }
}

fn session(host: &str, calls: u64, waiting: u64) -> SessionReport {
    SessionReport {
        id: host.into(),
        process: Process { host: host.into(), pid: 4711, ..Process::default() },
        since_ms: 600_000,
        lease_ms: 5000,
        calls,
        held: 1,
        waiting,
        turn_in_ms: (waiting > 0).then_some(571),
    }
}

/// As it may be at a second: one that waits for its spike limit, one that cools down, many of tenants, one that is paused.
fn reports(second: u64) -> Vec<Report> {
    let keap = Report {
        budget: "keap".into(),
        limits: vec![limit("day", 12_345, 3, 30_000), limit("minute", 30, 3, 240), limit("spike", 2, 3, 5)],
        sessions: vec![session("worker-7d9f6b-x2x4k", 180 + 3 * second, 12), session("web-1", 90 + second % 3, 2)],
        more_sessions: 2,
        waiting: 14 + second % 5,
        ..Report::default()
    };
    let told = FeedbackReport {
        cause: "429, Retry-After 3".into(),
        origin: Some(Process { host: "web-1".into(), pid: 4711, ..Process::default() }),
        trying: Some(1),
        throttled: 17 + second / 10,
        ..FeedbackReport::default()
    };
    let cooled = LimitReport { cooldown_ms: Some(2500), feedback: Some(told), ..limit("burst", 1, 0, 10) };
    let sessions = vec![session("web-1", 9, 0)];
    let klaviyo = Report { budget: "klaviyo-prod".into(), limits: vec![cooled], sessions, ..Report::default() };
    let tenants = (1..=30).map(|tenant| Report {
        budget: "shop".into(),
        key: Some(format!("tenant-{tenant}.of-a-name-that-is-rather-long")),
        limits: vec![limit("bucket@products.json", tenant, 0, 40)],
        sessions: vec![session("web-1", second * tenant, 0)],
        ..Report::default()
    });
    let pause = Pause { left_ms: None, who: "ada@console".into(), why: "their maintenance".into() };
    let stripe = Report {
        budget: "stripe".into(),
        limits: vec![limit("all", 0, 0, 100)],
        paused: Some(pause),
        ..Report::default()
    };
    [keap, klaviyo, stripe].into_iter().chain(tenants).collect()
}

fn after(seconds: u64) -> State {
    let mut state = State::default();
    for second in 0..=seconds {
        state.take(&None, reports(second), Duration::from_secs(second));
    }
    state
}

fn press(state: &mut State, codes: &[KeyCode]) {
    for &code in codes {
        assert!(state.press(code.into()).is_continue());
    }
}

fn opened(budget: &str) -> State {
    let mut state = after(30);
    state.open = Some((budget.into(), None));
    state
}

const NOW: Duration = Duration::from_secs(31);

#[test]
fn all_budgets() {
    let mut state = after(30);
    press(&mut state, &[KeyCode::Down]);
    assert_shown("budgets", &state, NOW);
}

#[test]
fn one_budget() {
    assert_shown("budget", &opened("keap"), NOW);
    insta::assert_snapshot!("budget_cools_80x24", shown(&opened("klaviyo-prod"), NOW, SIZES[0]));
    insta::assert_snapshot!("budget_paused_80x24", shown(&opened("stripe"), NOW, SIZES[0]));
}

#[test]
fn redis_is_away() {
    let mut state = after(30);
    state.fail(
        "Redis at 127.0.0.1:6379: Connection refused (os error 111); see whether it runs and can be reached".into(),
    );
    assert_shown("away", &state, Duration::from_secs(42));
}

#[test]
fn the_picture_is_held_and_the_help_is_open() {
    let mut state = after(30);
    press(&mut state, &[KeyCode::Char('p'), KeyCode::Char('?')]);
    assert_shown("held", &state, Duration::from_secs(95));
}

#[test]
fn before_there_is_anything_to_show() {
    let text = |state: &State| shown(state, NOW, SIZES[0]).to_string();
    let mut state = State::default();
    assert!(text(&state).contains("looking ..."));
    state.take(&None, Vec::new(), NOW);
    assert!(text(&state).contains("No budget is in use in this Redis."));
    let mut state = State::new(Some(("keap".into(), Some("tenant-7".into()))));
    assert!(text(&state).contains("budget keap, key tenant-7") && text(&state).contains("looking ..."));
    let asked = state.open.clone();
    let unused = Report { budget: "keap".into(), key: Some("tenant-7".into()), ..Report::default() };
    state.take(&asked, vec![unused], NOW);
    assert!(text(&state).contains("all of it is free, and nobody waits"));
}

#[test]
fn an_old_picture_says_so() {
    let text = shown(&after(30), Duration::from_secs(36), SIZES[0]).to_string();
    assert!(text.contains("picture 6.0 s old"), "{text}");
}

#[test]
fn names_do_no_harm_to_the_terminal() {
    let mut state = State::default();
    let name = |key: &str| Report { budget: "b".into(), key: Some(key.into()), ..Report::default() };
    state.take(
        &None,
        vec![name("a\u{1b}[2Jb\nc"), name("名前が長い名前が長い名前が長い名前が長い名前が長い名前が長い")],
        NOW,
    );
    for size in SIZES {
        let text = shown(&state, NOW, size).to_string();
        assert!(!text.contains('\u{1b}') && text.contains("b/名前"), "{text}");
    }
}

#[test]
fn no_size_is_too_small() {
    let mut states = vec![after(3), opened("keap"), opened("klaviyo-prod"), State::default()];
    states[0].help = true;
    states[1].failure = Some("away".into());
    for state in &mut states {
        state.session = 1;
        for width in [1, 2, 7, 19, 33, 47, 61] {
            for height in [1, 2, 3, 5, 9, 14] {
                shown(state, NOW, (width, height));
            }
        }
    }
}

#[test]
fn what_went_before_is_drawn_to_its_own_scale() {
    assert_eq!(spark([0.0, 1.0, 50.0, 99.0, 100.0].iter()), "▁▂▅██");
    assert_eq!(spark([0.0, 0.0].iter()), "▁▁");
    assert_eq!([None, Some(0.0), Some(9.94), Some(9.96), Some(1234.5)].map(rate), ["-", "0.0", "9.9", "10", "1234"]);
}
