//! `paceline check FILE`: says what is wrong with a configuration file, or what it means.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use paceline::{ArrivalWithin, Budget, Config, CountFrom, Mistake, OnStoreError};
use serde_json::json;

use crate::{page::Page, say, tell};

/// The file is wrong.
const WRONG: u8 = 1;
/// The file cannot be read.
const UNREADABLE: u8 = 2;

/// Say what is wrong with a configuration file, or what it means
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Check {
    /// The configuration file.
    file: PathBuf,
    /// Print one JSON object: file, ok, mistakes (each with line, column and message).
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline check paceline.toml
  paceline check paceline.toml --json | jq -r '.mistakes[].message'

Exit code 0: it is right. 1: it is wrong. 2: it cannot be read.";

impl Check {
    /// Exits with 0 when the file is right, 1 when it is wrong and 2 when it cannot be read.
    pub fn run(self) -> ExitCode {
        let text = match fs::read_to_string(&self.file) {
            Ok(text) => text,
            Err(why) => {
                let message = format!("the file cannot be read: {why}; check its path and permissions");
                if self.json {
                    self.print_json(&[json!({ "line": null, "column": null, "message": message })]);
                } else {
                    tell(format_args!("{}: {message}", self.file.display()));
                }
                return ExitCode::from(UNREADABLE);
            }
        };
        let folder = self.file.parent().unwrap_or(Path::new(""));
        match Config::parse_in(&text, folder).map_err(|errors| errors.in_file(&self.file)) {
            Ok(_) if self.json => self.print_json::<Mistake>(&[]),
            Ok(config) => {
                let mut page = Page::new();
                page.say(in_words(&config).trim_end());
                say(page);
            }
            Err(errors) => {
                if self.json {
                    self.print_json(errors.mistakes());
                } else {
                    tell(errors);
                }
                return ExitCode::from(WRONG);
            }
        }
        ExitCode::SUCCESS
    }

    fn print_json<T: serde::Serialize>(&self, mistakes: &[T]) {
        let file = self.file.to_string_lossy();
        let report = json!({ "file": file, "ok": mistakes.is_empty(), "mistakes": mistakes });
        say(report);
    }
}

fn in_words(config: &Config) -> String {
    let mut words = match config.redis_url() {
        Some(url) => format!("store: {url}\n"),
        None => "store: the memory of one process\n".to_owned(),
    };
    for budget in config.budgets() {
        // Writing to a string cannot fail.
        let preset =
            config.preset(budget.name()).map(|preset| format!("preset {}; ", preset.name())).unwrap_or_default();
        let _ = writeln!(words, "\nbudget {}: {preset}{}", budget.name(), settings(budget));
        for limit in budget.limits() {
            let _ = writeln!(words, "  {} ({}): {limit}", limit.name(), limit.kind().name());
        }
    }
    words
}

fn settings(budget: &Budget) -> String {
    let counted = match (budget.count_from(), budget.arrival_within()) {
        (CountFrom::Grant, _) => "counted from the grant".to_owned(),
        (CountFrom::Response, ArrivalWithin::Unbounded) => "counted from the response".to_owned(),
        (CountFrom::Response, ArrivalWithin::Limited(within)) => {
            format!("counted from the response, at the latest {} after the grant", humantime::format_duration(within))
        }
    };
    let unreachable = match budget.on_store_error() {
        OnStoreError::Allow => "sends uncounted",
        _ => "sends nothing",
    };
    let mut settings = vec![counted, format!("{unreachable} while the store cannot be reached")];
    if !budget.rtt_floor().is_zero() {
        settings.insert(
            1,
            format!("{} of each round trip are pure travel", humantime::format_duration(budget.rtt_floor())),
        );
    }
    settings.extend(budget.strangers().then(|| "expects others on the key".to_owned()));
    settings.extend(budget.metrics_by_key().then(|| "metrics name its partitions".to_owned()));
    settings.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_told_in_plain_words_without_its_password() {
        let text = "[redis]\nurl = 'redis://:hunter2@db'\n[budget.keap]\narrival_within = '1s'\nrtt_floor = '20ms'\n\
                    strangers = true\nmetrics_by_key = true\n\
                    limit = [{ name = 'open', kind = 'concurrency', quota = 3 }]";
        let want = "store: redis://***@db\n\n\
            budget keap: counted from the response, at the latest 1s after the grant; 20ms of each round trip are pure travel; \
            sends nothing while the store cannot be reached; expects others on the key; metrics name its partitions\n  \
            open (concurrency): at most 3 requests at a time\n";
        assert_eq!(in_words(&Config::parse(text).unwrap()), want);
    }
}
