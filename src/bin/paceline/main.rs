//! The `paceline` command: one file for each of its commands.

mod args;
mod check;
mod demo;
mod inspect;
mod metrics;
mod presets;
mod provider;
mod read;
mod send;
mod stop;
mod store;

use std::{
    fmt,
    io::{self, Write},
    process::ExitCode,
};

use clap::Parser;

/// Why a command could not do its work, as a sentence for the person who ran it.
type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::from_env("PACELINE_LOG");
    let colors = console::colors_enabled_stderr();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colors).init();
    // Fails only if one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();

    let done = match args::Cli::parse().command {
        args::Command::Demo(command) => command.run().await,
        args::Command::Send(command) => command.run().await,
        args::Command::Inspect(command) => command.run().await,
        args::Command::Check(command) => Ok(command.run()),
        args::Command::Read(command) => command.run(),
        args::Command::Presets(command) => command.run(),
        args::Command::Provider(command) => command.run().await,
    };
    done.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        ExitCode::FAILURE
    })
}

/// Prints a line for the person or the program that reads our output. That it may have stopped reading (`| head`) is no
/// reason to panic, as `println!` would.
fn say(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}
