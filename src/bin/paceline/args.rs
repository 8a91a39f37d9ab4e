//! The command line: its commands and the values that several of them share.

use std::time::Duration;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

use crate::{
    acquire, audit, check, completions, cool_down, demo, doctor, drain, exec, inspect, limit, list, man, page::Page,
    pause, plan, presets, provider, read, reset, resume, send, watch, why,
};

/// The most units that a limit can have.
pub const MAX_UNITS: u64 = (1 << 40) - 1;
/// The longest window that a rule or the demo takes.
const MAX_WINDOW: Duration = Duration::from_secs(86_400);

/// A help is no wider than this, or than the terminal.
const WIDEST: u16 = 100;

/// Processes that share one API key share one budget, and are never told 429.
#[derive(Parser)]
#[command(name = "paceline", version, max_term_width = WIDEST.into(), after_help = EXAMPLES)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

const EXAMPLES: &str = "\
Examples:
  paceline demo                                     four replicas share one key
  paceline send https://api.example.com/contacts \\
      --config paceline.toml --budget keap -n 500 -c 8
  paceline exec keap -- ./sync.sh                   when it is its turn
  paceline list                                     how busy each is, who waits
  paceline watch                                    the same live
  paceline inspect keap --config paceline.toml      what is used, and by whom
  paceline why keap --calls 5000                    which limit binds, how long
  paceline pause keap --why 'their maintenance'     until `paceline resume keap`
  paceline plan keap --calls 50000 --replicas 12    how long will it take?
  paceline check paceline.toml                      is this configuration right?
  paceline doctor --config paceline.toml            is this Redis set up right?
  paceline presets show keap                        what is known of a provider
  curl -si https://api.example.com | paceline read  what does it say of limits?

PACELINE_REDIS_URL gives the Redis, PACELINE_CONFIG the configuration of all commands but check; PACELINE_LOG (as in `PACELINE_LOG=debug`) turns on logs.";

#[derive(Subcommand)]
pub enum Command {
    Demo(demo::Command),
    Send(Box<send::Command>),
    Acquire(acquire::Command),
    Exec(exec::Command),
    List(list::Command),
    Watch(watch::Command),
    Inspect(inspect::Command),
    Why(why::Command),
    Pause(pause::Command),
    Resume(resume::Command),
    Drain(drain::Command),
    CoolDown(cool_down::Command),
    Limit(limit::Command),
    Reset(reset::Command),
    Audit(audit::Command),
    Plan(plan::Command),
    Check(check::Check),
    Doctor(doctor::Command),
    Presets(presets::Command),
    Read(read::Command),
    Completions(completions::Command),
    Man(man::Command),
    #[command(hide = true)]
    Provider(provider::Command),
}

impl Cli {
    /// What the person says, by arguments and by variables of the environment.
    pub fn heard() -> Self {
        let said = adapted(Self::command()).get_matches();
        Self::from_arg_matches(&said).unwrap_or_else(|error| error.format(&mut Self::command()).exit())
    }
}

/// To where we run: a variable that is empty says nothing, and what stands below a help fits the terminal with its indents, of
/// which clap knows nothing.
fn adapted(command: clap::Command) -> clap::Command {
    let is_empty = |arg: &clap::Arg| arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
    let command = command.mut_args(|arg| if is_empty(&arg) { arg.env(Resettable::Reset) } else { arg });
    let mut page = Page::of(WIDEST.min(Page::new().width().try_into().unwrap_or(WIDEST)));
    page.say(command.get_after_help().map(ToString::to_string).unwrap_or_default());
    command.after_help(page.to_string()).mut_subcommands(adapted)
}

/// A length of time, as in `30s`, `250ms` or `1m 30s`.
pub fn duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text.trim()).map_err(|why| format!("{why}; write it as in `30s` or `250ms`"))
}

/// A name and what it stands for.
pub fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
}

/// The length of a limit's window.
pub fn window(text: &str) -> Result<Duration, String> {
    let window = duration(text)?;
    if (Duration::from_millis(1)..=MAX_WINDOW).contains(&window) {
        Ok(window)
    } else {
        Err("a window lasts from 1ms to 1day".into())
    }
}
