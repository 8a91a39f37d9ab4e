//! `paceline pause`: nobody is granted anything.

use std::{process::ExitCode, time::Duration};

use clap::Args;
use paceline::Order;

use crate::{Failure, args, order::Common};

/// Pause a budget: nobody in the fleet is granted anything, at once
///
/// What is in flight comes in as ever. Callers wait, those with a deadline until that; the pause survives restarts of processes,
/// but not of a Redis that loses its memory.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    common: Common,
    /// End it by itself after this [default: until `paceline resume`]
    #[arg(long = "for", value_name = "TIME", allow_hyphen_values = true, value_parser = args::duration)]
    time: Option<Duration>,
}

const EXAMPLES: &str = "\
Examples:
  paceline pause keap --why 'their maintenance'
  paceline pause keap --for 15m --yes

Exit code 0: it was ordered. 1: it was not, for what stands in the error, or since nobody confirmed it.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let end = match self.time {
            Some(time) => format!("for {}", humantime::format_duration(time)),
            None => "until `paceline resume`".to_owned(),
        };
        let meaning = format!("Nobody is granted anything {end}; what is in flight comes in as ever.");
        let done = format!("paused {end}.");
        self.common.give(Order::Pause { time: self.time }, &meaning, &done).await
    }
}
