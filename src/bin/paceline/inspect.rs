//! `paceline inspect`: what a budget looks like in the store right now.

pub mod view;

use std::process::ExitCode;

use clap::Args;
use paceline::Report;

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

With --config it also says whether the processes go by the limits of that file.

Exit code 0: all was shown, also of a budget that nobody uses. 1: the Redis or the configuration cannot be read, or has no such
budget, or several partitions are in use and none was named.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let opened = self.source.open().await?;
        let reports = self.reports(&opened).await?;
        if self.json {
            say(serde_json::to_string_pretty(&reports)?);
        } else if reports.is_empty() {
            say("No budget is in use in this Redis.");
        } else {
            let mut page = Page::new();
            for (number, report) in reports.iter().enumerate() {
                if number > 0 {
                    page.say("");
                }
                view::show(&mut page, report, opened.definition(&report.budget).as_deref());
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
            if report.is_none() && self.budget.is_some() {
                opened.note_what_is_in_use(&budget, key.as_deref()).await?;
            }
            // Nobody uses it, or nobody has for so long that it makes no difference.
            reports.push(report.unwrap_or_else(|| Report { budget, key, ..Report::default() }));
        }
        Ok(reports)
    }
}
