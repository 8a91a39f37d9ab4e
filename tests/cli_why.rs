//! `paceline why`: about calls that a scope or a tier tells apart, and where there is no forecast.
#![cfg(feature = "cli")]

mod support;

use serde_json::Value;
use support::{Shell, ended};

const CONFIG: &str = "
[budget.api]
limit = [{ name = 'ep', kind = 'sliding-window', quota = { S = 2, M = 9 }, per = '1h', scope = 'endpoint' },
         { name = 'open', kind = 'concurrency', quota = 5 }]
[budget.slow]
limit = [{ name = 'day', kind = 'sliding-window', quota = 3, per = '1d' }]
";

/// Without the configuration.
fn run(shell: &Shell, arguments: &[&str]) -> (String, String, i32) {
    ended(shell.command(arguments).env_remove("PACELINE_CONFIG").spawn().unwrap())
}

fn why(shell: &Shell, arguments: &[&str]) -> (String, String, i32) {
    shell.run(&[&["why"], arguments].concat())
}

fn json(shell: &Shell, arguments: &[&str]) -> Value {
    let (out, told, _) = why(shell, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{told}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_about_the_calls_of_a_scope_and_a_tier_and_hides_no_limit_that_is_full() {
    let shell = Shell::of(CONFIG);
    let all = shell.limiter("api").await;
    let held = all.scoped("endpoint", "/r").unwrap().tier("S").unwrap().acquire(2).await.unwrap();

    for without in [run(&shell, &["why", "api"]), why(&shell, &["api"])] {
        let (out, told, code) = without;
        let full = "would go at once: only limit ep@S@%2Fr, for calls of that tier or scope, is full or cooling down; \
                    with --scope, --tier or --route it is about such calls.";
        assert!(out.contains(full) && told.is_empty() && code == 0, "{out}{told}");
        assert!(out.contains("ep@S@%2Fr *"), "{out}");
    }

    let (out, told, code) = why(&shell, &["api", "--scope", "endpoint=/r", "--tier", "S"]);
    assert!(out.starts_with("A call on budget api would wait about ") && told.is_empty() && code == 3, "{out}{told}");
    assert!(out.contains("because limit ep@S@%2Fr binds: of 2 units") && !out.contains('*'), "{out}");
    let asked = json(&shell, &["api", "--scope", "endpoint=/r", "--tier", "S"]);
    assert_eq!(asked["binds"], "ep@S@%2Fr");
    assert!(asked["forecast"][0]["wait_ms"].as_u64().unwrap() > 3_000_000, "{asked}");

    // Others of the same limit have theirs, which nobody used yet.
    let (out, _, code) = why(&shell, &["api", "--scope", "endpoint=/other", "--tier", "S"]);
    assert!(out.contains("would go at once: units of every limit that concerns it are free.") && code == 0, "{out}");
    assert!(out.contains("\nep@S@%2Fother ") && out.contains("\nep@S@%2Fr *"), "{out}");
    let (_, told, _) = why(&shell, &["api", "--scope", "endpoint=/r"]);
    assert_eq!(told, "note: budget api: nothing is taken from limit ep (give --tier)\n");
    let (_, told, code) = run(&shell, &["why", "api", "--tier", "S"]);
    assert!(code == 1 && told.contains("is known from its configuration; give the --config that has it"), "{told}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_is_no_limit_that_binds_and_ten_years_are_no_forecast() {
    let shell = Shell::of(CONFIG);
    let limiter = shell.limiter("slow").await;
    let held = limiter.acquire(3).await.unwrap();
    let (out, _, code) = why(&shell, &["slow", "--calls", "1000000000"]);
    assert!(out.contains("1000000000 calls of one process would take more than 10 years.") && code == 3, "{out}");
    assert!(out.lines().any(|line| line.starts_with("day ") && line.ends_with("  more than 10 years")), "{out}");

    run(&shell, &["limit", "slow", "day", "--quota", "2", "--for", "1h", "--yes"]);
    let (out, _, _) = why(&shell, &["slow"]);
    assert!(out.contains("limit day binds: of 2 units (an operator's quota, for 59m 5"), "{out}");

    run(&shell, &["pause", "slow", "--yes"]);
    let paused = json(&shell, &["slow"]);
    assert_eq!((&paused["binds"], &paused["forecast"][0]["wait_ms"]), (&Value::Null, &Value::Null), "{paused}");
    assert_eq!(
        (&paused["forecast"][0]["limit"], &paused["limits"][0]["forecast"][0]["wait_ms"]),
        (&Value::Null, &Value::Null)
    );
    drop(held);
}
