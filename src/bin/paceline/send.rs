//! `paceline send`: a polite load generator, a way to drain a backlog, and what the demo starts as its replicas.

mod job;
mod pace;
mod tally;
mod target;

use std::{path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use paceline::Config;

pub use self::{
    job::Job,
    pace::Pace,
    tally::{Summary, Waits},
    target::Target,
};
use crate::{Failure, args, provider::REPLICA_HEADER, say, stop::Stop, store};

/// Send requests, each when the budget has room for it
#[derive(Args)]
pub struct Command {
    /// Where to send to
    url: String,
    /// The configuration with the budget
    #[arg(long, value_name = "FILE", required_unless_present = "naive")]
    config: Option<PathBuf>,
    /// The budget to keep to; may be left out if there is only one
    #[arg(long, value_name = "NAME")]
    budget: Option<String>,
    /// The partition of the budget, such as a tenant
    #[arg(long)]
    key: Option<String>,
    /// Ask for these limits only, those of one route; without it, for all that apply, or for those of the preset's route
    #[arg(long, value_name = "LIMIT,...", value_delimiter = ',')]
    only: Vec<String>,
    /// The Redis that holds the budget, instead of the configuration's
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// How many calls to send, all callers together [default: no end, with --duration]
    #[arg(short, value_name = "N", required_unless_present = "duration", value_parser = clap::value_parser!(u64).range(1..))]
    number: Option<u64>,
    /// How many callers send at the same time
    #[arg(short, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=MAX_CALLERS))]
    callers: u32,
    /// Stop after this long
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    duration: Option<Duration>,
    /// The longest that a call may wait for its turn
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = args::duration)]
    wait: Duration,
    /// The longest that an answer may take
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = args::duration)]
    timeout: Duration,
    /// The method of the calls
    #[arg(long, default_value = "GET")]
    method: String,
    /// A header, `name: value`; may be given several times, and its value is never printed
    #[arg(long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// The body of the calls
    #[arg(long, value_name = "TEXT")]
    body: Option<String>,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
    /// Without paceline: each caller sleeps this long between its calls
    #[arg(long, value_name = "SLEEP", hide = true, value_parser = args::duration, conflicts_with = "config")]
    naive: Option<Duration>,
    /// As a replica of the demo: tells the provider this name, reports every wait, ends when standard input closes
    #[arg(long, value_name = "NAME", hide = true)]
    replica: Option<String>,
}

/// More callers than this wait for sockets rather than for their turn.
const MAX_CALLERS: i64 = 10_000;

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let stop = Stop::listen();
        if self.replica.is_some() {
            stop.when_stdin_closes();
        }
        let target = self.target()?;
        let job = Job {
            pace: tokio::select! {
                pace = self.pace(&target) => pace?,
                () = stop.requested() => return Err("stopped before the first call".into()),
            },
            target,
            callers: self.callers,
            number: self.number,
            duration: self.duration,
            progress: self.progress(),
        };
        let summary = job.run(&stop).await;
        match (self.json, self.replica.is_some()) {
            (false, _) => say(&summary),
            (true, false) => say(summary.json()),
            (true, true) => say(summary.json_with_waits()),
        }
        Ok(if summary.is_complete(self.number) { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Drawn on a terminal only: in a pipe indicatif keeps quiet by itself.
    fn progress(&self) -> ProgressBar {
        let (bar, template) = match self.number {
            Some(number) => (ProgressBar::new(number), "{bar:40} {pos} of {len} calls, {eta} to go"),
            None => (ProgressBar::no_length(), "{spinner} {pos} calls in {elapsed}"),
        };
        bar.with_style(ProgressStyle::with_template(template).expect("the template is a literal"))
    }

    fn target(&self) -> Result<Target, Failure> {
        let replica = self.replica.iter().map(|name| format!("{REPLICA_HEADER}: {name}"));
        let headers: Vec<String> = self.headers.iter().cloned().chain(replica).collect();
        Target::new(&self.method, &self.url, &headers, self.body.clone(), self.timeout)
    }

    async fn pace(&self, target: &Target) -> Result<Pace, Failure> {
        if let Some(sleep) = self.naive {
            return Ok(Pace::Alone { sleep });
        }
        let config = Config::load(self.config.as_deref().ok_or("say which configuration with --config")?)?;
        let budget = store::budget(&config, self.budget.as_deref())?;
        let limiter = store::limiter(self.redis.as_deref(), &config, budget).await?;
        let limiter = match &self.key {
            Some(key) => limiter.for_key(key)?,
            None => limiter,
        };
        let only: Vec<&str> = self.only.iter().map(String::as_str).collect();
        if !only.is_empty() {
            return Ok(Pace::Together { limiter: limiter.only(&only)?, cost: 1.into(), wait: self.wait });
        }
        let (limiter, cost) = match config.preset(budget.name()).map(|preset| target.route(preset)) {
            Some(route) => (limiter.on(&route)?, route.cost().clone()),
            None => (limiter, 1.into()),
        };
        Ok(Pace::Together { limiter, cost, wait: self.wait })
    }
}
