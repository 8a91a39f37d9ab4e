//! The `paceline` command: one file for each of its commands.

mod acquire;
mod args;
mod audit;
mod calls;
mod check;
mod completions;
mod cool_down;
mod demo;
mod doctor;
mod drain;
mod exec;
mod figures;
mod inspect;
mod limit;
mod list;
mod man;
mod metrics;
mod order;
mod page;
mod pause;
mod plan;
mod presets;
mod provider;
mod read;
mod reset;
mod resume;
mod send;
mod source;
mod stop;
mod store;
mod turn;
mod watch;
mod why;

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
    sync::OnceLock,
};

/// Why a command could not do its work, as a sentence for the person who ran it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_env("PACELINE_LOG");
    let colors = console::colors_enabled_stderr();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colors).init();
    // Fails only if one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let done = match args::Cli::heard().command {
        args::Command::Demo(command) => command.run().await,
        args::Command::Send(command) => command.run().await,
        args::Command::Acquire(command) => command.run().await,
        args::Command::Exec(command) => command.run().await,
        args::Command::List(command) => command.run().await,
        args::Command::Watch(command) => command.run().await,
        args::Command::Inspect(command) => command.run().await,
        args::Command::Why(command) => command.run().await,
        args::Command::Pause(command) => command.run().await,
        args::Command::Resume(command) => command.run().await,
        args::Command::Drain(command) => command.run().await,
        args::Command::CoolDown(command) => command.run().await,
        args::Command::Limit(command) => command.run().await,
        args::Command::Reset(command) => command.run().await,
        args::Command::Audit(command) => command.run().await,
        args::Command::Plan(command) => command.run().await,
        args::Command::Check(command) => Ok(command.run()),
        args::Command::Doctor(command) => Ok(command.run().await),
        args::Command::Read(command) => command.run(),
        args::Command::Presets(command) => command.run(),
        args::Command::Completions(command) => command.run(),
        args::Command::Man(command) => command.run(),
        args::Command::Provider(command) => command.run().await,
    };
    let code = done.unwrap_or_else(|failure| {
        tell(format_args!("error: {failure}"));
        ExitCode::FAILURE
    });
    match UNWRITTEN.get() {
        Some(why) => {
            tell(format_args!("error: the output could not be written: {why}"));
            ExitCode::FAILURE
        }
        None => code,
    }
}

/// Why output could not be written: whoever reads what there is must not take it for all, so the command fails.
static UNWRITTEN: OnceLock<io::Error> = OnceLock::new();

/// What a terminal would take for a command stands as what it is: names come from whoever may use the Redis.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(c),
            c if c.is_control() => shown.extend(c.escape_default()),
            c => shown.push(c),
        }
    }
    shown
}

/// Prints a line for the person or the program that reads our output. That it may have stopped reading (`| head`) is no
/// failure, and no reason to panic, as `println!` would.
fn say(line: impl fmt::Display) {
    if let Err(why) = writeln!(io::stdout(), "{}", visible(&line.to_string())).and_then(|()| io::stdout().flush())
        && why.kind() != io::ErrorKind::BrokenPipe
    {
        let _ = UNWRITTEN.set(why);
    }
}

/// The same for what is said beside the output, of which nobody could be told.
fn tell(line: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "{}", visible(&line.to_string()));
}
