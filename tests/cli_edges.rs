//! What a stranger to the command runs into: a Redis that goes away, and arguments that say too much or too little.
#![cfg(feature = "cli")]

mod support;

use std::{process::Child, thread, time::Duration};

use support::{Shell, ended, until};

const CONFIG: &str = "
[budget.api]
limit = [{ name = 'ep', kind = 'sliding-window', quota = 2, per = '1h', scope = 'endpoint' },
         { name = 'open', kind = 'concurrency', quota = 1 }]
";

/// Starts one, and waits till it has left this in Redis.
fn start(shell: &Shell, arguments: &[&str], seen: impl FnMut() -> bool) -> Child {
    let child = shell.command(arguments).spawn().unwrap();
    until(&arguments.join(" "), seen);
    child
}

fn is_paused(shell: &Shell) -> bool {
    shell.run(&["audit", "api"]).0.contains("pause until resumed")
}

fn one_waits(shell: &Shell) -> bool {
    shell.run(&["list", "--json"]).0.contains("\"waiting\": 1")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_goes_on_when_redis_is_back_and_says_at_the_end_what_it_knows() {
    let shell = Shell::of(CONFIG);
    let limiter = shell.limiter("api").await;
    let held = limiter.acquire(1).await.unwrap();
    let drain = start(&shell, &["drain", "api", "--yes", "--timeout", "30s"], || is_paused(&shell));
    shell.server.stop_process();
    // Longer than an answer may take.
    thread::sleep(Duration::from_millis(2500));
    shell.server.cont();
    held.complete();
    limiter.flush().await.unwrap();
    let (out, told, code) = ended(drain);
    assert!(out.contains("drained; nothing is in flight") && code == 0, "{out}{told}");

    shell.run(&["resume", "api", "--yes"]);
    let held = limiter.acquire(1).await.unwrap();
    let drain = start(&shell, &["drain", "api", "--yes", "--timeout", "30s"], || {
        shell.run(&["audit", "api"]).0.matches("pause until resumed").count() == 2
    });
    shell.run(&["resume", "api", "--yes"]);
    let (_, told, code) = ended(drain);
    assert!(told.contains("it was resumed by somebody, or this Redis lost its memory") && code == 1, "{told}");

    shell.run(&["pause", "api", "--yes"]);
    let drain = start(&shell, &["drain", "api", "--yes", "--timeout", "2s"], || {
        shell.run(&["audit", "api"]).0.matches("pause until resumed").count() == 4
    });
    shell.server.stop_process();
    let (_, told, code) = ended(drain);
    shell.server.cont();
    assert!(told.starts_with("error: budget api: what is in flight is not known: ") && code == 1, "{told}");
    assert!(told.ends_with("; it was paused, and stays so unless this Redis lost its memory\n"), "{told}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_redis_that_is_away_is_told_so_and_no_limit_is_blamed() {
    let shell = Shell::of(CONFIG);
    let limiter = shell.limiter("api").await;
    let held = limiter.acquire(1).await.unwrap();
    let waits = start(&shell, &["exec", "api", "--", "echo", "its turn"], || one_waits(&shell));
    shell.server.stop_process();
    thread::sleep(Duration::from_millis(4000));
    shell.server.cont();
    thread::sleep(Duration::from_millis(1500));
    held.complete();
    limiter.flush().await.unwrap();
    let (out, told, code) = ended(waits);
    assert_eq!((out.as_str(), code), ("its turn\n", 0), "{told}");
    let notes: Vec<_> = told.lines().filter(|line| !line.contains("nothing is taken from limit ep")).collect();
    assert_eq!(notes.len(), 2, "{told}");
    assert!(notes[0].starts_with("note: this waits until the store is back: Redis at "), "{told}");
    assert!(notes[1].starts_with("note: the store is back after "), "{told}");

    let held = limiter.acquire(1).await.unwrap();
    let waits = start(&shell, &["acquire", "api", "--wait", "3s"], || one_waits(&shell));
    shell.server.stop_process();
    let (_, told, code) = ended(waits);
    shell.server.cont();
    assert!(told.contains("error: Redis at ") && !told.contains("binds") && code == 1, "{told}");
    drop(held);
}

#[test]
fn what_is_said_twice_or_not_at_all_is_named() {
    let shell = Shell::of(CONFIG);
    for (arguments, parts) in [
        (
            &["acquire", "api", "--scope", "endpoint=/one", "--scope", "endpoint=/two"][..],
            &["error: --scope endpoint=... is given twice; give it one value\n"][..],
        ),
        (&["cool-down", "api"], &["<--for <TIME>|--end>"]),
        (&["limit", "api", "open"], &["<--quota <N>|--end>", "<--for <TIME>|--end>"]),
        (&["send", "http://127.0.0.1:1"], &["<-n <N>|--duration <TIME>>"]),
        (&["audit", "nosuch"], &["error: there is no budget nosuch in the configuration; it has api\n"]),
    ] {
        let (out, told, code) = shell.run(arguments);
        assert!(out.is_empty() && code != 0, "{arguments:?}: {out}{told}");
        assert!(parts.iter().all(|part| told.contains(part)), "{arguments:?}: {told}");
    }
    let preset = ["send", "http://127.0.0.1:1", "--preset", "keap", "--var", "foo=1", "-n", "1"];
    let output = shell.command(&preset).env_remove("PACELINE_CONFIG").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.matches("per_second").count(), 1, "{told}");
}

#[test]
fn a_variable_that_is_empty_is_not_set() {
    let shell = Shell::of(CONFIG);
    let run = |arguments: &[&str], variables: &[(&str, &str)]| {
        ended(shell.command(arguments).envs(variables.iter().copied()).spawn().unwrap())
    };
    let nowhere = [("PACELINE_CONFIG", ""), ("PACELINE_REDIS_URL", "")];
    let (_, told, code) = run(&["list"], &nowhere);
    assert_eq!(
        (told.as_str(), code),
        ("error: say where: --config FILE or --redis URL (or PACELINE_CONFIG, PACELINE_REDIS_URL)\n", 1)
    );
    let (_, told, code) = run(&["acquire", "api"], &nowhere);
    assert!(told.contains("--config <FILE>") && code == 2, "{told}");
    let (out, _, code) = run(&["list"], &nowhere[..1]);
    assert_eq!((out.as_str(), code), ("No budget is in use in this Redis.\n", 0));
    let (_, told, code) = run(&["acquire", "api", "--scope", "endpoint=/r"], &nowhere[1..]);
    assert!(told.starts_with("note: no Redis is configured") && code == 0, "{told}");
}
