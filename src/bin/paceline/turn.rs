//! A turn on a budget for something that is no request of ours: a shell script, a cron job, a command.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::ProgressBar;
use paceline::{Budget, Config, Limiter, Permit};

use crate::{Failure, args, calls::Calls, stop::Stop, store};

/// No turn came in time, and a later try may get one: EX_TEMPFAIL of sysexits.h, as mail and cron know it.
pub const NO_TURN: u8 = 75;
/// Stopped by a signal, as shells say it of Ctrl-C.
pub const STOPPED: u8 = 130;

#[derive(Args)]
pub struct Turn {
    /// The budget
    budget: String,
    /// The partition of the budget, such as a tenant
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    calls: Calls,
    /// How many such requests it stands for
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    cost: u64,
    /// The longest to wait for the turn [default: as long as it takes]
    #[arg(long, value_name = "TIME", value_parser = args::duration)]
    wait: Option<Duration>,
    /// The configuration with the budget
    #[arg(long, value_name = "FILE", env = "PACELINE_CONFIG")]
    config: PathBuf,
    /// The Redis that holds it, instead of the configuration's
    #[arg(long, value_name = "URL", env = "PACELINE_REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
}

/// What came of waiting.
pub enum Taken {
    Granted {
        permit: Permit,
        limiter: Limiter,
        waited: Duration,
    },
    /// No turn comes in time; the text says why, and what to do.
    TooLate(String),
    Stopped,
}

impl Turn {
    /// Waits for the turn. `hold` may change how long the units are held.
    pub async fn take(&self, hold: fn(Budget) -> Result<Budget, paceline::Error>) -> Result<Taken, Failure> {
        let config = Config::load(&self.config)?;
        let budget = hold(store::budget(&config, Some(&self.budget))?.clone())?;
        let kind = self.calls.on(&budget, config.preset(budget.name()))?;
        let redis = self.redis.as_deref().or(config.redis_url().map(|url| url.as_str()));
        let limiter = store::limiter(redis, &budget).await?;
        let limiter = match &self.key {
            Some(key) => limiter.for_key(key)?,
            None => limiter,
        };
        let limiter = kind.of(limiter)?;
        kind.takes(&limiter)?;
        let cost = kind.cost(self.cost);
        let start = Instant::now();
        // Shows itself on a terminal only.
        let progress =
            ProgressBar::new_spinner().with_message(format!("waiting for a turn on budget {}", budget.name()));
        progress.enable_steady_tick(Duration::from_millis(100));
        let stop = Stop::listen();
        let granted = async {
            match self.wait {
                Some(wait) => limiter.acquire_within(cost, wait).await,
                None => limiter.acquire(cost).await,
            }
        };
        let granted = tokio::select! {
            granted = granted => granted,
            () = stop.requested() => return Ok(Taken::Stopped),
        };
        progress.finish_and_clear();
        match granted {
            Ok(permit) => Ok(Taken::Granted { permit, limiter, waited: start.elapsed() }),
            Err(error) if error.is_too_late() => Ok(Taken::TooLate(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}
