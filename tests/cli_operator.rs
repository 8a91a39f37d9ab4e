//! What an operator sees: the real binary on a real Redis, on a budget in a state that is known.
#![cfg(feature = "cli")]

#[cfg(unix)]
#[path = "cli_operator/asks.rs"]
mod asks;
#[path = "cli_operator/calls.rs"]
mod calls;
#[path = "cli_operator/configured.rs"]
mod configured;
#[path = "cli_operator/forms.rs"]
mod forms;
#[path = "cli_operator/looks.rs"]
mod looks;
#[path = "cli_operator/orders.rs"]
mod orders;
#[path = "cli_operator/rights.rs"]
mod rights;
mod support;
#[path = "cli_operator/turns.rs"]
mod turns;
#[path = "cli_operator/untouched.rs"]
mod untouched;

use std::{process::Command, time::Duration};

use insta::Settings;
use paceline::{Budget, Limit, Limiter, Permit, Quota, RedisStore};
use support::RedisServer;

/// What it prints to both, and its exit code.
fn paceline(server: &RedisServer, arguments: &[&str]) -> (String, String, i32) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command
        .args(arguments)
        .env("PACELINE_REDIS_URL", server.url())
        .env_remove("PACELINE_CONFIG")
        .env("COLUMNS", "1000");
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

/// As it is printed, but for what differs from run to run: times, hosts, processes, and with them the width of columns.
fn assert_shown(name: &str, text: &str) {
    let mut settings = Settings::clone_current();
    settings.set_snapshot_path("cli_operator/snapshots");
    settings.set_prepend_module_to_snapshot(false);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if !host.trim().is_empty() {
        settings.add_filter(&format!(r"\b{}\b", host.trim()), "HOST");
    }
    settings.add_filter(&format!(r"\b{}\b", std::process::id()), "PID");
    settings.add_filter(r"\b\d+(\.\d+)? (ms|s)\b", "TIME");
    settings.add_filter(r"\b\d+(ms|s|m|h|days?|months?)( \d+(ms|s|m|h|days?))?\b", "TIME");
    settings.add_filter(r"─+", "─");
    settings.add_filter(r" +\n", "\n");
    settings.add_filter(r"  +", "  ");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Three requests an hour, all of which are out; and a place for ten at a time.
fn budget() -> Budget {
    Budget::builder("keap")
        .limit(Limit::sliding_window("hour", Quota::per_hour(3)))
        .limit(Limit::concurrency("open", 10))
        .build()
        .unwrap()
}

async fn limiter(server: &RedisServer) -> Limiter {
    Limiter::new(RedisStore::connect_trusting(server.url()).await.unwrap(), budget())
}

async fn take(limiter: &Limiter, permits: usize) -> Vec<Permit> {
    let mut held = Vec::new();
    for _ in 0..permits {
        held.push(limiter.acquire(1).await.unwrap());
    }
    held
}

/// Waits till the store shows that so many callers wait.
async fn until_waiting(limiter: &Limiter, callers: u64) {
    for _ in 0..200 {
        if limiter.inspect().await.unwrap().is_some_and(|report| report.waiting == callers) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{callers} callers do not wait");
}
