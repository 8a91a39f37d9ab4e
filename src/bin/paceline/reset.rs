//! `paceline reset`: what was used is forgotten.

use std::process::ExitCode;

use clap::Args;
use paceline::Order;

use crate::{Failure, order::Common};

/// Forget what was used of a budget, its cooldowns, and what responses said of it
///
/// What is in flight stays. The provider has not forgotten: unless it has, too, requests beyond its limit will be told 429.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    common: Common,
    /// This limit only
    #[arg(long, value_name = "NAME")]
    limit: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  paceline reset keap --why 'their support has reset our quota'
  paceline reset keap --limit day --yes

Exit code 0: it was ordered. 1: it was not, for what stands in the error, or since nobody confirmed it.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        let of = self.limit.as_ref().map(|name| format!(" limit {name}")).unwrap_or_else(|| " every limit".into());
        let meaning = format!(
            "What was used of{of} is forgotten, and so are cooldowns; unless the provider forgets as well, it will say 429."
        );
        let done = format!("what was used of{of} is forgotten.");
        self.common.give(Order::Reset { limit: self.limit.clone() }, &meaning, &done).await
    }
}
