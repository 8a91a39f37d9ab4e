//! `paceline why`: which limit binds, who is ahead, and how long a call would wait.

mod answer;

use std::process::ExitCode;

use clap::Args;
use paceline::{LimitReport, Limiter, MemoryStore};

use self::answer::{Answer, Taken};
use crate::{
    Failure,
    calls::{Calls, Kind},
    page::Page,
    say,
    source::{Opened, Source},
};

/// Say why a call waits: which limit binds, who is ahead, and how long 1, 100 or N calls would take
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// The budget
    budget: String,
    /// The partition of the budget, such as a tenant
    #[arg(long)]
    key: Option<String>,
    /// Say also how long so many calls of one process would take
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    calls: Option<u64>,
    #[command(flatten)]
    kind: Calls,
    #[command(flatten)]
    source: Source,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline why keap --redis redis://127.0.0.1
  paceline why keap --config paceline.toml --calls 5000      how long would 5000 more calls take now?
  paceline why api --config paceline.toml --scope endpoint=/reports --tier S     calls that other limits concern, too

Exit code 0: a call would go at once. 3: it would wait. 1: the Redis or the configuration cannot be read, or
has no such budget, or several partitions are in use and none was named.";

/// A call would wait, for scripts that only want to know that.
const WOULD_WAIT: u8 = 3;

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let opened = self.source.open().await?;
        let budget = &self.budget;
        let key = opened.partition(budget, self.key.as_deref()).await?;
        let mut calls = vec![1, 100];
        calls.extend(self.calls.filter(|n| !calls.contains(n)));
        let report = opened.store.inspect(budget, key.as_deref()).await?;
        if report.is_none() && !opened.note_partitions(budget, key.as_deref()).await? {
            opened.note_others().await?;
        }
        let mut report = report.unwrap_or_default();
        let configured = self.configured(&opened).await?;
        let taken: Vec<Taken> = configured.iter().map(|(limit, units)| (limit.name.clone(), *units)).collect();
        let known: Vec<_> = report.limits.iter().map(|limit| limit.name.clone()).collect();
        let unused = configured.into_iter().map(|(limit, _)| limit).filter(|limit| !known.contains(&limit.name));
        report.limits.extend(unused);
        let answer = Answer::of(budget, key.as_deref(), report, &calls, &taken, self.kind.are_told_apart());
        if self.json {
            say(serde_json::to_string_pretty(&answer)?);
        } else {
            let mut page = Page::new();
            answer.show(&mut page);
            say(page);
        }
        Ok(if answer.goes_at_once() { ExitCode::SUCCESS } else { WOULD_WAIT.into() })
    }

    /// The limits of the configuration that concern such calls, as they are where nobody uses them (the store forgets such
    /// limits), and how much of each a call takes.
    async fn configured(&self, opened: &Opened) -> Result<Vec<(LimitReport, u64)>, Failure> {
        let config = opened.config.as_ref();
        let Some(budget) = config.and_then(|config| config.budget(&self.budget)) else {
            return match self.kind.are_told_apart() {
                true => Err(format!(
                    "which limits of budget {} concern such calls is known from its configuration; give the --config that \
                     has it",
                    self.budget
                )
                .into()),
                false => Ok(Vec::new()),
            };
        };
        let kind = self.kind.on(budget, config.and_then(|config| config.preset(budget.name())))?;
        let limiter = kind.of(Limiter::new(MemoryStore::new(), budget.clone()))?;
        if self.kind.are_told_apart() {
            kind.takes(&limiter)?;
        }
        unused(&limiter, &kind).await
    }
}

/// The limits that such a call takes from, free. Tried in a memory of our own.
async fn unused(limiter: &Limiter, kind: &Kind) -> Result<Vec<(LimitReport, u64)>, Failure> {
    let takes = kind.takes_of(limiter);
    let units = |limit: &LimitReport| {
        // NAME, NAME@VALUE, or NAME@TIER@VALUE.
        let name = limit.name.split('@').next();
        takes.iter().find(|(limit, _)| Some(limit.name()) == name).map_or(0, |(_, units)| *units)
    };
    let taken = limiter.try_acquire(kind.cost(1)).await?;
    let report = limiter.inspect().await?.unwrap_or_default();
    drop(taken);
    let free = |limit: LimitReport| {
        let units = units(&limit);
        (LimitReport { used: 0, in_flight: 0, free: limit.quota, ..limit }, units)
    };
    Ok(report.limits.into_iter().map(free).collect())
}
