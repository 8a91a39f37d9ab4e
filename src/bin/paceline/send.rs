//! `paceline send`: a polite load generator, a way to drain a backlog, and what the demo starts as its replicas.

mod job;
mod pace;
mod tally;
mod target;
mod wire;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use paceline::{Budget, Config, Pacer, Preset};

pub use self::{
    job::Job,
    pace::Pace,
    tally::{Summary, Waits},
    target::Target,
};
use crate::{Failure, args, calls::Concern, metrics, presets, provider::REPLICA_HEADER, say, stop::Stop, store};

/// Send requests, each when the budget has room for it
#[derive(Args)]
#[command(after_help = EXAMPLES, group = clap::ArgGroup::new("end").args(["number", "duration"]).required(true).multiple(true))]
pub struct Command {
    /// Where to send to
    url: String,
    /// The configuration with the budget [env: PACELINE_CONFIG]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Without a configuration: a preset, or the file of one
    #[arg(long, value_name = "NAME_OR_FILE", conflicts_with = "config")]
    preset: Option<String>,
    /// A variable of the preset; may be given several times
    #[arg(long = "var", value_name = "NAME=VALUE", requires = "preset", value_parser = args::pair)]
    vars: Vec<(String, String)>,
    /// The budget to keep to; may be left out if there is only one. With --preset: its name [default: the preset's]
    #[arg(long, value_name = "NAME")]
    budget: Option<String>,
    /// The partition of the budget, such as a tenant
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    concern: Concern,
    /// Ask for these limits only, those of one route; without it, for all that apply, or for those of the preset's route
    #[arg(long, value_name = "LIMIT,...", value_delimiter = ',')]
    only: Vec<String>,
    /// The Redis that holds the budget, instead of the configuration's [env: PACELINE_REDIS_URL]
    #[arg(long, value_name = "URL")]
    redis: Option<String>,
    /// How many calls to send, all callers together [default: no end, with --duration]
    #[arg(short, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
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
    /// How often a call that is told "not now" is sent in all, if it may be sent again; 1: never again
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=MAX_TRIES))]
    tries: u32,
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
    /// Serve metrics for Prometheus at http://ADDR/metrics while it runs, as in 127.0.0.1:9464
    #[arg(long, value_name = "ADDR", env = "PACELINE_METRICS", value_parser = args::address)]
    metrics: Option<SocketAddr>,
    /// Without paceline: each caller sleeps this long between its calls
    #[arg(long, value_name = "SLEEP", hide = true, value_parser = args::duration, conflicts_with_all = ["config", "preset"])]
    naive: Option<Duration>,
    /// As a replica of the demo: tells the provider this name, reports every wait, ends when standard input closes
    #[arg(long, value_name = "NAME", hide = true)]
    replica: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  paceline send https://api.example.com/contacts \\
      --config paceline.toml --budget keap -n 500 -c 8
  paceline send https://api.example.com/contacts \\
      --preset keap --var credential=oauth -n 500 --redis redis://127.0.0.1
  paceline send https://slack.com/api/chat.postMessage --method POST \\
      --preset slack --scope channel=C024BE91L -n 20
  paceline send http://127.0.0.1:8080 --config paceline.toml \\
      --duration 1m -c 4 --json | jq .wait_ms

Exit code 0: every call was sent and in the end answered below 400. 1: not every one, or it was stopped; it reports all the same.";

/// More callers than this wait for sockets rather than for their turn.
const MAX_CALLERS: i64 = 10_000;
/// What is told "not now" so often is better looked into.
const MAX_TRIES: i64 = 100;
/// As for a configuration.
const REDIS_VARIABLE: &str = "PACELINE_REDIS_URL";
/// Not by clap: it is set for all commands, so that beside --preset it is no contradiction, as --config is.
const CONFIG_VARIABLE: &str = "PACELINE_CONFIG";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let stop = Stop::listen();
        if self.replica.is_some() {
            stop.when_stdin_closes();
        }
        let target = self.target()?;
        // Before there is a limiter.
        if let Some(address) = self.metrics {
            metrics::serve(address).await?;
        }
        let job = Job {
            pace: tokio::select! {
                pace = self.pace() => pace?,
                () = stop.requested() => return Err("stopped before the first call".into()),
            },
            target,
            callers: self.callers,
            number: self.number,
            duration: self.duration,
            progress: self.progress(),
        };
        let (summary, refusal) = job.run(&stop).await;
        match (self.json, self.replica.is_some()) {
            (false, _) => say(&summary),
            (true, false) => say(summary.json()),
            (true, true) => say(summary.json_with_waits()),
        }
        if let Some(refusal) = refusal {
            return Err(refusal.into());
        }
        // Of an open number of calls nobody knows what the time that was left would have come to.
        let is_cut_short = self.number.is_none() && stop.is_requested();
        let is_complete = summary.is_complete(self.number) && !is_cut_short;
        Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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

    async fn pace(&self) -> Result<Pace, Failure> {
        if let Some(sleep) = self.naive {
            return Ok(Pace::Alone { sleep });
        }
        let (budget, preset, redis) = self.budget()?;
        let limiter = store::limiter(redis.as_deref(), &budget).await?;
        let limiter = match &self.key {
            Some(key) => limiter.for_key(key)?,
            None => limiter,
        };
        let limiter = self.concern.of(limiter)?;
        let only: Vec<&str> = self.only.iter().map(String::as_str).collect();
        let pacer = match (only.is_empty(), preset) {
            (true, None) => Pacer::new(limiter.clone()),
            (true, Some(preset)) => Pacer::new(limiter.clone()).preset(preset),
            // Which limits is said by hand; what the provider says is read all the same.
            (false, preset) => {
                let pacer = Pacer::new(limiter.only(&only)?);
                preset.map(|preset| pacer.clone().dialect(preset.dialect().clone())).unwrap_or(pacer)
            }
        };
        Ok(Pace::Together { pacer: Box::new(pacer.wait(self.wait).tries(self.tries)), limiter })
    }

    /// The budget, the preset that it is of, and the Redis that holds it.
    fn budget(&self) -> Result<(Budget, Option<Preset>, Option<String>), Failure> {
        if let Some(preset) = &self.preset {
            let preset = presets::find(preset)?;
            args::once("--var", self.vars.iter().map(|(name, _)| name))?;
            let vars: Vec<_> = self.vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let budget = preset.budget(self.budget.as_deref().unwrap_or(preset.name()), &vars)?.build()?;
            return Ok((budget, Some(preset), self.redis.clone().or_else(|| usual(REDIS_VARIABLE))));
        }
        let config = self.config.clone().or_else(|| usual(CONFIG_VARIABLE).map(PathBuf::from));
        let config = config.ok_or("say which configuration with --config (or PACELINE_CONFIG), or which --preset")?;
        let config = Config::load(config)?;
        let budget = store::budget(&config, self.budget.as_deref())?;
        let redis = self.redis.clone().or_else(|| config.redis_url().map(|url| url.as_str().to_owned()));
        Ok((budget.clone(), config.preset(budget.name()).cloned(), redis))
    }
}

/// What the environment says, if anything.
fn usual(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|text| !text.is_empty())
}
