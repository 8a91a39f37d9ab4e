//! `paceline limit`: another quota for a while, or the configured one again.

use std::{process::ExitCode, time::Duration};

use clap::{ArgGroup, Args};
use paceline::Order;

use crate::{Failure, args, order::Common};

/// Give a limit another quota for a while, in the whole fleet
///
/// After that time the configured one holds again by itself, with --end at once. The order wins over the configuration of every
/// process.
#[derive(Args)]
#[command(
    after_help = EXAMPLES,
    group = ArgGroup::new("units").args(["quota", "end"]).required(true).multiple(true),
    group = ArgGroup::new("until").args(["time", "end"]).required(true).multiple(true)
)]
pub struct Command {
    #[command(flatten)]
    common: Common,
    /// The limit, as `paceline inspect` names it
    limit: String,
    /// So many units; of a token bucket so many at once, and in the time that it takes to fill
    #[arg(
        long, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(1..=paceline::exchange::MAX_UNITS)
    )]
    quota: Option<u64>,
    /// For so long
    #[arg(
        long = "for", value_name = "TIME", allow_hyphen_values = true, value_parser = args::duration
    )]
    time: Option<Duration>,
    /// End an operator's quota now: the configured one holds again
    #[arg(long, conflicts_with_all = ["quota", "time"])]
    end: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline limit keap spike --quota 2 --for 1h --why 'leave room for the migration'
  paceline limit keap day --quota 40000 --for 6h --yes
  paceline limit keap spike --end --why 'the migration is done'

Exit code 0: it was ordered. 1: it was not, for what stands in the error, or since nobody confirmed it.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let limit = self.limit.clone();
        let (false, Some(quota), Some(time)) = (self.end, self.quota, self.time) else {
            let meaning =
                format!("The operator's quota of limit {limit} ends now, and the configured one holds again.");
            let done = format!("limit {limit} has its configured quota again.");
            return self.common.give(Order::EndQuota { limit }, &meaning, &done).await;
        };
        let lasts = humantime::format_duration(time);
        let meaning = format!(
            "Limit {limit} allows {quota} for {lasts}, whatever configurations say; what others who use the key take comes off \
             that, and more than the provider allows brings 429."
        );
        let done = format!("limit {limit} allows {quota} for {lasts}.");
        self.common.give(Order::Quota { limit, quota, time }, &meaning, &done).await
    }
}
