//! `paceline audit`: what operators ordered.

use std::process::ExitCode;

use clap::Args;
use jiff::Timestamp;

use crate::{Failure, figures, page::Page, say, source::Source};

/// Show what operators ordered: who, from where, when, what and why
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// The budget [default: all]
    budget: Option<String>,
    /// The partition of the budget, such as a tenant
    #[arg(long, requires = "budget")]
    key: Option<String>,
    /// The last so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    last: u32,
    #[command(flatten)]
    source: Source,
    /// Print a JSON array with one object for each
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline audit --redis redis://127.0.0.1
  paceline audit keap --last 5 --json

Some thousand orders of each budget are kept, for 90 days after the last.

Exit code 0: all was shown, though it be none. 1: the Redis or the configuration cannot be read.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let opened = self.source.open().await?;
        let wanted = self.budget.as_deref().map(|budget| (budget, self.key.as_deref()));
        let orders = opened.store.audit(wanted, self.last as usize).await?;
        if let Some(budget) = self.budget.as_deref().filter(|_| orders.is_empty()) {
            opened.must_have(budget).await?;
        }
        if self.json {
            say(serde_json::to_string_pretty(&orders)?);
        } else if orders.is_empty() {
            say("Nothing was ordered.");
        } else {
            let rows = orders.into_iter().map(|order| {
                let when = Timestamp::from_millisecond(order.unix_ms as i64).unwrap_or_default();
                let name = figures::path(&order.budget, order.key.as_deref());
                vec![when.strftime("%Y-%m-%d %H:%M:%SZ").to_string(), name, order.order, order.who, order.why]
            });
            let mut page = Page::new();
            page.table(5, &["when", "budget", "order", "who", "why"], rows);
            say(page);
        }
        Ok(ExitCode::SUCCESS)
    }
}
