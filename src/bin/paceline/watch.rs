//! `paceline watch`: the budgets live, on the whole screen.

mod draw;
mod state;

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
    time::{Duration, Instant},
};

use clap::Args;
use crossterm::event::{Event, EventStream};
use futures_util::StreamExt;
use paceline::Report;
use ratatui::DefaultTerminal;

use self::state::{Name, State};
use crate::{
    Failure, args,
    source::{Opened, Source},
    stop::Stop,
};

/// Looks in quicker succession than people can read would only keep Redis busy.
const LEAST_EVERY: Duration = Duration::from_millis(100);
/// Between two looks at so many budgets that a look takes long, others have the Redis for so many times as long.
const REST: u32 = 9;
/// An age on the screen goes on while nothing else happens.
const TICK: Duration = Duration::from_secs(1);

/// Watch budgets live, on the whole screen: how busy, calls a second, who waits, what cools down
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// The budget to begin with [default: the list of all]
    budget: Option<String>,
    /// The partition of the budget, such as a tenant
    #[arg(long, requires = "budget")]
    key: Option<String>,
    /// How long to wait after a look for the next
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = every)]
    every: Duration,
    #[command(flatten)]
    source: Source,
}

const EXAMPLES: &str = "\
Examples:
  paceline watch --redis redis://127.0.0.1          all budgets, the busiest first
  paceline watch keap --config paceline.toml        one of them; esc shows all

Keys: up, down: select; enter, esc: into a budget and back; s: sort; p: hold the picture; ?: help; q: quit.
It only looks. While a budget fills the screen, the others are not looked at. NO_COLOR=1 leaves colours out.

Exit code 0: it was quit. 1: there is no terminal, or at the start no Redis or no such budget.";

fn every(text: &str) -> Result<Duration, String> {
    let every = args::duration(text)?;
    if every >= LEAST_EVERY { Ok(every) } else { Err("that is too quick to be read; 100ms is the least".into()) }
}

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        if !io::stdout().is_terminal() || std::env::var_os("TERM").is_some_and(|term| term == "dumb") {
            return Err("watch needs a terminal that it can draw on; `paceline list --json` is for programs".into());
        }
        let opened = self.source.open().await?;
        let open = match &self.budget {
            Some(budget) => Some((budget.clone(), opened.partition(budget, self.key.as_deref()).await?)),
            None => None,
        };
        let state = State::new(open);
        let stop = Stop::listen();
        let mut screen = Screen::open()?;
        self.watch(&opened, state, &mut screen.0, &stop).await?;
        Ok(ExitCode::SUCCESS)
    }

    async fn watch(
        &self,
        opened: &Opened,
        mut state: State,
        terminal: &mut DefaultTerminal,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let started = Instant::now();
        let mut events = EventStream::new();
        let mut tick = tokio::time::interval(TICK);
        let looking = look(opened, state.open.clone(), Duration::ZERO);
        tokio::pin!(looking);
        loop {
            terminal.draw(|frame| draw::screen(frame, &state, started.elapsed()))?;
            tokio::select! {
                () = stop.requested() => return Ok(()),
                event = events.next() => match event.transpose()? {
                    Some(Event::Key(key)) if key.is_press() => {
                        let was_held = state.held;
                        if state.press(key).is_break() {
                            return Ok(());
                        }
                        if was_held && !state.held {
                            // What was on its way since then is as old as the picture.
                            looking.set(look(opened, state.open.clone(), Duration::ZERO));
                        }
                    }
                    // Another size, as a rule: it is drawn anew.
                    Some(_) => {}
                    None => return Ok(()),
                },
                Look { asked, found, took } = &mut looking, if !state.held => {
                    let rest = if found.is_ok() { took * REST } else { Duration::ZERO };
                    match found {
                        Ok(reports) => state.take(&asked, reports, started.elapsed()),
                        Err(why) => state.fail(why.to_string()),
                    }
                    looking.set(look(opened, state.open.clone(), self.every.max(rest)));
                }
                _ = tick.tick() => {}
            }
        }
    }
}

/// What came of a look, at one budget or at all of them: by then something else may be asked for.
struct Look {
    asked: Option<Name>,
    found: Result<Vec<Report>, Failure>,
    took: Duration,
}

/// Looks after a while.
async fn look(opened: &Opened, asked: Option<Name>, after: Duration) -> Look {
    tokio::time::sleep(after).await;
    let start = Instant::now();
    let found = match &asked {
        Some((budget, key)) => one(opened, budget, key.as_deref()).await,
        None => all(opened).await,
    };
    Look { asked, found, took: start.elapsed() }
}

async fn one(opened: &Opened, budget: &str, key: Option<&str>) -> Result<Vec<Report>, Failure> {
    let report = opened.store.inspect(budget, key).await?;
    // Nobody uses it now, and somebody may later.
    let unused = || Report { budget: budget.into(), key: key.map(Into::into), ..Report::default() };
    Ok(vec![report.unwrap_or_else(unused)])
}

async fn all(opened: &Opened) -> Result<Vec<Report>, Failure> {
    opened.reports(opened.store.budgets().await?, || {}).await
}

/// The terminal while it is ours. However this ends, it is left as it was: a panic restores it before it speaks.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> io::Result<Self> {
        // What was changed before it failed is changed back.
        ratatui::try_init().map(Self).inspect_err(|_| ratatui::restore())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // A second time would set the cursor back to where it was before the panic's words.
        if !std::thread::panicking() {
            ratatui::restore();
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    #[ignore = "only in the terminal of the test below"]
    fn panics_on_the_screen() {
        let _screen = Screen::open().expect("a terminal");
        panic!("something broke");
    }

    #[test]
    fn a_panic_leaves_the_terminal_as_it_was_and_is_read_there() {
        let (mut pty, pts) = pty_process::blocking::open().expect("a terminal");
        let itself = std::env::current_exe().expect("this test");
        let script =
            r#""$0" --exact watch::tests::panics_on_the_screen --ignored --nocapture; echo "ended with $?"; stty -a"#;
        let shell = pty_process::blocking::Command::new("sh").args(["-c", script]).arg(itself).spawn(pts);
        let mut shown = Vec::new();
        // Ends with an error, when nobody has the terminal any more.
        let _ = pty.read_to_end(&mut shown);
        shell.expect("a shell").wait().expect("it ends");
        let shown = String::from_utf8_lossy(&shown);
        let place = |part: &str| shown.find(part).unwrap_or_else(|| panic!("{part}\n{shown}"));
        let (entered, left) = (place("\u{1b}[?1049h"), place("\u{1b}[?1049l"));
        assert!(entered < left && left < place("something broke") && left < place("ended with 101"), "{shown}");
        let settings: Vec<_> = shown[left..].split_whitespace().collect();
        assert!(["icanon", "echo", "isig"].iter().all(|setting| settings.contains(setting)), "{shown}");
    }
}
