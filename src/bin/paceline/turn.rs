//! A turn on a budget for something that is no request of ours: a shell script, a cron job, a command.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::ProgressBar;
use paceline::{Budget, Config, Cost, Error, Event, Limiter, Permit};

use crate::{Failure, args, calls::Calls, figures, stop::Stop, store, tell};

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
        let Some(granted) = self.wait_for(&limiter, cost, &progress).await else { return Ok(Taken::Stopped) };
        progress.finish_and_clear();
        match granted {
            Ok(permit) => Ok(Taken::Granted { permit, limiter, waited: start.elapsed() }),
            Err(error) if error.is_too_late() => match unreachable(&limiter).await {
                Some(gone) => Err(gone.into()),
                None => Ok(Taken::TooLate(error.to_string())),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// What comes of waiting; `None`: it was stopped. Whoever waits for a store that is away hears that.
    async fn wait_for(&self, limiter: &Limiter, cost: Cost, progress: &ProgressBar) -> Option<Result<Permit, Error>> {
        let stop = Stop::listen();
        let mut events = limiter.events();
        let granted = async {
            match self.wait {
                Some(wait) => limiter.acquire_within(cost, wait).await,
                None => limiter.acquire(cost).await,
            }
        };
        tokio::pin!(granted);
        loop {
            tokio::select! {
                biased;
                granted = &mut granted => return Some(granted),
                () = stop.requested() => return None,
                Ok(event) = events.recv() => progress.suspend(|| note(&event)),
            }
        }
    }
}

fn note(event: &Event) {
    match event {
        Event::StoreLost { error, .. } => tell(format_args!("note: this waits until the store is back: {error}")),
        Event::StoreBack { after, .. } => {
            tell(format_args!("note: the store is back after {}", figures::time(after.as_millis() as u64)));
        }
        _ => {}
    }
}

/// A store that fell silent shortly before the deadline was not missed yet: then it is the reason, and no limit.
async fn unreachable(limiter: &Limiter) -> Option<Error> {
    limiter.inspect().await.err().filter(Error::is_store)
}
