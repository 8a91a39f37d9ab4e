//! `paceline acquire`: a shell script takes its turn.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use crate::{
    Failure, say,
    turn::{NO_TURN, STOPPED, Taken, Turn},
};

/// Wait for a turn on a budget, for a request that a script sends right after it
///
/// The request counts as sent. It must be under way within `arrival_within` of the configuration (500 ms by default); what takes
/// longer, or is bound by a limit of requests at a time, runs under `paceline exec`.
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct Command {
    #[command(flatten)]
    turn: Turn,
    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  paceline acquire keap --config paceline.toml && curl https://api.example.com/contacts
  paceline acquire keap --wait 10s || echo 'busy, later'
  paceline acquire slack --route 'POST /api/chat.postMessage' --scope channel=C042    its preset knows the rest
  paceline acquire api --scope endpoint=/reports --tier S                             one without a preset

Exit code 0: its turn. 75: no turn comes within --wait. 130: stopped. 1: anything else: a configuration that is
wrong, a cost that can never fit, too many that wait already, a Redis that is gone, the output that cannot be written.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        match self.turn.take(Ok).await? {
            Taken::Granted { permit, limiter, waited } => {
                permit.complete();
                limiter.flush().await?;
                let waited = waited.as_millis() as u64;
                if self.json {
                    say(json!({ "granted": true, "waited_ms": waited, "because": null }));
                } else {
                    say(format!("granted after {}", crate::figures::time(waited)));
                }
                Ok(ExitCode::SUCCESS)
            }
            Taken::TooLate(because) => {
                if self.json {
                    say(json!({ "granted": false, "waited_ms": null, "because": because }));
                } else {
                    crate::tell(format_args!("error: {because}"));
                }
                Ok(NO_TURN.into())
            }
            Taken::Stopped => Ok(STOPPED.into()),
        }
    }
}
