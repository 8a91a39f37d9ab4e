//! `paceline resume`: the end of a pause.

use std::process::ExitCode;

use clap::Args;
use paceline::Order;

use crate::{Failure, order::Common};

/// End a pause: those who wait go on, in their turns
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    common: Common,
}

const EXAMPLES: &str = "\
Examples:
  paceline resume keap --yes

Exit code 0: it was ordered. 1: it was not, for what stands in the error, or since nobody confirmed it.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let meaning = "The pause ends, and those who wait go on in their turns.";
        self.common.give(Order::Resume, meaning, "resumed.").await
    }
}
