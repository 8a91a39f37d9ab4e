//! The practice provider, as a process that never outlives the test.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, Stdio},
};

use reqwest::{Method, header::HeaderMap};
use serde_json::Value;

/// `paceline provider` on a port of its own. It ends when this value is dropped, or when the test does: its standard input
/// closes.
pub struct Provider {
    /// Host and port.
    pub address: String,
    process: Child,
    lifeline: Option<ChildStdin>,
}

impl Provider {
    pub fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.args(["provider", "--until-stdin-closes", "--json"]).args(arguments);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lifeline = process.stdin.take();
        let mut first_line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut first_line).unwrap();
        let said: Value = serde_json::from_str(&first_line).unwrap();
        Self { address: said["address"].as_str().unwrap().to_owned(), process, lifeline }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn request(&self, method: Method, path: &str) -> (u16, HeaderMap, Value) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _ = rustls::crypto::ring::default_provider().install_default();
        runtime.block_on(async {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let answer = client.request(method, self.url(path)).send().await.unwrap();
            let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
            (status, headers, serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default())
        })
    }

    /// What it says of all that came.
    pub fn stats(&self) -> Value {
        self.request(Method::GET, "/_stats").2
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        self.process.wait().unwrap();
    }
}
