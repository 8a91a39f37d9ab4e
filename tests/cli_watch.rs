//! `paceline watch`: the real binary on a real terminal and a real Redis.
#![cfg(all(feature = "cli", unix))]

mod support;

use std::{
    fs,
    io::{Read, Write},
    num::NonZero,
    process::{Child, Command},
    sync::{Arc, Condvar, Mutex},
    thread,
    time::Duration,
};

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use pty_process::{Size, blocking::Pty};
use support::RedisServer;
use tempfile::TempDir;
use vt100::{Color, Parser, Screen};

/// Generous: it is waited for in vain only if something is broken.
const PATIENCE: Duration = Duration::from_secs(30);
/// Ends with what the terminal looks like to the next program.
const SCRIPT: &str = r#"sh -c 'echo $$ > "$0" && exec "$@"' "$@"; echo "ended with $?"; stty -a"#;

/// A terminal in which a shell runs `paceline watch`, and what is on its screen.
struct Terminal {
    pty: Arc<Pty>,
    shell: Child,
    shown: Arc<(Mutex<Parser>, Condvar)>,
    folder: TempDir,
}

impl Terminal {
    fn open(server: &RedisServer, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let (pty, pts) = pty_process::blocking::open().unwrap();
        pty.resize(Size::new(24, 80)).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let shell = pty_process::blocking::Command::new("sh")
            .args(["-c", SCRIPT, "sh"])
            .arg(folder.path().join("pid"))
            .args([env!("CARGO_BIN_EXE_paceline"), "watch", "--every", "100ms"])
            .args(arguments)
            .env("PACELINE_REDIS_URL", server.url())
            .env("TERM", "xterm-256color")
            .env_remove("PACELINE_CONFIG")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .spawn(pts)
            .unwrap();
        let pty = Arc::new(pty);
        let shown = Arc::new((Mutex::new(Parser::new(whole(24), whole(80), 0)), Condvar::new()));
        thread::spawn({
            let (pty, shown) = (Arc::clone(&pty), Arc::clone(&shown));
            move || {
                let mut buffer = [0; 4096];
                // An error: the last program on this terminal has ended.
                while let Ok(n) = (&*pty).read(&mut buffer) {
                    shown.0.lock().unwrap().process(&buffer[..n]);
                    shown.1.notify_all();
                }
            }
        });
        Self { pty, shell, shown, folder }
    }

    /// Waits until the screen is as it should be.
    #[track_caller]
    fn until(&self, what: &str, holds: impl Fn(&Screen) -> bool) {
        let parser = self.shown.0.lock().unwrap();
        let (parser, result) =
            self.shown.1.wait_timeout_while(parser, PATIENCE, |parser| !holds(parser.screen())).unwrap();
        assert!(!result.timed_out(), "{what}:\n{}", parser.screen().contents());
    }

    #[track_caller]
    fn until_shown(&self, parts: &[&str]) {
        self.until(&format!("{parts:?}"), |screen| parts.iter().all(|part| screen.contents().contains(part)));
    }

    /// The whole screen, but for what differs from run to run.
    #[track_caller]
    fn assert_screen(&self, name: &str) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path("cli_watch/snapshots");
        settings.set_prepend_module_to_snapshot(false);
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        if !host.trim().is_empty() {
            settings.add_filter(&format!(r"\b{}\b", host.trim()), "HOST");
        }
        settings.add_filter(&format!(r"\b{}\b", std::process::id()), "PID");
        settings.add_filter(r"\b\d+(\.\d+)? (ms|s)\b", "TIME");
        settings.add_filter(r"\b\d+(ms|s|m|h)( \d+(ms|s|m))?\b", "TIME");
        settings.add_filter("▁+", "▁");
        settings.add_filter(r"(?m) +$", "");
        settings.add_filter(r"  +", "  ");
        let contents = self.shown.0.lock().unwrap().screen().contents();
        settings.bind(|| insta::assert_snapshot!(name, contents));
    }

    fn press(&self, keys: &str) {
        (&*self.pty).write_all(keys.as_bytes()).unwrap();
    }

    fn resize(&self, rows: u16, columns: u16) {
        self.shown.0.lock().unwrap().screen_mut().set_size(whole(rows), whole(columns));
        self.pty.resize(Size::new(rows, columns)).unwrap();
    }

    fn signal(&self, name: &str) {
        let id = fs::read_to_string(self.folder.path().join("pid")).unwrap();
        assert!(Command::new("kill").args([name, id.trim()]).status().unwrap().success());
    }

    /// It has ended, and the terminal is as it was before.
    #[track_caller]
    fn until_restored(mut self) {
        // The last lines of `stty -a` say what raw mode takes away.
        self.until_shown(&["ended with 0", " icanon", " echo "]);
        self.until("left", |screen| !screen.alternate_screen() && !screen.hide_cursor());
        assert!(self.shell.wait().unwrap().success());
    }
}

/// Three an hour, all of which are out, and a place for ten at a time.
async fn limiter(server: &RedisServer) -> Limiter {
    let budget = Budget::builder("keap")
        .limit(Limit::sliding_window("hour", Quota::per_hour(3)))
        .limit(Limit::concurrency("open", 10))
        .build()
        .unwrap();
    Limiter::new(RedisStore::connect_trusting(server.url()).await.unwrap(), budget)
}

