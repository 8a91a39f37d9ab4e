//! The command line: its commands and the values that several of them share.

use std::{collections::HashSet, net::SocketAddr, time::Duration};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand, builder::Resettable};

use crate::{
    acquire, audit, check, completions, cool_down, demo, doctor, drain, exec, inspect, limit, list, man, page::Page,
    pause, plan, presets, provider, read, reset, resume, send, watch, why,
};

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

PACELINE_REDIS_URL gives the Redis, PACELINE_CONFIG the configuration of all commands but check; PACELINE_LOG (as in `PACELINE_LOG=debug`) turns on logs.
Exit code: each command's --help says it; of all it is 2 where the command line itself is wrong.";

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

/// Where to listen.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| "write an address of this machine and a port, as in 127.0.0.1:9464".into())
}

/// Of an option that may be given several times, each name has one value.
pub fn once<'a>(option: &str, names: impl IntoIterator<Item = &'a String>) -> Result<(), String> {
    let mut seen = HashSet::new();
    match names.into_iter().find(|name| !seen.insert(*name)) {
        Some(name) => Err(format!("{option} {name}=... is given twice; give it one value")),
        None => Ok(()),
    }
}

/// A unit and how much of it.
pub fn amount(text: &str) -> Result<(String, u64), String> {
    let wrong = || "write it as UNIT=N, with a whole number from 1".to_owned();
    let (unit, amount) = pair(text).ok().filter(|(unit, _)| !unit.is_empty()).ok_or_else(wrong)?;
    let amount = amount.parse().ok().filter(|amount| *amount > 0).ok_or_else(wrong)?;
    Ok((unit, amount))
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

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    const OPERATORS: [&str; 6] = ["|", "||", "&&", "<", ">", ">>"];

    /// A command and all below it that people see, each with its help after the options.
    fn helps(command: &clap::Command) -> Vec<(String, String)> {
        let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        let below = command.get_subcommands().filter(|command| !command.is_hide_set()).flat_map(helps);
        std::iter::once((command.get_name().to_owned(), help)).chain(below).collect()
    }

    /// The lines below "Examples", each that goes on in the next as one.
    fn examples(help: &str) -> Vec<String> {
        let whole: Vec<_> = help.split("\\\n").map(str::trim).collect();
        let whole = whole.join(" ");
        whole.lines().skip(1).take_while(|line| !line.is_empty()).map(str::to_owned).collect()
    }

    /// The words that a shell would give us, of each call of ours in a line; two blanks begin a remark.
    fn calls(example: &str) -> Vec<Vec<String>> {
        let ours = example.find("paceline ").map_or("", |at| &example[at..]);
        let command = ours.split("  ").next().unwrap_or_default();
        let mut words = vec![String::new()];
        for (number, part) in command.split('\'').enumerate() {
            let quoted = number % 2 == 1;
            for c in part.chars() {
                match words.last_mut() {
                    Some(word) if quoted || c != ' ' => word.push(c),
                    _ => words.push(String::new()),
                }
            }
        }
        let calls = words.split(|word| OPERATORS.contains(&word.as_str())).map(<[String]>::to_vec);
        calls.filter(|call| call[0] == "paceline").collect()
    }

    #[test]
    fn a_line_is_read_as_a_shell_reads_it() {
        let line = "A=1 paceline drain a --why 'new | key' && ./rotate && paceline resume a > b   why `paceline list`";
        let [drain, resume] = ["drain a --why", "resume a"].map(|call| call.split(' ').map(str::to_owned));
        let drain: Vec<_> = drain.chain(["new | key".to_owned()]).collect();
        let calls = calls(line);
        assert_eq!(calls.iter().map(|call| call[1..].to_vec()).collect::<Vec<_>>(), [drain, resume.collect()]);
    }

    #[test]
    fn the_help_of_each_command_has_examples_that_are_right_and_its_exit_codes() {
        let helps = helps(&Cli::command());
        assert!(helps.len() > 20 && helps.iter().any(|(name, _)| name == "show"), "{helps:?}");
        // Some leave out what the environment may say.
        let optional = |argument: clap::Arg| {
            let said = argument.get_env().is_some();
            if said { argument.required(false) } else { argument }
        };
        let cli = Cli::command().mut_subcommands(|command| command.mut_args(optional));
        for (name, help) in helps {
            assert!(help.starts_with("Examples"), "{name}: {help}");
            assert!(help.lines().any(|line| line.starts_with("Exit code")), "{name}: {help}");
            for example in examples(&help) {
                let calls = calls(&example);
                assert!(!calls.is_empty(), "{name}: {example}");
                for call in calls {
                    if let Err(why) = cli.clone().try_get_matches_from(&call) {
                        panic!("{name}: {example}\n{call:?}: {why}");
                    }
                }
            }
        }
    }
}
