//! `paceline drain`: a pause, and the wait until nothing is in flight.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::ProgressBar;
use paceline::Order;
use tokio::time::{Instant, sleep};

use crate::{Failure, args, figures::count, order::Common};

/// Pause a budget and wait until nothing of it is in flight, as before a change of keys
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    common: Common,
    /// Give up waiting after this; the pause stays
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = args::duration)]
    timeout: Duration,
}

const EXAMPLES: &str = "\
Examples:
  paceline drain keap --why 'new API key' && ./rotate-key.sh && paceline resume keap --yes

Exit code 0: nothing is in flight. 75: something still is after --timeout.";

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A later try may find it drained: EX_TEMPFAIL of sysexits.h.
const NOT_YET: u8 = 75;

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let Self { common, timeout } = &self;
        let opened = common.source.open().await?;
        let order = Order::Pause { time: None };
        let meaning = "Nobody is granted anything until `paceline resume`; then we wait for what is in flight.";
        if !common.order(&opened, &order, meaning).await? {
            return Ok(ExitCode::FAILURE);
        }
        let budget = &common.budget;
        // Shows itself on a terminal only.
        let progress = ProgressBar::new_spinner();
        progress.enable_steady_tick(LOOK_EVERY);
        let end = Instant::now() + *timeout;
        loop {
            let report = opened.store.inspect(budget, common.key.as_deref()).await?.unwrap_or_default();
            let flying = report.limits.iter().map(|limit| limit.in_flight).max().unwrap_or(0);
            if flying == 0 {
                progress.finish_and_clear();
                common.report(&order, "drained; nothing is in flight. `paceline resume` lets it go on.");
                return Ok(ExitCode::SUCCESS);
            }
            if Instant::now() >= end {
                progress.finish_and_clear();
                let holders: Vec<_> =
                    report.sessions.iter().filter(|s| s.held > 0).map(|s| s.process.to_string()).collect();
                let left = count(flying, "unit");
                crate::tell(format_args!("error: {left} still in flight at {}; it stays paused", holders.join(", ")));
                return Ok(NOT_YET.into());
            }
            progress.set_message(format!("{} in flight", count(flying, "unit")));
            sleep(LOOK_EVERY).await;
        }
    }
}
