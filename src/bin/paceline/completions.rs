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
Where to put it:
  bash        paceline completions bash > ~/.local/share/bash-completion/completions/paceline
  zsh         paceline completions zsh > ~/.zfunc/_paceline        with `fpath+=~/.zfunc` in .zshrc before compinit
  fish        paceline completions fish > ~/.config/fish/completions/paceline.fish
  elvish      paceline completions elvish >> ~/.config/elvish/rc.elv
  powershell  paceline completions powershell >> $PROFILE";

impl Command {
    pub fn run(self) -> Result<ExitCode, Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut visible(&Cli::command()), "paceline", &mut script);
        say(String::from_utf8(script)?.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}

/// The command line without its hidden commands, which clap_complete would show.
fn visible(cli: &clap::Command) -> clap::Command {
    let shown = cli.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
    clap::Command::new("paceline").version(env!("CARGO_PKG_VERSION")).subcommands(shown)
}
