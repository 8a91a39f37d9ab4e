//! The demo, as a stranger runs it.
#![cfg(feature = "cli")]

use std::process::Command;

use serde_json::Value;

fn demo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command.arg("demo").args(arguments).env_remove("PACELINE_REDIS_URL");
    command
}

/// The demo must tell both stories: 429s without paceline, and none with it while the budget is used.
fn proves_the_point(mut command: Command) {
    let output = command.output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let (alone, together) = (&report["acts"][0], &report["acts"][1]);
    assert!(alone["rejected"].as_u64().unwrap() > 0, "{report:#}");
    assert_eq!((&together["rejected"], &together["lost"]), (&0.into(), &0.into()), "{report:#}");
    assert!(together["worst_window"].as_u64().unwrap() <= 5, "{report:#}");
    assert!(together["share"].as_f64().unwrap() > 0.5, "{report:#}");
    assert_eq!((output.status.code(), &report["proof"]), (Some(0), &true.into()));
}

#[test]
fn without_a_redis_the_replicas_are_tasks_and_the_rules_are_the_same() {
    let mut command = demo(&["--seconds", "5", "--json"]);
    command.env("PATH", "");
    proves_the_point(command);
}

#[test]
fn with_a_redis_of_its_own_the_replicas_are_processes() {
    assert!(which::which("redis-server").is_ok(), "the demo starts a Redis of its own: put redis-server on PATH");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("dump.rdb"), "somebody else's").unwrap();
    let mut command = demo(&["--seconds", "5", "--json"]);
    command.env("TMPDIR", folder.path());
    proves_the_point(command);
}

/// Both acts of one provider of the story.
fn acts(arguments: &[&str]) -> (Value, Value) {
    let output = demo(&[&["--json", "--provider"], arguments].concat()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!((output.status.code(), &report["proof"]), (Some(0), &true.into()), "{report:#}");
    assert_eq!(report["provider"], arguments[0]);
    (report["acts"][0].clone(), report["acts"][1].clone())
}

#[test]
fn each_provider_of_the_story_says_429_to_those_who_pace_themselves_and_never_with_paceline() {
    for provider in ["aisoule", "customerio", "keap", "klaviyo", "klinky"] {
        // Longer than a window of klinky's: an act that begins near the end of one may use all of two.
        let (alone, together) = acts(&[provider, "--seconds", if provider == "klinky" { "6" } else { "3" }]);
        assert!(alone["rejected"].as_u64().unwrap() > 10, "{provider}: {alone:#}");
        assert_eq!((&together["rejected"], &together["lost"]), (&0.into(), &0.into()), "{provider}: {together:#}");
        assert!(together["accepted"].as_u64().unwrap() >= 8, "{provider}: {together:#}");
    }
}

#[test]
fn what_a_stranger_takes_is_obeyed_and_told() {
    let (alone, together) = acts(&["klinky", "--stranger", "--seconds", "5"]);
    assert!(together["strangers"].as_u64().unwrap() > 0, "{together:#}");
    assert_eq!((&together["too_early"], &together["lost"]), (&0.into(), &0.into()), "{together:#}");
    let rejected = |act: &Value| act["rejected"].as_u64().unwrap();
    assert!(rejected(&together) <= 4 && rejected(&alone) > 20, "{alone:#} {together:#}");
}

#[test]
fn bad_arguments_are_refused_with_their_reason() {
    for (arguments, reason) in [
        (["--replicas", "0"], "0 is not in 1..=64"),
        (["--callers", "-1"], "unexpected argument '-1'"),
        (["--quota", "0"], "0 is not in 1..=100000"),
        (["--quota", "1.5"], "invalid digit"),
        (["--per", "0s"], "a window lasts from 1ms to 1day"),
        (["--per", "soon"], "write it as in"),
        (["--delay", "80ms..0ms"], "the smaller bound comes first"),
        (["--seconds", "0"], "0 is not in 1..=3600"),
        (["--provider", "nobody"], "possible values: aisoule, customerio, keap, klaviyo, klinky"),
        (["--stranger", "0.5"], "--provider <NAME>"),
    ] {
        let output = demo(&arguments).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && told.contains(reason), "{arguments:?}: {told}");
    }
}

/// Linux shows which processes there are.
#[cfg(target_os = "linux")]
mod orphans {
    use std::{
        path::PathBuf,
        process::{Command, Stdio},
        time::{Duration, Instant},
    };

    use super::demo;

    /// The processes that carry a mark in their environment.
    fn marked(mark: &str) -> Vec<PathBuf> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let carries = |path: &PathBuf| {
            std::fs::read(path.join("environ")).is_ok_and(|environ| String::from_utf8_lossy(&environ).contains(mark))
        };
        processes.filter(carries).collect()
    }

    fn wait_until(what: &str, condition: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while !condition() {
            assert!(Instant::now() < deadline, "{what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    #[test]
    fn however_it_ends_no_child_is_left() {
        if which::which("redis-server").is_err() {
            return eprintln!("skipped: there is no redis-server on PATH");
        }
        for signal in ["-INT", "-TERM", "-KILL"] {
            let mark = format!("PACELINE_TEST_MARK_{}_{signal}", std::process::id());
            let mut process = demo(&["--replicas", "3", "--seconds", "60"])
                .env("PACELINE_TEST_MARK", &mark)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            // The demo, three replicas, and the shell that waits for Redis (which hides its own environment).
            wait_until("the replicas never came up", || marked(&mark).len() == 5);
            assert!(Command::new("kill").args([signal, &process.id().to_string()]).status().unwrap().success());
            process.wait().unwrap();
            wait_until("a child outlived the demo", || marked(&mark).is_empty());
        }
    }
}
