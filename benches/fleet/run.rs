//! One fleet: a provider, its callers, and what both say afterwards.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

use crate::support::unique;

/// By then all processes are there, and a Redis that is new has settled.
const GATHERING: Duration = Duration::from_secs(3);

/// A limit's name, quota and period, the same for the provider and for paceline.
type Limit = (&'static str, u64, &'static str);

/// Calls that ask for the same limits.
#[derive(Clone)]
pub struct Route {
    pub path: &'static str,
    pub only: &'static str,
}

/// Processes that share a budget.
pub struct Fleet {
    pub name: String,
    pub processes: usize,
    pub limits: Vec<Limit>,
    pub routes: Vec<Route>,
    pub delay: &'static str,
}

impl Fleet {
    pub fn new(name: String, limits: Vec<Limit>, delay: &'static str) -> Self {
        Self { name, processes: 8, limits, routes: vec![Route { path: "/", only: "" }], delay }
    }

    /// Runs it and prints a line; returns how many calls were told 429.
    pub fn run(&self, redis: &str, seconds: u64) -> u64 {
        let provider = Provider::start(&self.rules(), self.delay);
        let config = tempfile::NamedTempFile::new().expect("a file");
        let budget = unique("fleet");
        std::fs::write(config.path(), self.config(&budget)).expect("a configuration");
        let mut senders = Vec::new();
        for process in 0..self.processes {
            for route in &self.routes {
                let url = format!("{}{}", provider.url, route.path);
                let mut sender = Command::new(env!("CARGO_BIN_EXE_paceline"));
                sender
                    .args(["send", &url, "--config"])
                    .arg(config.path())
                    .args(["--redis", redis, "-c", "8", "--json"]);
                sender.args(["--wait", "10m", "--duration", &format!("{seconds}s")]);
                sender.args(["--header", &format!("x-paceline-replica: {}-{process}", route.path)]);
                if !route.only.is_empty() {
                    sender.args(["--only", route.only]);
                }
                senders.push(sender.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a sender"));
            }
        }
        // Whoever is there first may take all that is free; turns are taken by those who are there.
        std::thread::sleep(GATHERING);
        let before = provider.stats();
        let said: Vec<Value> = senders
            .into_iter()
            .map(|s| s.wait_with_output().expect("its end"))
            .map(|out| serde_json::from_slice(&out.stdout).expect("its result"))
            .collect();
        self.print(&before, &provider.stats(), &said)
    }

    fn rules(&self) -> Vec<String> {
        let path = |name: &str| if name == "slow" { "/slow:" } else { "" };
        self.limits.iter().map(|(name, quota, per)| format!("{}{quota}/{per}", path(name))).collect()
    }

    fn config(&self, budget: &str) -> String {
        let limit = |(name, quota, per): &Limit| {
            format!(
                "[[budget.{budget}.limit]]\nname = \"{name}\"\nkind = \"sliding-window\"\nquota = {quota}\nper = \"{per}\"\n"
            )
        };
        format!("[budget.{budget}]\n{}", self.limits.iter().map(limit).collect::<String>())
    }

    fn print(&self, before: &Value, stats: &Value, said: &[Value]) -> u64 {
        let sum = |what: &str| said.iter().filter_map(|s| s[what].as_u64()).sum::<u64>();
        let rejected = stats["rejected"].as_u64().expect("a number");
        let hold = stats["mean_hold_ms"].as_f64().unwrap_or(0.0);
        let per_permit = sum("exchanges") as f64 / sum("sent").max(1) as f64;
        for (i, limit) in stats["limits"].as_array().expect("limits").iter().enumerate() {
            let per_ms = limit["per_ms"].as_f64().expect("a number");
            let worst = format!("{}/{}", limit["worst_sent"], limit["quota"]);
            let share = limit["share"].as_f64().map_or("-".to_owned(), |s| format!("{:.1} %", s * 100.0));
            let possible = format!("{:.1} %", 100.0 * per_ms / (per_ms + hold));
            let jain = if i == 0 { format!("{:.3}", jain(before, stats)) } else { String::new() };
            let (name, rejected, exchanges) = if i == 0 {
                (self.name.as_str(), rejected.to_string(), format!("{per_permit:.2}"))
            } else {
                ("", String::new(), String::new())
            };
            println!("{name:<34} {rejected:>8} {worst:>10} {share:>9} {possible:>9} {jain:>7} {exchanges:>10}");
        }
        rejected
    }
}

/// Fairness among the clients of the busiest route since all were there: 1 is equal.
fn jain(before: &Value, stats: &Value) -> f64 {
    let clients = stats["clients"].as_object().expect("clients").keys().filter(|name| name.starts_with("/-"));
    let accepted = |stats: &Value, name: &str| stats["clients"][name]["accepted"].as_f64().unwrap_or_default();
    let all: Vec<f64> = clients.map(|name| accepted(stats, name) - accepted(before, name)).collect();
    let (sum, squares) = (all.iter().sum::<f64>(), all.iter().map(|x| x * x).sum::<f64>());
    sum * sum / all.len() as f64 / squares.max(1.0)
}

/// The provider's process; it ends with this one.
struct Provider {
    url: String,
    process: Child,
}

impl Provider {
    fn start(rules: &[String], delay: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.args(["provider", "--listen", "127.0.0.1:0", "--delay", delay, "--until-stdin-closes"]);
        rules.iter().for_each(|rule| _ = command.args(["--limit", rule]));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a provider");
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().expect("its output")).read_line(&mut line).expect("its address");
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).expect("its address");
        Self { url: url.trim_end_matches('/').to_owned(), process }
    }

    fn stats(&self) -> Value {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).expect("the provider");
        write!(stream, "GET /_stats HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").expect("asking");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        _ = self.process.kill();
        _ = self.process.wait();
    }
}
