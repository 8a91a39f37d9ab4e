//! `paceline man`: the manual pages.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory};
use clap_mangen::Man;

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
        let cli = Cli::command().disable_help_subcommand(true);
        if let Some(dir) = self.dir {
            let failed = |why| format!("cannot write the pages into {}: {why}", dir.display());
            clap_mangen::generate_to(cli, &dir).map_err(failed)?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut page = Vec::new();
        Man::new(cli).render(&mut page)?;
        say(String::from_utf8(page)?.trim_end());
        Ok(ExitCode::SUCCESS)
    }
}
