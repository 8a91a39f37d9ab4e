//! `paceline doctor`: whether a Redis is set up so that the promises hold.

mod access;
mod finding;
mod info;
mod memory;
mod ours;
mod report;
mod server;
mod wire;

use std::process::ExitCode;

use clap::Args;
use paceline::{Config, Survey};

use self::{finding::Finding, info::Info, report::Report};
use crate::{Failure, page::Page, say, source::Source};

/// Something does not hold.
const BROKEN: u8 = 1;
/// The Redis, or the configuration that names it, cannot be looked at.
const OUT_OF_REACH: u8 = 2;

/// Look whether a Redis is set up as it should be: what was seen, why it matters, and its mend
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    source: Source,
    /// Print one JSON object: redis, status, error, findings (each with check, status, seen, why, mend)
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline doctor --config paceline.toml               as your program's user: are its rights enough?
  PACELINE_REDIS_URL=$OPERATORS_URL paceline doctor     as one who may see settings, keys and the slow log
  paceline doctor --json | jq '.findings[] | select(.status == \"broken\")'

It changes nothing and holds nobody up. A check is ok, a warning, broken, or unknown where this user may not look.
Exit code 0: nothing is broken; 1: something is; 2: the Redis or the configuration cannot be looked at.";

impl Command {
    pub async fn run(self) -> ExitCode {
        match self.report().await {
            Ok(report) => {
                if self.json {
                    say(report.json());
                } else {
                    let mut page = Page::new();
                    report.show(&mut page);
                    say(page);
                }
                if report.is_broken() { ExitCode::from(BROKEN) } else { ExitCode::SUCCESS }
            }
            Err(failure) => {
                if self.json {
                    say(Report::failed(&failure));
                } else {
                    crate::tell(format_args!("error: {failure}"));
                }
                ExitCode::from(OUT_OF_REACH)
            }
        }
    }

    async fn report(&self) -> Result<Report, Failure> {
        let (config, url) = self.source.read()?;
        let survey = Survey::connect(&url).await?;
        let findings = look(&survey, config.as_ref()).await?;
        // What it would not tell and what it could not look alike: one that is gone by now told too little.
        survey.answers().await?;
        Ok(Report { redis: survey.place().to_owned(), findings })
    }
}

async fn look(survey: &Survey, config: Option<&Config>) -> Result<Vec<Finding>, Failure> {
    let info = Info(survey.info().await);
    Ok(vec![
        server::version(&info),
        server::role(&info),
        server::cluster(&info),
        memory::eviction(&info),
        memory::room(&info),
        server::persistence(&info, survey, config).await,
        server::replication(&info, survey).await,
        ours::rights(survey.missing_rights().await?),
        ours::orders(survey.missing_for_orders().await?),
        access::access(survey).await,
        wire::connections(&info, survey).await,
        wire::times(survey, config).await,
        ours::scripts(&info, survey).await,
        ours::slow(survey.slow_scripts().await),
        ours::keys(survey.keys().await),
    ]
    .into_iter()
    .flatten()
    .collect())
}
