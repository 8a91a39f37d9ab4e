//! `paceline plan`: how long so many calls will take, tried in virtual time.

mod fleet;
mod outcome;
mod upstream;

use std::{path::PathBuf, process::ExitCode, thread};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use paceline::{Config, Limiter, MemoryStore};
use serde_json::json;

use self::{
    fleet::{Fleet, Load, Pace},
    outcome::Outcome,
};
use crate::{Failure, calls::Calls, page::Page, provider::Delay, say, store};

/// Try how long so many calls will take, with the real engine in virtual time
///
/// Replicas and callers run on the store in memory, against a provider with exactly the limits of the budget that concern the
/// calls; a year passes in seconds.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    /// The budget
    budget: String,
    /// How many calls
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    calls: u64,
    #[command(flatten)]
    kind: Calls,
    /// How many replicas share them
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    replicas: u32,
    /// How many callers of each replica send at the same time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
    callers: u32,
    /// From the sending of a call to its answer
    #[arg(long, value_name = "LEAST..MOST", default_value = "20ms..200ms")]
    latency: Delay,
    /// Try it also with replicas that pace themselves, each as if it were alone
    #[arg(long)]
    compare: bool,
    /// The configuration with the budget
    #[arg(long, value_name = "FILE", env = "PACELINE_CONFIG")]
    config: PathBuf,
    /// What chance begins with: the same gives the same plan
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline plan keap --config paceline.toml --calls 50000
  paceline plan keap --calls 50000 --replicas 12 --latency 20ms..200ms --compare
  paceline plan klaviyo --calls 50000 --route 'GET /api/campaigns'     its preset knows which limits that comes to
  paceline plan keap --calls 10000000 --json | jq .paceline.takes_s

Needs no Redis. More than 200000 calls are tried up to that number, and the rest goes on at the pace of the latter half.

Exit code 0: it was planned. 1: the configuration is wrong or has no such budget, or no limit would apply.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let config = Config::load(&self.config)?;
        let budget = store::budget(&config, Some(&self.budget))?.clone();
        let kind = self.kind.on(&budget, config.preset(budget.name()))?;
        let takes = kind.takes(&kind.of(Limiter::new(MemoryStore::new(), budget.clone()))?)?;
        let load = Load { budget, kind, takes };
        let together = self.try_out(&load, Pace::Together)?;
        let alone = match self.compare {
            true => Some(self.try_out(&load, Pace::alone(&load, self.callers))?),
            false => None,
        };
        if self.json {
            let Self { calls, replicas, callers, latency, .. } = &self;
            say(serde_json::to_string_pretty(&json!({
                "budget": load.budget.name(), "calls": calls, "replicas": replicas, "callers": callers,
                "latency": latency.to_string(), "paceline": together, "alone": alone,
            }))?);
        } else {
            let mut page = Page::new();
            outcome::show(&mut page, &together, alone.as_ref(), &load.takes);
            say(page);
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Runs the fleet on a thread of its own, in whose runtime time only passes when all wait.
    fn try_out(&self, load: &Load, pace: Pace) -> Result<Outcome, Failure> {
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} calls").expect("the template is a literal");
        let fleet = Fleet {
            load: load.clone(),
            calls: self.calls.min(fleet::MOST_TRIED),
            replicas: self.replicas,
            callers: self.callers,
            latency: self.latency,
            pace,
            progress: ProgressBar::new(self.calls.min(fleet::MOST_TRIED)).with_style(style),
        };
        let (seed, calls) = (self.seed, self.calls);
        let thread = thread::spawn(move || -> Result<Outcome, Failure> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()?;
            // Draws of chance belong to the thread, and so does everything here.
            fastrand::seed(seed);
            let tried = runtime.block_on(fleet.run())?;
            Ok(tried.outcome(calls))
        });
        thread.join().map_err(|_| "the trial ended too early; please report it")?
    }
}
