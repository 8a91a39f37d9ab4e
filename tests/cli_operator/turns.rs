//! `acquire` and `exec`: what is no request of ours takes its turn.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use crate::support::{Shell, until};

/// One job at a time, and two an hour of another kind.
const CONFIG: &str = "
[budget.jobs]
limit = [{ name = 'open', kind = 'concurrency', quota = 1 }]
[budget.keap]
limit = [{ name = 'hour', kind = 'sliding-window', quota = 2, per = '1h' }]
";

#[test]
fn a_script_takes_its_turn_or_is_told_that_none_comes() {
    let shell = Shell::of(CONFIG);
    let (out, _, code) = shell.run(&["acquire", "keap"]);
    assert!(out.starts_with("granted after ") && code == 0, "{out}");
    let (out, _, _) = shell.run(&["acquire", "keap", "--json"]);
    let granted: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(granted["granted"], true);
    let (out, err, code) = shell.run(&["acquire", "keap", "--wait", "1s"]);
    assert_eq!((out.as_str(), code), ("", 75));
    assert!(err.starts_with("error: budget keap: limit hour frees a place in about"), "{err}");
    let (out, _, code) = shell.run(&["acquire", "keap", "--wait", "1s", "--json"]);
    let refused: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &refused["granted"]), (75, &false.into()));
    let (_, err, code) = shell.run(&["acquire", "keap", "--cost", "3"]);
    assert!(code == 1 && err.contains("can never fit limit hour"), "{err}");
    let (_, err, code) = shell.run(&["acquire", "kaep"]);
    assert!(code == 1 && err.contains("there is no budget kaep in the configuration; it has jobs, keap"), "{err}");
}

#[test]
fn a_command_runs_in_its_turn_and_its_exit_code_comes_back() {
    let shell = Shell::of(CONFIG);
    let (out, _, code) = shell.run(&["exec", "jobs", "--", "sh", "-c", "echo done; exit 7"]);
    assert_eq!((out.as_str(), code), ("done\n", 7));
    let (_, _, code) = shell.run(&["exec", "jobs", "--", "sh", "-c", "kill -TERM $$"]);
    assert_eq!(code, 128 + 15);
    let (_, err, code) = shell.run(&["exec", "jobs", "--", "/nowhere/at-all"]);
    assert!(code == 127 && err.contains("/nowhere/at-all cannot be run"), "{err}");
    let (_, _, code) = shell.run(&["exec", "jobs", "--", &shell.path("paceline.toml")]);
    assert_eq!(code, 126);
    // None of them kept its place: the next does not wait.
    let (_, _, code) = shell.run(&["exec", "jobs", "--wait", "2s", "--", "true"]);
    assert_eq!(code, 0);
}

#[test]
fn commands_that_share_one_place_never_run_together() {
    let shell = Shell::of(CONFIG);
    let log = shell.path("log");
    let script = format!("echo start >> {log}; sleep 0.2; echo end >> {log}");
    let children: Vec<_> =
        (0..4).map(|_| shell.command(&["exec", "jobs", "--", "sh", "-c", &script]).spawn().unwrap()).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(fs::read_to_string(&log).unwrap(), "start\nend\n".repeat(4));
}

#[test]
fn a_killed_exec_gives_its_place_back_when_its_lease_ends() {
    let shell = Shell::of(CONFIG);
    let ready = shell.path("ready");
    let script = format!("echo $$ > {ready}.new; mv {ready}.new {ready}; exec sleep 60");
    let mut holder = shell.command(&["exec", "jobs", "--", "sh", "-c", &script]).spawn().unwrap();
    until("it runs", || Path::new(&ready).exists());
    let (_, err, code) = shell.run(&["exec", "jobs", "--wait", "100ms", "--", "true"]);
    assert_eq!(code, 75, "its place is taken: {err}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    let killed = Instant::now();
    let (_, err, code) = shell.run(&["exec", "jobs", "--", "true"]);
    assert_eq!(code, 0, "{err}");
    assert!(killed.elapsed() < Duration::from_secs(10), "a lease is 5 s: {:?}", killed.elapsed());
    // What it ran goes on without it.
    let orphan = fs::read_to_string(&ready).unwrap();
    assert!(Command::new("kill").arg(orphan.trim()).status().unwrap().success());
}

#[test]
fn sigterm_reaches_the_command_and_ends_the_wait_for_a_turn() {
    let shell = Shell::of(CONFIG);
    let terminate = |id: u32| {
        assert!(Command::new("kill").args(["-TERM", &id.to_string()]).status().unwrap().success());
    };
    let ready = shell.path("ready");
    let script = format!("trap 'exit 9' TERM; touch {ready}; while :; do sleep 0.05; done");
    let holder = shell.command(&["exec", "jobs", "--", "sh", "-c", &script]).spawn().unwrap();
    until("it runs", || Path::new(&ready).exists());
    let not_run = shell.path("not-run");
    let waits = shell.command(&["exec", "jobs", "--", "touch", &not_run]).spawn().unwrap();
    until("the other waits", || shell.server.command(&["ZCARD", "pl:1:{jobs}:line"]).parse::<u32>().unwrap() > 3);
    terminate(waits.id());
    assert_eq!(waits.wait_with_output().unwrap().status.code(), Some(130));
    assert!(!Path::new(&not_run).exists());
    terminate(holder.id());
    assert_eq!(holder.wait_with_output().unwrap().status.code(), Some(9));
}
