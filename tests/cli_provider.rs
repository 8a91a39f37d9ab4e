//! The binary's practice provider, its sender and its view of a budget, as real processes that speak real HTTP.
#![cfg(feature = "cli")]

#[path = "cli_provider/metrics.rs"]
mod metrics;
#[path = "cli_provider/sends.rs"]
mod sends;
mod support;

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;
use support::Provider;

fn paceline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command
        .args(arguments)
        .env_remove("PACELINE_REDIS_URL")
        .env_remove("PACELINE_METRICS")
        .env_remove("PACELINE_CONFIG");
    command
}

/// Sends as `paceline send` does, and gives its exit code and the object it prints.
fn send(arguments: &[&str]) -> (i32, Value) {
    let Output { status, stdout, .. } = paceline(&["send", "--json"]).args(arguments).output().unwrap();
    (status.code().unwrap(), serde_json::from_slice(&stdout).unwrap())
}

#[test]
fn a_provider_accepts_no_more_than_its_quota_in_any_window() {
    let provider = Provider::start(&["--limit", "10/100ms", "--limit", "/slow:3/200ms", "--delay", "0ms..10ms"]);
    let replica = ["--header", "x-paceline-replica: r1", "--naive", "2ms", "-n", "200", "-c", "8"];
    let (code, sent) = send(&[&[&*provider.url("/slow/1")], &replica[..]].concat());
    let stats = provider.stats();
    assert_eq!((code, &sent["sent"], &stats["sent"]), (1, &200.into(), &200.into()));
    assert_eq!((&sent["ok"], &sent["throttled"]), (&stats["accepted"], &stats["rejected"]));
    assert_eq!(stats["clients"]["r1"]["accepted"], stats["accepted"]);
    assert_eq!(stats["limits"][1]["worst_accepted"], 3);
    assert!(stats["limits"][0]["worst_accepted"].as_u64().unwrap() <= 10);
    assert!(stats["rejected"].as_u64().unwrap() > 0);

    provider.request(reqwest::Method::POST, "/_reset");
    assert_eq!(provider.stats()["sent"], 0);
}

#[test]
fn a_rejected_call_is_told_so_in_keaps_words() {
    let provider = Provider::start(&["--limit", "1/1h", "--delay", "0ms"]);
    assert_eq!(provider.request(reqwest::Method::GET, "/contacts").0, 200);
    let (status, headers, body) = provider.request(reqwest::Method::GET, "/contacts");
    assert_eq!((status, &body["code"], &body["message"]), (429, &"429".into(), &"Quota Exceeded".into()));
    assert_eq!((&body["status"], &body["details"]), (&"Request Throttled".into(), &Value::Null));
    assert_eq!(headers["x-keap-product-throttle-available"], "0");
    assert_eq!(headers["x-keap-product-throttle-time-unit"], "hour");
}

#[test]
fn a_provider_speaks_as_the_one_whose_name_it_is_given() {
    let klaviyo = Provider::start(&["--as", "klaviyo", "--delay", "0ms", "--period", "1m=6s", "--scale", "0.1"]);
    let get = |path: &str| klaviyo.request(reqwest::Method::GET, path);
    let (status, headers, _) = get("/api/flows");
    assert_eq!((status, &headers["ratelimit-limit"]), (200, &"3, 3;w=1, 6;w=6".parse().unwrap()));
    let (status, headers, body) = (0..9).map(|_| get("/api/flows")).find(|answer| answer.0 != 200).unwrap();
    assert_eq!((status, body["errors"][0]["code"].as_str()), (429, Some("throttled")));
    assert!(headers.contains_key("retry-after") && !headers.contains_key("ratelimit-limit"), "{headers:?}");
    assert_eq!(get("/api/flows/7").0, 200, "each endpoint has its own");
    let stats = klaviyo.stats();
    assert_eq!(stats["limits"][0]["limit"], "burst GET /api/flows");
    assert_eq!(stats["rejected"], 1);
}

