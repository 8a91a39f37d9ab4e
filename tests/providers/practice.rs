//! The practice provider as a process of its own.

use serde_json::Value;

use super::shortened::Short;
use crate::support::Provider;

/// It ends when this value is dropped.
pub struct Practice {
    pub port: u16,
    provider: Provider,
}

impl Practice {
    pub fn start(name: &str, short: Short, more: &[&str]) -> Self {
        let mut arguments = vec!["--as".to_owned(), name.to_owned()];
        for (says, lasts) in short.periods {
            arguments.extend(["--period".to_owned(), format!("{says}={lasts}")]);
        }
        if !short.periods.is_empty() {
            arguments.extend(["--scale".to_owned(), short.scale.to_string()]);
        }
        arguments.extend(more.iter().map(ToString::to_string));
        let provider = Provider::start(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let port = provider.address.rsplit(':').next().unwrap().parse().unwrap();
        Self { port, provider }
    }

    pub async fn stats(&self) -> Log {
        let url = self.provider.url("/_stats");
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let bytes = client.get(url).send().await.unwrap().bytes().await.unwrap();
        Log(serde_json::from_slice(&bytes).unwrap())
    }
}

/// What the provider says of all that came.
pub struct Log(Value);

impl Log {
    pub fn count(&self, what: &str) -> u64 {
        self.0[what].as_u64().unwrap_or_else(|| panic!("no {what} in {}", self.0))
    }

    /// How much of a limit was used, of what is possible when a unit is held until its answer is in.
    pub fn share(&self, limit: &str) -> f64 {
        let all = self.0["limits"].as_array().unwrap();
        let limit = all.iter().find(|known| known["limit"] == limit).unwrap_or_else(|| panic!("no {limit}: {self}"));
        let (per, hold) = (limit["per_ms"].as_f64().unwrap(), self.0["mean_hold_ms"].as_f64().unwrap());
        let share = limit["share"].as_f64().unwrap_or_else(|| panic!("too few calls for a share: {self}"));
        share * (per + hold) / per
    }
}

impl std::fmt::Display for Log {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut log = self.0.clone();
        log.as_object_mut().unwrap().remove("seconds");
        write!(f, "{log}")
    }
}
