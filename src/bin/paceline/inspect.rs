//! `paceline inspect`: what a budget looks like in the store right now.

mod drift;
pub mod view;

use std::{cmp::Reverse, process::ExitCode};

use clap::Args;
use paceline::{Budget, Report};
use serde::Serialize;

use self::drift::Drift;
use crate::{
    Failure,
    page::Page,
    say,
    source::{Opened, Source},
};

/// Show what is used, in flight and free, who waits, and what cools down
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// The budget [default: all of the configuration, or all that the Redis knows]
    budget: Option<String>,
    /// The partition of the budget, such as a tenant
    #[arg(long, requires = "budget")]
    key: Option<String>,
    #[command(flatten)]
    source: Source,
    /// Print a JSON array with one object for each budget
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline inspect keap --redis redis://127.0.0.1       limits, cooldown and sessions of one budget
  paceline inspect keap --key tenant-7 --config paceline.toml
  paceline inspect keap --json | jq '.[0].sessions | sort_by(-.held) | .[0]'

With --config it also says whether the processes go by the limits of that file, and which of them have other numbers.

Exit code 0: all was shown, also of a budget that nobody uses. 1: the Redis or the configuration cannot be read, or has no such
budget, or several partitions are in use and none was named.";

/// The most sessions that are listed.
const LISTED: usize = 200;

/// A report, those sessions first that spend or wait most, and what all of them go by.
#[derive(Serialize)]
struct Inspected {
    #[serde(flatten)]
    report: Report,
    #[serde(flatten)]
    drift: Drift,
}

impl Inspected {
    fn of(mut report: Report, configured: Option<&Budget>) -> Self {
        let drift = Drift::of(&report, configured);
        report.sessions.sort_by_key(|session| Reverse(session.calls + session.waiting));
        report.more_sessions += report.sessions.len().saturating_sub(LISTED) as u64;
        report.sessions.truncate(LISTED);
        Self { report, drift }
    }
}

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let opened = self.source.open().await?;
        let mut all = Vec::new();
        for report in self.reports(&opened).await? {
            let configured = opened.config.as_ref().and_then(|config| config.budget(&report.budget));
            all.push(Inspected::of(report, configured));
        }
        if self.json {
            say(serde_json::to_string_pretty(&all)?);
        } else if all.is_empty() {
            say("No budget is in use in this Redis.");
        } else {
            let mut page = Page::new();
            for (number, Inspected { report, drift }) in all.iter().enumerate() {
                if number > 0 {
                    page.say("");
                }
                view::show(&mut page, report, drift);
            }
            say(page);
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn reports(&self, opened: &Opened) -> Result<Vec<Report>, Failure> {
        let wanted: Vec<(String, Option<String>)> = match (&self.budget, &opened.config) {
            (Some(name), _) => {
                vec![(name.clone(), opened.partition(name, self.key.as_deref()).await?)]
            }
            (None, Some(config)) => config.budgets().map(|budget| (budget.name().to_owned(), None)).collect(),
            (None, None) => opened.store.budgets().await?,
        };
        let mut reports = Vec::new();
        for (budget, key, report) in opened.looks(wanted, || ()).await? {
            let unused = report.is_none() && !opened.note_partitions(&budget, key.as_deref()).await?;
            if unused && self.budget.is_some() {
                opened.note_others().await?;
            }
            // Nobody uses it, or nobody has for so long that it makes no difference.
            reports.push(report.unwrap_or_else(|| Report { budget, key, ..Report::default() }));
        }
        Ok(reports)
    }
}
