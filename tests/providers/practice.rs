//! The practice provider as a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
};

use serde_json::Value;

use super::shortened::Short;

/// It ends when this value is dropped.
pub struct Practice {
    pub port: u16,
    process: Child,
    lifeline: Option<ChildStdin>,
}

impl Practice {
    pub fn start(name: &str, short: Short, more: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.args(["provider", "--until-stdin-closes", "--json", "--as", name]);
        for (says, lasts) in short.periods {
            command.args(["--period", &format!("{says}={lasts}")]);
        }
        if !short.periods.is_empty() {
            command.args(["--scale", &short.scale.to_string()]);
        }
        let mut process = command.args(more).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lifeline = process.stdin.take();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).unwrap();
        let port = said["address"].as_str().unwrap().rsplit(':').next().unwrap().parse().unwrap();
        Self { port, process, lifeline }
    }

    pub async fn stats(&self) -> Log {
        let url = format!("http://127.0.0.1:{}/_stats", self.port);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let bytes = client.get(url).send().await.unwrap().bytes().await.unwrap();
        Log(serde_json::from_slice(&bytes).unwrap())
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        self.process.wait().unwrap();
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