#[test]
fn a_stranger_draws_from_the_same_budget() {
    let klinky = Provider::start(&["--as", "klinky", "--delay", "0ms", "--stranger", "0.5"]);
    let (_, headers, _) = klinky.request(reqwest::Method::GET, "/");
    let left: u64 = headers["x-ratelimit-remaining"].to_str().unwrap().parse().unwrap();
    assert!((49..=99).contains(&left), "he used half of what the hour had until now: {left}");
    assert_eq!(klinky.stats()["sent"], 1, "he is in no log");
}

#[test]
fn a_call_whose_caller_hung_up_still_counts() {
    let provider = Provider::start(&["--limit", "5/1h", "--delay", "200ms"]);
    let (code, sent) = send(&[&provider.url("/"), "--naive", "0s", "-n", "1", "--timeout", "50ms"]);
    assert_eq!((code, &sent["failed"], &sent["ok"]), (1, &1.into(), &0.into()));
    let deadline = Instant::now() + Duration::from_secs(5);
    while provider.stats()["accepted"] != 1 {
        assert!(Instant::now() < deadline, "it never arrived");
    }
}

#[test]
fn a_sender_whose_calls_are_all_answered_succeeds() {
    let provider = Provider::start(&["--limit", "100/1h", "--delay", "0ms"]);
    let (code, sent) =
        send(&[&provider.url("/"), "--naive", "0s", "-n", "20", "-c", "3", "--method", "POST", "--body", "x"]);
    assert_eq!((code, &sent["ok"], &sent["statuses"]["200"]), (0, &20.into(), &20.into()));
}

#[test]
fn a_sender_stops_when_its_time_is_up() {
    let provider = Provider::start(&["--limit", "100000/1h", "--delay", "0ms"]);
    let (code, sent) = send(&[&provider.url("/"), "--naive", "10ms", "--duration", "300ms"]);
    assert_eq!(code, 0);
    assert!((0.3..2.0).contains(&sent["elapsed_s"].as_f64().unwrap()), "{sent}");
    assert!(send(&[&provider.url("/"), "--naive", "1m", "--duration", "300ms", "-n", "50"]).0 == 1, "49 were not sent");
}

#[cfg(unix)]
#[test]
fn an_interrupted_sender_still_reports() {
    let provider = Provider::start(&["--limit", "100/1h", "--delay", "0ms"]);
    for (signal, end) in [("-INT", ["-n", "9"]), ("-TERM", ["-n", "9"]), ("-TERM", ["--duration", "60s"])] {
        let before = provider.stats()["sent"].clone();
        let sender = paceline(&["send", "--json", &provider.url("/"), "--naive", "1m"])
            .args(end)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(5);
        while provider.stats()["sent"] == before {
            assert!(Instant::now() < deadline, "the first call never arrived");
        }
        assert!(Command::new("kill").args([signal, &sender.id().to_string()]).status().unwrap().success());
        let output = sender.wait_with_output().unwrap();
        let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &sent["sent"], &sent["ok"]), (Some(1), &1.into(), &1.into()));
    }
}

#[test]
fn what_cannot_be_sent_is_refused_in_a_sentence_that_keeps_secrets() {
    let tell = |arguments: &[&str]| {
        let output = paceline(&["send", "-n", "1", "--naive", "0s"]).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let url = "http://127.0.0.1:1/?token=s3cret";
    for (arguments, expected) in [
        (&["ftp://h/s3cret"][..], "http or https"),
        (&[url, "--header", "s3cret"], "header number 1 has no colon"),
        (&[url, "--method", "G T"], "not an HTTP method"),
        (&[url], ""),
    ] {
        let told = tell(arguments);
        assert!(told.contains(expected) && !told.contains("s3cret"), "{told}");
        assert!(arguments.len() == 1 && expected.is_empty() || told.starts_with("error: "), "{told}");
    }
}

/// A configuration of a budget of five a second for one test, and a name that no other test uses.
struct Configured {
    budget: String,
    file: PathBuf,
}

impl Configured {
    fn new(name: &str) -> Self {
        let budget = support::unique(name);
        let file = std::env::temp_dir().join(format!("{budget}.toml"));
        let limit = "name = 'spike'\nkind = 'sliding-window'\nquota = 5\nper = '1s'";
        fs::write(&file, format!("[[budget.{budget}.limit]]\n{limit}\n")).unwrap();
        Self { budget, file }
    }

    fn arguments(&self) -> [&str; 2] {
        ["--config", self.file.to_str().unwrap()]
    }
}

impl Drop for Configured {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.file);
    }
}

