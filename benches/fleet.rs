//! Fleets of real processes on a real Redis against a provider in a process of its own, which keeps an exact log and
//! shares no code with the limiter: `cargo bench --features cli --bench fleet`. It takes about six minutes; a word on the
//! command line picks runs by their name, `--seconds 10` makes them shorter.
//!
//! Figures are printed, nothing is asserted but that no call was told 429.

#[path = "fleet/run.rs"]
mod run;
#[path = "../tests/support/mod.rs"]
mod support;

use run::{Fleet, Route};
use support::RedisServer;

const DELAYS: [&str; 3] = ["0ms..0ms", "5ms..50ms", "0ms..400ms"];

fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    let (mut wanted, mut seconds) = (None, 30);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--seconds" => seconds = args.next().and_then(|s| s.parse().ok()).expect("--seconds N"),
            _ => wanted = Some(arg),
        }
    }
    let server = RedisServer::start();
    println!("8 processes of 8 callers unless said otherwise, {seconds} s each, delays each way\n");
    println!(
        "{:<34} {:>8} {:>10} {:>9} {:>9} {:>7} {:>10}",
        "", "rejected", "worst", "share", "possible", "Jain", "exch/permit"
    );
    let mut rejected = 0;
    for fleet in fleets().iter().filter(|f| wanted.as_ref().is_none_or(|w| f.name.contains(w.as_str()))) {
        rejected += fleet.run(server.url(), seconds);
    }
    println!("\nrejected in all: {rejected}");
    assert_eq!(rejected, 0, "a provider said 429");
}

fn fleets() -> Vec<Fleet> {
    let mut all = Vec::new();
    for delay in DELAYS {
        for (name, limits) in [
            ("5/s", vec![("key", 5, "1s")]),
            ("50/s", vec![("key", 50, "1s")]),
            ("50/s and 600/min", vec![("key", 50, "1s"), ("minute", 600, "60s")]),
        ] {
            all.push(Fleet::new(format!("{name}, {delay}"), limits, delay));
        }
    }
    all.push(Fleet {
        processes: 16,
        ..Fleet::new("16 processes, 50/s".to_owned(), vec![("key", 50, "1s")], DELAYS[0])
    });
    let two = vec![("account", 50, "1s"), ("slow", 5, "1s")];
    let routes = vec![Route { path: "/slow", only: "account,slow" }, Route { path: "/", only: "account" }];
    all.push(Fleet { routes, ..Fleet::new("two routes, 50/s and 5/s".to_owned(), two, DELAYS[1]) });
    all
}
