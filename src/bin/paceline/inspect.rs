//! `paceline inspect`: what a budget looks like in the store right now.

mod view;

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use paceline::{Config, RedisStore, Report};

use self::view::View;
use crate::{Failure, say, store};

/// Show what is used, in flight and free, who waits, and what cools down
#[derive(Args)]
pub struct Command {
    /// The budget [default: all of the configuration, or all that the Redis knows]
    budget: Option<String>,
    /// The partition of the budget, such as a tenant
    #[arg(long, requires = "budget")]
    key: Option<String>,
    /// The configuration with the budgets
    #[arg(long, value_name = "FILE", required_unless_present = "redis")]
    config: Option<PathBuf>,
    /// The Redis that holds them, instead of the configuration's
    #[arg(long, value_name = "URL", env = "PACELINE_REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
    /// Print a JSON array with one object for each budget
    #[arg(long)]
    json: bool,
}

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let reports = self.reports().await?;
        if self.json {
            say(serde_json::to_string_pretty(&reports)?);
        } else if reports.is_empty() {
            say("No budget is in use in this Redis.");
        } else {
            let width = console::Term::stdout().size_checked().map_or(View::USUAL_WIDTH, |(_, columns)| columns);
            let views: Vec<String> = reports.iter().map(|report| View::new(report, width).to_string()).collect();
            say(views.join("\n\n"));
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn reports(&self) -> Result<Vec<Report>, Failure> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        let store = RedisStore::connect(store::address(self.redis.as_deref(), config.as_ref())?).await?;
        let wanted: Vec<(String, Option<String>)> = match (&self.budget, &config) {
            (Some(name), Some(config)) => {
                vec![(store::budget(config, Some(name))?.name().to_owned(), self.key.clone())]
            }
            (Some(name), None) => vec![(name.clone(), self.key.clone())],
            (None, Some(config)) => config.budgets().map(|budget| (budget.name().to_owned(), None)).collect(),
            (None, None) => store.budgets().await?,
        };
        let mut reports = Vec::with_capacity(wanted.len());
        for (budget, key) in wanted {
            let report = store.inspect(&budget, key.as_deref()).await?;
            reports.push(report.unwrap_or_else(|| unused(budget, key)));
        }
        Ok(reports)
    }
}

/// A budget of which the store knows nothing: nobody uses it, or nobody has for so long that it makes no difference.
fn unused(budget: String, key: Option<String>) -> Report {
    Report { budget, key, limits: Vec::new(), sessions: Vec::new(), more_sessions: 0, settling_ms: None }
}
