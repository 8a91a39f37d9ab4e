//! `paceline provider`: a practice provider on loopback that limits as a real one does and keeps an exact log of what came.

mod act;
mod aisoule;
mod customerio;
mod delay;
mod github;
mod house;
mod hubspot;
mod keap;
mod klaviyo;
mod klinky;
mod log;
mod meter;
mod openai;
mod rule;
mod server;
mod setup;
mod shopify;
mod slack;
mod stranger;
mod stripe;

use std::{net::SocketAddr, process::ExitCode};

use clap::Args;
use jiff::tz::TimeZone;
use serde_json::json;

use self::setup::Setup;
pub use self::{
    delay::Delay,
    log::{Count, Stats},
    meter::{Kind as MeterKind, Meter, Term, Turn as MeterTurn},
    rule::Rule,
    server::{Provider, REPLICA_HEADER, listen},
    setup::Period,
};
use crate::{Failure, say, stop::Stop};

/// A practice provider to try things against
#[derive(Args)]
pub struct Command {
    /// Where to listen; port 0 means a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// A sliding window, `5/1s`, or one for a part of the paths, `/slow:5/1s`; may be given several times
    #[arg(long = "limit", value_name = "[PATH:]QUOTA/WINDOW", required_unless_present = "like")]
    limits: Vec<Rule>,
    /// Limit and answer as this provider does
    #[arg(long = "as", id = "like", value_name = "NAME", conflicts_with = "limits", value_parser = house::NAMES)]
    like: Option<String>,
    /// A period of that provider lasts longer or shorter here, `1m=3s`; may be given several times
    #[arg(long = "period", value_name = "SAYS=LASTS", requires = "like")]
    periods: Vec<Period>,
    /// What the quotas of those periods are multiplied by
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0, requires = "periods", value_parser = factor)]
    scale: f64,
    /// The time zone of the account, for days that begin at its midnight
    #[arg(long, value_name = "ZONE", default_value = "UTC", value_parser = zone)]
    zone: TimeZone,
    /// Somebody else uses this part of the same budget, evenly, `0.5`
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, value_parser = factor)]
    stranger: f64,
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
        let house: Box<dyn house::House> = match &self.like {
            Some(name) => {
                let setup = Setup { periods: self.periods, scale: self.scale, zone: self.zone };
                house::named(name, setup).ok_or_else(|| format!("there is no provider {name} to be like"))?
            }
            None => Box::new(keap::Rules(self.limits)),
        };
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
            served = Provider::of(house, self.delay, self.stranger).serve(listener) => served?,
            () = stop.requested() => {}
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn factor(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (0.0..=1000.0).contains(factor));
    factor.ok_or_else(|| "write a number from 0 to 1000, such as 0.5".to_owned())
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|_| "write a name such as Europe/Berlin".to_owned())
}
