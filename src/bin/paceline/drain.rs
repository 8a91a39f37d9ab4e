//! `paceline drain`: a pause, and the wait until nothing is in flight.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use indicatif::ProgressBar;
use paceline::{Order, Report};
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
1: it was not ordered, for what stands in the error, or since nobody confirmed it; or it was resumed or forgotten meanwhile,\nor Redis was away at the end.";

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
        let stopped = || {
            progress.finish_and_clear();
            tell(format_args!("stopped; budget {name} stays paused, and `paceline resume` ends that"));
            Ok(STOPPED.into())
        };
        let end = Instant::now() + *timeout;
        loop {
            let looks = tokio::select! {
                looks = opened.looks(names.clone(), || ()) => looks,
                () = stop.requested() => return stopped(),
            };
            let is_late = Instant::now() >= end;
            match looks {
                Ok(looks) => {
                    let reports: Vec<_> = looks.into_iter().filter_map(|(_, _, report)| report).collect();
                    if reports.iter().filter(|report| report.paused.is_some()).count() < names.len() {
                        progress.finish_and_clear();
                        let gone = "was resumed by somebody, or this Redis lost its memory, and the pause with it";
                        return Err(format!("budget {name}: it {gone}; it is not drained").into());
                    }
                    let flying = order::flying(&reports);
                    if flying == 0 {
                        progress.finish_and_clear();
                        let done = "drained; nothing is in flight. `paceline resume` lets it go on.";
                        common.report(&order, &partitions, done, json!({ "drained": true }));
                        return Ok(ExitCode::SUCCESS);
                    }
                    if is_late {
                        progress.finish_and_clear();
                        let left = in_flight(flying, &reports);
                        tell(format_args!("error: budget {name}: {left}; it stays paused"));
                        if common.json {
                            common.report(&order, &partitions, "", json!({ "drained": false }));
                        }
                        return Ok(NOT_YET.into());
                    }
                    progress.set_message(format!("{} in flight", count(flying, "unit")));
                }
                Err(why) if is_late => {
                    progress.finish_and_clear();
                    let pause = "it was paused, and stays so unless this Redis lost its memory";
                    return Err(format!("budget {name}: what is in flight is not known: {why}; {pause}").into());
                }
                // It may be back in time.
                Err(why) => progress.set_message(format!("trying again: {why}")),
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = stop.requested() => return stopped(),
            }
        }
    }
}

/// What is still out, and who holds it.
fn in_flight(flying: u64, reports: &[Report]) -> String {
    let sessions = reports.iter().flat_map(|report| &report.sessions);
    let holders: Vec<_> = sessions.filter(|s| s.held > 0).map(|s| s.process.to_string()).collect();
    let at = match &holders[..] {
        [] => "though no session that is open holds it".to_owned(),
        holders => format!("at {}", holders.join(", ")),
    };
    format!("{} still in flight {at}", count(flying, "unit"))
}

#[cfg(test)]
mod tests {
    use paceline::{Process, SessionReport};

    use super::*;

    #[test]
    fn it_names_who_holds_what_is_in_flight_if_that_is_known() {
        let process = Process { host: "web-1".into(), pid: 12, ..Process::default() };
        let (id, since_ms, lease_ms, calls) = ("a.1".to_owned(), 1, 1, 1);
        let session = SessionReport { id, process, since_ms, lease_ms, calls, held: 2, waiting: 0, turn_in_ms: None };
        let report = Report { sessions: vec![session], ..Report::default() };
        assert_eq!(in_flight(2, &[report]), "2 units still in flight at web-1 (process 12)");
        assert_eq!(in_flight(1, &[]), "1 unit still in flight though no session that is open holds it");
    }
}
