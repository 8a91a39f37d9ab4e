//! `paceline man`: the manual pages.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, CommandFactory, builder::Resettable};
use clap_mangen::{
    Man,
    roff::{Roff, roman},
};

use crate::{Failure, args::Cli, say};

/// Print the manual page, or write one for each command into a folder
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// Write a page for each command into this folder, which must exist, instead
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  paceline man | man -l -                           read it
  paceline man --dir /usr/local/share/man/man1      install all pages: `man paceline-send`

Exit code 0: it was printed or written. 1: it could not be.";

impl Command {
    pub fn run(self) -> Result<ExitCode, Failure> {
        // There is no page for it.
        let mut cli = Cli::command().disable_help_subcommand(true);
        cli.build();
        match self.dir {
            Some(dir) => {
                write(&cli, &dir).map_err(|why| format!("cannot write the pages into {}: {why}", dir.display()))?
            }
            None => say(String::from_utf8(page(&cli)?.1)?.trim_end()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// A page for a command, and one for each command in it.
fn write(command: &clap::Command, dir: &Path) -> io::Result<()> {
    let (name, text) = page(command)?;
    fs::write(dir.join(name), text)?;
    command.get_subcommands().filter(|command| !command.is_hide_set()).try_for_each(|command| write(command, dir))
}

/// The name of a page, and its text.
fn page(command: &clap::Command) -> io::Result<(String, Vec<u8>)> {
    let after_help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    // It would come as running text, in which a command cannot be told from what is said of it.
    let man = Man::new(command.clone().after_help(Resettable::Reset));
    let mut text = Vec::new();
    man.render(&mut text)?;
    sections(&after_help).to_writer(&mut text)?;
    Ok((man.get_filename(), text))
}

/// What stands at the end of a help, with its examples line by line.
fn sections(after_help: &str) -> Roff {
    let mut roff = Roff::new();
    for part in after_help.split("\n\n").filter(|part| !part.is_empty()) {
        match part.strip_prefix("Examples:\n") {
            Some(examples) => {
                roff.control("SH", ["EXAMPLES"]).control("nf", []);
                for line in examples.lines() {
                    roff.text([roman(line.strip_prefix("  ").unwrap_or(line))]);
                }
                roff.control("fi", []);
            }
            None => {
                roff.control("SH", [if part.starts_with("Exit code") { "EXIT STATUS" } else { "NOTES" }]);
                for line in part.lines() {
                    roff.text([roman(line)]);
                }
            }
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_stay_lines_and_the_rest_is_text() {
        let text =
            sections("Examples:\n  paceline list\n  .hidden 'x'  why\n\nExit code 0: done.\n\nIt only looks.").render();
        let (_, text) = text.split_once(".SH EXAMPLES\n").expect("there are examples");
        let expected = ".nf\npaceline list\n\\&.hidden \\*(Aqx\\*(Aq  why\n.fi\n\
                        .SH \"EXIT STATUS\"\nExit code 0: done.\n.SH NOTES\nIt only looks.\n";
        assert_eq!(text, expected);
    }
}
