//! `paceline drain`: a pause, and the wait until nothing is in flight.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::ProgressBar;
use paceline::Order;
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::{
    Failure, args,
    figures::count,
    order::{self, Common},
    stop::Stop,
    tell,
    turn::STOPPED,
};

/// Pause a budget and wait until nothing of it is in flight, as before a change of keys
///
/// A request is in flight until its answer is in, but for `arrival_within` (500 ms by default) at most: by then the provider has
/// counted it, though a slow answer may still be out. Limits of places (`concurrency`) hold it to the end.
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

Exit code 0: nothing is in flight. 75: something still is after --timeout; 130: stopped. Then it stays paused.
1: it was not ordered, for what stands in the error, or since nobody confirmed it.";

const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A later try may find it drained: EX_TEMPFAIL of sysexits.h.
const NOT_YET: u8 = 75;

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let Self { common, timeout } = &self;
        let opened = common.source.open().await?;
        let order = Order::Pause { time: None };
        let meaning = "Nobody is granted anything until `paceline resume`; then we wait for what is in flight.";
        let Some(partitions) = common.order(&opened, &order, meaning).await? else { return Ok(ExitCode::FAILURE) };
        let names: Vec<_> = partitions.iter().map(|key| (common.budget.clone(), key.clone())).collect();
        let name = common.name(&partitions);
        let stop = Stop::listen();
        // Shows itself on a terminal only.
        let progress = ProgressBar::new_spinner();
        progress.enable_steady_tick(LOOK_EVERY);
        let end = Instant::now() + *timeout;
        loop {
            let reports = opened.reports(names.clone(), || ()).await?;
            let flying = order::flying(&reports);
            if flying == 0 {
                progress.finish_and_clear();
                let done = "drained; nothing is in flight. `paceline resume` lets it go on.";
                common.report(&order, &partitions, done, json!({ "drained": true }));
                return Ok(ExitCode::SUCCESS);
            }
            if Instant::now() >= end {
                progress.finish_and_clear();
                let sessions = reports.iter().flat_map(|report| &report.sessions);
                let holders: Vec<_> = sessions.filter(|s| s.held > 0).map(|s| s.process.to_string()).collect();
                let left = count(flying, "unit");
                let holders = holders.join(", ");
                tell(format_args!("error: budget {name}: {left} still in flight at {holders}; it stays paused"));
                if common.json {
                    common.report(&order, &partitions, "", json!({ "drained": false }));
                }
                return Ok(NOT_YET.into());
            }
            progress.set_message(format!("{} in flight", count(flying, "unit")));
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = stop.requested() => {
                    progress.finish_and_clear();
                    tell(format_args!("stopped; budget {name} stays paused, and `paceline resume` ends that"));
                    return Ok(STOPPED.into());
                }
            }
        }
    }
}
