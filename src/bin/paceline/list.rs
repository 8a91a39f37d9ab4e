//! `paceline list`: every budget and partition of a Redis, a line each.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use indicatif::ProgressBar;
use paceline::{LimitReport, Report};
use serde::Serialize;

use crate::{
    Failure, figures,
    page::Page,
    say,
    source::{Opened, Source},
};

/// List every budget and partition in a Redis: the busiest limit, who waits, cooldowns, sessions, last use
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// Only budgets and partitions whose name contains this
    filter: Option<String>,
    /// Which come first
    #[arg(long, value_enum, default_value_t)]
    sort: Order,
    /// Print so many at most, 0 for all [default: 40, with --json all]
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    #[command(flatten)]
    source: Source,
    /// Print a JSON array with one object for each
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline list --redis redis://127.0.0.1           who is busiest
  paceline list tenant- --sort waiting --top 5      where callers wait, of the tenants
  paceline list --json | jq '.[] | select(.cooldown_ms)'

Exit code 0: all was shown, though it be none. 1: the Redis or the configuration cannot be read.";

/// More lines than this are rather filtered than read.
const SCREEN: usize = 40;

#[derive(Clone, Copy, Default, PartialEq, ValueEnum)]
enum Order {
    /// Those first that have the least left
    #[default]
    Busiest,
    /// Those first for which most callers wait
    Waiting,
    /// Those first that most processes use
    Sessions,
    /// Those first that were used last
    LastUse,
    /// By name
    Name,
}

/// One budget, or one partition of it, in short.
#[derive(Serialize)]
struct Summary {
    budget: String,
    key: Option<String>,
    /// None where nothing is in use.
    busiest: Option<Busiest>,
    /// Callers that wait.
    waiting: u64,
    /// The longest that nobody may send.
    cooldown_ms: Option<u64>,
    /// An operator has paused it.
    paused: bool,
    sessions: u64,
    idle_ms: u64,
}

/// The limit of which the least is left.
#[derive(Serialize)]
pub struct Busiest {
    pub limit: String,
    pub used: u64,
    pub in_flight: u64,
    pub quota: u64,
}

impl Busiest {
    pub fn of(report: &Report) -> Option<Self> {
        report.limits.iter().map(Self::limit).max_by(|a, b| a.share().total_cmp(&b.share()))
    }

    fn limit(limit: &LimitReport) -> Self {
        let (used, in_flight, quota) = (limit.used, limit.in_flight, limit.quota);
        Self { limit: limit.name.clone(), used, in_flight, quota }
    }

    pub fn share(&self) -> f64 {
        (self.used + self.in_flight) as f64 / self.quota.max(1) as f64
    }
}

/// How little is left: nothing at all where nobody may send.
pub fn pressure(is_halted: bool, busiest: Option<&Busiest>) -> f64 {
    if is_halted { f64::INFINITY } else { busiest.map_or(0.0, Busiest::share) }
}

impl Summary {
    fn of(report: Report) -> Self {
        Self {
            busiest: Busiest::of(&report),
            waiting: report.waiting,
            cooldown_ms: report.limits.iter().filter_map(|limit| limit.cooldown_ms).max(),
            paused: report.paused.is_some(),
            sessions: report.sessions.len() as u64 + report.more_sessions,
            idle_ms: report.idle_ms,
            budget: report.budget,
            key: report.key,
        }
    }

    fn pressure(&self) -> f64 {
        pressure(self.paused || self.cooldown_ms.is_some(), self.busiest.as_ref())
    }

    fn row(&self) -> Vec<String> {
        let (limit, taken) = match &self.busiest {
            Some(b) => (b.limit.clone(), format!("{} of {}", b.used + b.in_flight, b.quota)),
            None => Default::default(),
        };
        vec![
            figures::path(&self.budget, self.key.as_deref()),
            limit,
            taken,
            self.waiting.to_string(),
            if self.paused { "paused".into() } else { figures::maybe_time(self.cooldown_ms) },
            self.sessions.to_string(),
            // One that was only paused has not been used.
            self.busiest.as_ref().map_or("-".into(), |_| figures::time(self.idle_ms)),
        ]
    }
}

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let mut all = self.summaries(&self.source.open().await?).await?;
        let by = self.sort;
        // Equal ones by name, so that a list can be laid beside the last one.
        all.sort_by(|a, b| (&a.budget, &a.key).cmp(&(&b.budget, &b.key)));
        match by {
            Order::Busiest => all.sort_by(|a, b| b.pressure().total_cmp(&a.pressure())),
            Order::Waiting => all.sort_by_key(|s| std::cmp::Reverse(s.waiting)),
            Order::Sessions => all.sort_by_key(|s| std::cmp::Reverse(s.sessions)),
            Order::LastUse => all.sort_by_key(|s| s.idle_ms),
            Order::Name => {}
        }
        let known = all.len();
        let top = self.top.unwrap_or(if self.json { 0 } else { SCREEN });
        if top > 0 {
            all.truncate(top);
        }
        if self.json {
            say(serde_json::to_string_pretty(&all)?);
            return Ok(ExitCode::SUCCESS);
        }
        if all.is_empty() {
            say(match &self.filter {
                Some(filter) => format!("No budget whose name contains {filter} is in use in this Redis."),
                None => "No budget is in use in this Redis.".to_owned(),
            });
            return Ok(ExitCode::SUCCESS);
        }
        let header = ["budget", "busiest limit", "taken", "waiting", "cools", "sessions", "used ago"];
        let mut page = Page::new();
        page.table(2, &header, all.iter().map(Summary::row));
        if known > all.len() {
            page.say(format_args!("and {} more; --top 0 lists all of them", known - all.len()));
        }
        say(page);
        Ok(ExitCode::SUCCESS)
    }

    async fn summaries(&self, opened: &Opened) -> Result<Vec<Summary>, Failure> {
        let mut names = opened.store.budgets().await?;
        if let Some(filter) = &self.filter {
            names.retain(|(budget, key)| {
                budget.contains(filter) || key.as_ref().is_some_and(|key| key.contains(filter))
            });
        }
        // Shows itself on a terminal only.
        let progress = ProgressBar::new(names.len() as u64);
        let reports = opened.reports(names, || progress.inc(1)).await?;
        progress.finish_and_clear();
        Ok(reports.into_iter().map(Summary::of).collect())
    }
}