#[test]
fn senders_on_one_redis_share_a_budget_and_inspect_shows_it() {
    let (provider, configured) = (Provider::start(&["--limit", "5/1s"]), Configured::new("cli-send"));
    let redis = ["--redis", support::redis_url()];
    let url = provider.url("/");
    let arguments = [&["send", "--json", &url, "-n", "8", "-c", "4"][..], &configured.arguments(), &redis].concat();
    let senders: Vec<Child> = (0..2).map(|_| paceline(&arguments).stdout(Stdio::piped()).spawn().unwrap()).collect();
    for sender in senders {
        let output = sender.wait_with_output().unwrap();
        let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), &sent["ok"]), (Some(0), &8.into()), "{sent}");
        assert!(sent["exchanges"].as_u64().unwrap() > 0);
    }
    let stats = provider.stats();
    assert_eq!((&stats["accepted"], &stats["rejected"]), (&16.into(), &0.into()), "{stats}");

    let inspect = |format: &[&str]| {
        let output = paceline(&[&["inspect", &configured.budget][..], &redis, format].concat()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let reports: Value = serde_json::from_str(&inspect(&["--json"])).unwrap();
    assert_eq!(
        (&reports[0]["budget"], &reports[0]["limits"][0]["quota"]),
        (&configured.budget.as_str().into(), &5.into())
    );
    let text = inspect(&[]);
    assert!(text.contains("spike") && text.contains("of 5"), "{text}");
}

#[test]
fn without_a_redis_a_sender_keeps_to_the_budget_alone_and_says_so() {
    let (provider, configured) = (Provider::start(&["--limit", "5/1s"]), Configured::new("cli-alone"));
    let output =
        paceline(&["send", &provider.url("/"), "-n", "7", "-c", "2"]).args(configured.arguments()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let (said, told) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("7 ok, 0 throttled"), "{said}");
    assert!(told.starts_with("note: no Redis is configured") && told.lines().count() == 1, "{told}");
}

#[test]
fn the_configuration_may_come_from_the_environment() {
    let (provider, configured) = (Provider::start(&["--limit", "9/1h", "--delay", "0ms"]), Configured::new("cli-env"));
    let run = |arguments: &[&str], config: &str| {
        let mut command = paceline(&["send", &provider.url("/"), "-n", "1"]);
        let output = command.args(arguments).env("PACELINE_CONFIG", config).output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (explicit, usual) = (configured.arguments(), configured.file.to_str().unwrap());
    let with_preset = ["--preset", "keap"];
    for (arguments, config, budget) in [
        (&[][..], usual, &*configured.budget),
        (&explicit, "/nowhere", &configured.budget),
        // It is set for all commands, so it is no contradiction.
        (&with_preset, usual, "keap"),
    ] {
        let (code, told) = run(arguments, config);
        assert!(code == 0 && told.contains(&format!(" keeps to budget {budget} alone")), "{arguments:?}: {told}");
    }
    assert_eq!(run(&["--naive", "0s"], "/nowhere"), (0, String::new()));
    let (code, told) = run(&[&explicit[..], &with_preset].concat(), usual);
    assert!(code == 2 && told.contains("cannot be used with"), "{told}");
    let missing = "error: say which configuration with --config (or PACELINE_CONFIG), or which --preset\n";
    assert_eq!(run(&[], ""), (1, missing.to_owned()));
}

#[test]
fn a_redis_out_of_reach_is_one_sentence_without_its_password() {
    let configured = Configured::new("cli-unreachable");
    let redis = "redis://:s3cret@127.0.0.1:1/";
    for arguments in [&["send", "http://127.0.0.1:1/", "-n", "1"][..], &["inspect"], &["demo"]] {
        let config = if arguments == ["demo"] { [].as_slice() } else { &configured.arguments() };
        let output = paceline(arguments).args(config).args(["--redis", redis]).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && told.starts_with("error: ") && told.lines().count() == 1, "{told}");
        assert!(!told.contains("s3cret"), "{told}");
    }
}
