//! `paceline provider`: a practice provider on loopback that limits as Keap does and keeps an exact log of what came.

mod delay;
mod keap;
mod log;
mod rule;
mod server;
mod window;

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use serde_json::json;

pub use self::{
    delay::Delay,
    log::{Count, Stats},
    rule::Rule,
    server::{Provider, REPLICA_HEADER, listen},
};
use crate::{Failure, say, stop::Stop};

/// A practice provider to try things against
#[derive(Args)]
pub struct Command {
    /// Where to listen; port 0 means a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A sliding window, `5/1s`, or one for a part of the paths, `/slow:5/1s`; may be given several times
    #[arg(long = "limit", value_name = "[PATH:]QUOTA/WINDOW", required = true)]
    limits: Vec<Rule>,
    /// The random network delay of each way
    #[arg(long, value_name = "LEAST..MOST", default_value = "0ms..80ms")]
    delay: Delay,
    /// Print the address as JSON
    #[arg(long)]
    json: bool,
    /// End when standard input closes, so that no provider outlives the one who started it
    #[arg(long)]
    until_stdin_closes: bool,
}

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        if self.limits.len() > server::MAX_RULES {
            return Err(format!("a provider has at most {} limits", server::MAX_RULES).into());
        }
        let stop = Stop::listen();
        if self.until_stdin_closes {
            stop.when_stdin_closes();
        }
        let (listener, address) = listen(self.listen).await?;
        if self.json {
            say(json!({"url": format!("http://{address}"), "address": address}));
        } else {
            say(format_args!("http://{address}"));
        }
        tokio::select! {
            served = Provider::new(self.limits, self.delay).serve(listener) => served?,
            () = stop.requested() => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}
