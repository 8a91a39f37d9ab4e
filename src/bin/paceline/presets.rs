//! `paceline presets`: which providers are known, and what is known of each.

mod shown;

use std::{path::Path, process::ExitCode};

use clap::{Args, Subcommand};
use paceline::Preset;
use serde_json::json;

use self::shown::Shown;
use crate::{Failure, page::Page, say};

/// List the shipped presets, or show one: its limits, headers and sources
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
pub struct Command {
    #[command(subcommand)]
    what: Option<What>,
    /// Print a JSON array: name, about, read
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline presets
  paceline presets show keap
  paceline presets show keap --toml > mine.toml      to start your own with

Exit code 0: it was shown. 1: there is no such preset, or the file is wrong.";

const OF_ONE: &str = "\
Examples:
  paceline presets show keap
  paceline presets show ./mine.toml                  is it right, and what does it say?
  paceline presets show keap --json | jq .limits

Exit code 0: it was shown. 1: there is no such preset, or the file is wrong.";

#[derive(Subcommand)]
enum What {
    /// Show one preset: variables, limits, headers, sources and what these leave open
    Show(Show),
}

#[derive(Args)]
#[command(after_help = OF_ONE)]
struct Show {
    /// A shipped preset, or the file of your own, which is checked
    #[arg(value_name = "NAME_OR_FILE")]
    preset: String,
    /// Print a JSON object
    #[arg(long, conflicts_with = "toml")]
    json: bool,
    /// Print the file itself, to start your own with
    #[arg(long)]
    toml: bool,
}

impl Command {
    pub fn run(self) -> Result<ExitCode, Failure> {
        match self.what {
            Some(What::Show(show)) => show.run()?,
            None => list(self.json),
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Show {
    fn run(self) -> Result<(), Failure> {
        let preset = find(&self.preset)?;
        if self.toml {
            say(preset.text().trim_end());
            return Ok(());
        }
        let shown = Shown::new(&preset)?;
        if self.json {
            say(serde_json::to_string_pretty(&shown.json())?)
        } else {
            let mut page = Page::new();
            page.say(shown.to_string().trim_end());
            say(page);
        }
        Ok(())
    }
}

fn list(as_json: bool) {
    let presets: Vec<_> = Preset::names().filter_map(Preset::named).collect();
    if as_json {
        let each = |preset: &Preset| json!({ "name": preset.name(), "about": preset.about(), "read": preset.read() });
        say(json!(presets.iter().map(each).collect::<Vec<_>>()));
        return;
    }
    let mut page = Page::new();
    page.table(2, &["preset", "what it is"], presets.iter().map(|p| vec![p.name().to_owned(), p.about().to_owned()]));
    page.say("`paceline presets show NAME` shows one");
    say(page);
}

/// As in a configuration: what has a slash or ends in `.toml` is a file.
pub fn find(preset: &str) -> Result<Preset, Failure> {
    if preset.contains('/') || Path::new(preset).extension().is_some_and(|extension| extension == "toml") {
        return Ok(Preset::load(preset)?);
    }
    Preset::named(preset).ok_or_else(|| {
        let names = Preset::names().collect::<Vec<_>>().join(", ");
        format!("there is no preset {preset:?}; write {names}, or a file as in ./mine.toml").into()
    })
}
