//! `paceline why`: about calls that a scope or a tier tells apart, and where there is no forecast.
#![cfg(feature = "cli")]

mod support;

use std::{fs, process::Command};

use paceline::{Config, Limiter, RedisStore};
use serde_json::Value;
use support::RedisServer;
use tempfile::TempDir;

const CONFIG: &str = "
[budget.api]
limit = [{ name = 'ep', kind = 'sliding-window', quota = { S = 2, M = 9 }, per = '1h', scope = 'endpoint' },
         { name = 'open', kind = 'concurrency', quota = 5 }]
[budget.slow]
limit = [{ name = 'day', kind = 'sliding-window', quota = 3, per = '1d' }]
";

struct Setting {
    server: RedisServer,
    folder: TempDir,
}

impl Setting {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("paceline.toml"), CONFIG).unwrap();
        Self { server: RedisServer::own(), folder }
    }

    async fn limiter(&self, budget: &str) -> Limiter {
        let config = Config::load(self.folder.path().join("paceline.toml")).unwrap();
        let store = RedisStore::connect_trusting(self.server.url()).await.unwrap();
        Limiter::new(store, config.budget(budget).unwrap().clone())
    }

    fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.args(arguments).env("PACELINE_REDIS_URL", self.server.url()).env("COLUMNS", "1000");
        let output = command.env_remove("PACELINE_CONFIG").output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
    }

    /// With the configuration.
    fn why(&self, arguments: &[&str]) -> (String, String, i32) {
        let config = self.folder.path().join("paceline.toml");
        self.run(&[&["why"], arguments, &["--config", config.to_str().unwrap()]].concat())
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let (out, told, _) = self.why(&[arguments, &["--json"]].concat());
        serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{told}"))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_about_the_calls_of_a_scope_and_a_tier_and_hides_no_limit_that_is_full() {
    let setting = Setting::new();
    let all = setting.limiter("api").await;
    let held = all.scoped("endpoint", "/r").unwrap().tier("S").unwrap().acquire(2).await.unwrap();

    for without in [setting.run(&["why", "api"]), setting.why(&["api"])] {
        let (out, told, code) = without;
        let full = "would go at once: only limit ep@S@%2Fr, for calls of that tier or scope, is full or cooling down; \
                    with --scope, --tier or --route it is about such calls.";
        assert!(out.contains(full) && told.is_empty() && code == 0, "{out}{told}");
        assert!(out.contains("ep@S@%2Fr *"), "{out}");
    }

    let (out, told, code) = setting.why(&["api", "--scope", "endpoint=/r", "--tier", "S"]);
    assert!(out.starts_with("A call on budget api would wait about ") && told.is_empty() && code == 3, "{out}{told}");
    assert!(out.contains("because limit ep@S@%2Fr binds: of 2 units") && !out.contains('*'), "{out}");
    let asked = setting.json(&["api", "--scope", "endpoint=/r", "--tier", "S"]);
    assert_eq!(asked["binds"], "ep@S@%2Fr");
    assert!(asked["forecast"][0]["wait_ms"].as_u64().unwrap() > 3_000_000, "{asked}");

    // Others of the same limit have theirs, which nobody used yet.
    let (out, _, code) = setting.why(&["api", "--scope", "endpoint=/other", "--tier", "S"]);
    assert!(out.contains("would go at once: units of every limit that concerns it are free.") && code == 0, "{out}");
    assert!(out.contains("\nep@S@%2Fother ") && out.contains("\nep@S@%2Fr *"), "{out}");
    let (_, told, _) = setting.why(&["api", "--scope", "endpoint=/r"]);
    assert_eq!(told, "note: budget api: nothing is taken from limit ep (give --tier)\n");
    let (_, told, code) = setting.run(&["why", "api", "--tier", "S"]);
    assert!(code == 1 && told.contains("is known from its configuration; give the --config that has it"), "{told}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_no_limit_that_binds_and_ten_years_are_no_forecast() {
    let setting = Setting::new();
    let limiter = setting.limiter("slow").await;
    let held = limiter.acquire(3).await.unwrap();
    let (out, _, code) = setting.why(&["slow", "--calls", "1000000000"]);
    assert!(out.contains("1000000000 calls of one process would take more than 10 years.") && code == 3, "{out}");
    assert!(out.lines().any(|line| line.starts_with("day ") && line.ends_with("  more than 10 years")), "{out}");

    setting.run(&["limit", "slow", "day", "--quota", "2", "--for", "1h", "--yes"]);
    let (out, _, _) = setting.why(&["slow"]);
    assert!(out.contains("limit day binds: of 2 units (an operator's quota, for 59m 5"), "{out}");

    setting.run(&["pause", "slow", "--yes"]);
    let paused = setting.json(&["slow"]);
    assert_eq!((&paused["binds"], &paused["forecast"][0]["wait_ms"]), (&Value::Null, &Value::Null), "{paused}");
    assert_eq!(
        (&paused["forecast"][0]["limit"], &paused["limits"][0]["forecast"][0]["wait_ms"]),
        (&Value::Null, &Value::Null)
    );
    drop(held);
}
