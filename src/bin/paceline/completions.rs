//! `paceline completions`: what a shell needs to complete our command lines.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::{Failure, args::Cli, say};

/// Print a shell's completions, for its folder of completions
#[derive(Args)]
#[command(after_help = PLACES)]
pub struct Command {
    /// The shell
    shell: Shell,
}

const PLACES: &str = "\
Examples, and where each goes:
  bash        paceline completions bash > ~/.local/share/bash-completion/completions/paceline
  zsh         paceline completions zsh > ~/.zfunc/_paceline        with `fpath+=~/.zfunc` in .zshrc before compinit
  fish        paceline completions fish > ~/.config/fish/completions/paceline.fish
  elvish      paceline completions elvish >> ~/.config/elvish/rc.elv
  powershell  paceline completions powershell >> $PROFILE

Exit code 0: it was printed. 1: it could not be written.";

impl Command {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(
            self.shell,
            &mut visible(&Cli::command()).version(env!("CARGO_PKG_VERSION")),
            "paceline",
            &mut script,
        );
        say(String::from_utf8(script)?.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}

/// A command without its hidden commands and options, which clap_complete would show.
fn visible(command: &clap::Command) -> clap::Command {
    let arguments = command.get_arguments().filter(|argument| !argument.is_hide_set()).cloned();
    let commands = command.get_subcommands().filter(|command| !command.is_hide_set()).map(visible);
    let shown = clap::Command::new(command.get_name().to_owned()).args(arguments).subcommands(commands);
    match command.get_about() {
        Some(about) => shown.about(about.clone()),
        None => shown,
    }
}
