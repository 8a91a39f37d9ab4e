//! The same with real processes: `paceline send` with a preset, several at once.

use std::{
    fs,
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::{
    practice::Practice,
    shortened::{AS_THEY_ARE, Short, text},
    support,
};

/// What is sent, and the provider's limit that binds.
#[derive(Clone, Copy)]
struct Sends {
    name: &'static str,
    vars: &'static str,
    method: &'static str,
    path: &'static str,
    short: Short,
    limit: &'static str,
}

const fn gets(name: &'static str, path: &'static str, short: Short, limit: &'static str) -> Sends {
    Sends { name, vars: "{}", method: "GET", path, short, limit }
}

const fn minutes(scale: f64) -> Short {
    Short { periods: &[("1m", "3s")], scale }
}

const ELEVEN: [Sends; 11] = [
    gets("aisoule", "/api/messages", minutes(0.24), "minute"),
    gets("customerio", "/v1/newsletters", AS_THEY_ARE, "app"),
    gets("github", "/repos/a/b", minutes(0.05), "points"),
    Sends {
        vars: "{ zone = \"UTC\" }",
        ..gets("hubspot", "/crm/v3/objects/contacts", Short { periods: &[("10s", "3s")], scale: 0.3 }, "ten-seconds")
    },
    gets("keap", "/crm/rest/v1/contacts", minutes(0.05), "minute"),
    gets("klaviyo", "/api/flows", minutes(0.1), "steady GET /api/flows"),
    gets("klinky", "/api/v1/links", Short { periods: &[("1h", "3s")], scale: 0.3 }, "hour"),
    Sends {
        vars: "{ requests = 500, requests_per = \"3s\", tokens = 200000 }",
        method: "POST",
        ..gets("openai", "/v1/chat/completions", minutes(1.0), "tokens")
    },
    gets("shopify", "/admin/api/2026-01/orders.json", AS_THEY_ARE, "rest"),
    gets("slack", "/api/users.list", minutes(1.0), "method users.list"),
    gets("stripe", "/v1/charges", AS_THEY_ARE, "endpoint GET /v1/charges"),
];

/// Three processes of four callers send for some seconds; then what the provider says of a limit.
async fn paceline_send(sends: Sends) {
    let Sends { name, vars, method, path, short, limit } = sends;
    let practice = Practice::start(name, short, &["--delay", "2ms..20ms"]);
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("paceline.toml");
    fs::write(folder.path().join("preset.toml"), text(name, short)).unwrap();
    let budget = support::unique(name);
    fs::write(&config, format!("[budget.{budget}]\npreset = \"./preset.toml\"\nvars = {vars}\n")).unwrap();
    let start = || -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.args(["send", &format!("http://127.0.0.1:{}{path}", practice.port), "--method", method]);
        command.args(["--redis", support::redis_url(), "-c", "4", "--duration", "7s", "--json", "--config"]);
        command.arg(&config).stdout(Stdio::piped()).spawn().unwrap()
    };
    let senders: Vec<Child> = (0..3).map(|_| start()).collect();
    for sender in senders {
        let output = tokio::task::spawn_blocking(|| sender.wait_with_output().unwrap()).await.unwrap();
        let sent: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert!(sent["ok"].as_u64().unwrap() > 0 && sent["throttled"] == 0, "{name}: {sent}");
    }
    let log = practice.stats().await;
    let share = log.share(limit);
    println!("{name} with real processes: {} sent, {:.1} % of {limit}", log.count("sent"), share * 100.0);
    assert_eq!(log.count("rejected"), 0, "{name}: {log}");
    assert!(share >= 0.95, "{name}: {share}: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_on_one_redis_are_never_told_no() {
    // Not all at once: four processes each.
    for some in ELEVEN.chunks(4) {
        let plays: Vec<_> = some.iter().map(|sends| tokio::spawn(paceline_send(*sends))).collect();
        for play in plays {
            play.await.unwrap();
        }
    }
}
