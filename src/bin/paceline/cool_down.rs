//! `paceline cool-down`: nobody sends for a while.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use paceline::Order;

use crate::{Failure, args, order::Common};

/// Let a budget cool down: nobody sends for a while, then one request goes, and twice as many with each answer
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    common: Common,
    /// For so long
    #[arg(long = "for", value_name = "TIME", allow_hyphen_values = true, value_parser = args::duration)]
    time: Duration,
    /// Under this limit only
    #[arg(long, value_name = "NAME")]
    limit: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  paceline cool-down keap --for 30s --why 'their status page says: degraded'
  paceline cool-down klaviyo --limit steady --for 5m --yes";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let of = self.limit.as_ref().map(|name| format!(" under limit {name}")).unwrap_or_default();
        let time = humantime::format_duration(self.time);
        let meaning =
            format!("Nobody sends{of} for {time}; a longer cooldown stays. Then it is tried again little by little.");
        let done = format!("nobody sends{of} for {time}.");
        self.common.give(Order::CoolDown { limit: self.limit.clone(), time: self.time }, &meaning, &done).await
    }
}