#[tokio::test(flavor = "multi_thread")]
async fn budgets_are_watched_and_keys_work() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let held = (limiter.acquire(3).await.unwrap(), limiter.for_key("tenant-7").unwrap().acquire(1).await.unwrap());
    let terminal = Terminal::open(&server, &[], &[]);
    terminal.until_shown(&["2 budgets, the busiest first", "> keap ", " keap/tenant-7", "3 of 3", "q quit"]);
    terminal.until("there are colours", |screen| colours(screen) > 0);
    // By then calls that are on their way for longer than `arrival_within` count as used.
    let held_still = |taken: &str, name: &str| {
        terminal.until_shown(&[" 0.0 ", taken]);
        terminal.press("p");
        terminal.until_shown(&["picture held, "]);
        terminal.assert_screen(name);
        terminal.press("p");
        terminal.until("goes on", |screen| !screen.contents().contains("picture held"));
    };
    held_still(" ████░", "budgets");
    terminal.press("s");
    terminal.until_shown(&["most callers waiting first"]);
    terminal.press("sss");
    terminal.until_shown(&["the busiest first"]);
    terminal.press("j");
    terminal.until_shown(&["> keap/tenant-7"]);
    terminal.press("\r");
    terminal.until_shown(&["budget keap, key tenant-7", "1 of 3", "open", &std::process::id().to_string()]);
    held_still(" ████░", "budget");
    terminal.press("\u{1b}");
    terminal.until_shown(&["2 budgets"]);
    // The arrow up, as terminals send it.
    terminal.press("\u{1b}[A");
    terminal.until_shown(&["> keap "]);
    terminal.press("?");
    terminal.until_shown(&["any key closes this"]);
    terminal.press("x");
    terminal.until("closed", |screen| !screen.contents().contains("any key closes this"));
    terminal.press("p");
    terminal.until_shown(&["picture held, ", "(the limiter goes on)"]);
    let more = limiter.for_key("tenant-8").unwrap().acquire(1).await.unwrap();
    terminal.press(" ");
    terminal.until_shown(&["3 budgets", "keap/tenant-8"]);
    terminal.resize(15, 60);
    terminal.until("narrow", |screen| {
        let lines: Vec<_> = screen.rows(0, 60).collect();
        lines[0].contains("3 budgets") && lines[14].contains("q quit")
    });
    terminal.resize(24, 80);
    terminal.press("q");
    terminal.until_restored();
    drop((held, more));
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_leave_the_terminal_as_it_was() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let held = limiter.acquire(1).await.unwrap();
    for end in ["-TERM", "-INT", "\u{3}"] {
        let terminal = Terminal::open(&server, &["keap"], &[("NO_COLOR", "1")]);
        terminal.until_shown(&["budget keap", "1 of 3"]);
        terminal.until("on a screen of its own, without colours", |screen| {
            screen.alternate_screen() && screen.hide_cursor() && colours(screen) == 0
        });
        if end.starts_with('-') {
            terminal.signal(end)
        } else {
            terminal.press(end)
        }
        terminal.until_restored();
    }
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_picture_stays_while_redis_is_away() {
    let mut server = RedisServer::own();
    let limiter = limiter(&server).await;
    let held = limiter.acquire(3).await.unwrap();
    let terminal = Terminal::open(&server, &[], &[]);
    terminal.until_shown(&["> keap ", "3 of 3"]);
    server.kill();
    terminal.until_shown(&["> keap ", "3 of 3", " old, trying again: "]);
    server.restart_empty();
    terminal.until("it is back", |screen| !screen.contents().contains("trying again"));
    terminal.press("q");
    terminal.until_restored();
    drop(held);
}

#[test]
fn without_a_terminal_it_says_what_is_for_programs() {
    let server = RedisServer::own();
    let output =
        Command::new(env!("CARGO_BIN_EXE_paceline")).args(["watch", "--redis", server.url()]).output().unwrap();
    let said = "error: watch needs a terminal that it can draw on; `paceline list --json` is for programs";
    assert_eq!((String::from_utf8_lossy(&output.stderr).trim(), output.status.code()), (said, Some(1)));
    assert!(output.stdout.is_empty());
    let dumb = Terminal::open(&server, &[], &[("TERM", "dumb")]);
    dumb.until_shown(&["`paceline list --json` is for", "ended with 1"]);
    dumb.until("nothing was drawn", |screen| !screen.alternate_screen());
    let hasty = ["watch", "--every", "1ms", "--redis", server.url()];
    let output = Command::new(env!("CARGO_BIN_EXE_paceline")).args(hasty).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("100ms is the least"));
}

fn whole(cells: u16) -> NonZero<u16> {
    NonZero::new(cells).unwrap()
}

/// Cells that are not in the terminal's own colours.
fn colours(screen: &Screen) -> usize {
    let (rows, columns) = (screen.size().0.get(), screen.size().1.get());
    let cells = (0..rows).flat_map(|row| (0..columns).filter_map(move |column| screen.cell(row, column)));
    cells.filter(|cell| cell.fgcolor() != Color::Default || cell.bgcolor() != Color::Default).count()
}
