//! The same with real processes: `paceline send` with a preset, several at once.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{
    practice::Practice,
    shortened::{Short, text},
    support,
};

/// Three processes of four callers send to one path for some seconds; then what the provider says of a limit.
async fn paceline_send(name: &'static str, path: &'static str, short: Short, limit: &'static str) {
    let practice = Practice::start(name, short, &["--delay", "2ms..20ms"]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("paceline.toml");
    fs::write(folder.path().join("preset.toml"), text(name, short)).unwrap();
    let budget = support::unique(name);
    fs::write(&config, format!("[budget.{budget}]\npreset = \"./preset.toml\"\n")).unwrap();
    let start = || -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.args(["send", &format!("http://127.0.0.1:{}{path}", practice.port)]);
        command.args(["--redis", support::redis_url(), "-c", "4", "--duration", "7s", "--json", "--config"]);
        command.arg(&config).stdout(Stdio::piped()).spawn().unwrap()
    };
    let senders: Vec<Child> = (0..3).map(|_| start()).collect();
    for sender in senders {
        let output = sender.wait_with_output().unwrap();
        let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(sent["ok"].as_u64().unwrap() > 0 && sent["throttled"] == 0, "{sent}");
    }
    let log = practice.stats().await;
    let share = log.share(limit);
    println!("{name} with real processes: {} sent, {:.1} % of {limit}", log.count("sent"), share * 100.0);
    assert_eq!(log.count("rejected"), 0, "{log}");
    assert!(share >= 0.95, "{share}: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn processes_on_one_redis_are_never_told_no() {
    let minutes = |scale| Short { periods: &[("1m", "3s")], scale };
    let keap = paceline_send("keap", "/crm/rest/v1/contacts", minutes(0.05), "minute");
    let klaviyo = paceline_send("klaviyo", "/api/flows", minutes(0.1), "steady GET /api/flows");
    // They wait for processes, each in a thread of its own.
    let (keap, klaviyo) = (tokio::spawn(keap), tokio::spawn(klaviyo));
    keap.await.unwrap();
    klaviyo.await.unwrap();
}
