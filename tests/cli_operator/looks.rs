//! `list`, `inspect` and `why`.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::Duration,
};

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use serde_json::Value;

use crate::{assert_shown, budget, limiter, paceline, support::RedisServer, take, until_waiting};

fn json(server: &RedisServer, arguments: &[&str]) -> Value {
    let (out, err, _) = paceline(server, &[arguments, &["--json"]].concat());
    serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{err}"))
}

#[test]
fn an_empty_redis_has_nothing_to_show() {
    let server = RedisServer::own();
    assert_eq!(paceline(&server, &["list"]), ("No budget is in use in this Redis.\n".into(), String::new(), 0));
    assert_eq!(json(&server, &["list"]), Value::Array(Vec::new()));
    let (out, _, code) = paceline(&server, &["list", "tenant-"]);
    assert_eq!((out.as_str(), code), ("No budget whose name contains tenant- is in use in this Redis.\n", 0));
    let (out, _, code) = paceline(&server, &["why", "keap"]);
    assert_eq!((out.as_str(), code), ("A call on budget keap would go at once: nobody uses this budget now.\n", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_busy_budget_says_what_binds_and_who_waits() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let held = take(&limiter, 3).await;
    let waits = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.acquire(1).await }
    });
    until_waiting(&limiter, 1).await;
    let (out, _, code) = paceline(&server, &["why", "keap", "--calls", "5000"]);
    assert_eq!(code, 3);
    assert_shown("why", &out);
    assert_shown("inspect", &paceline(&server, &["inspect", "keap"]).0);
    let (list, _, _) = paceline(&server, &["list"]);
    assert_shown("list", &list);
    let why = json(&server, &["why", "keap"]);
    assert_eq!((&why["binds"], &why["ahead"][0]["waiting"]), (&"hour".into(), &1.into()));
    let wait = why["forecast"][0]["wait_ms"].as_u64().unwrap();
    assert!((3_500_000..=7_200_000).contains(&wait), "an hour, or two for who stands behind: {wait}");
    let inspected = &json(&server, &["inspect", "keap"])[0];
    assert_eq!((&inspected["waiting"], &inspected["sessions"][0]["calls"]), (&1.into(), &3.into()));
    assert_eq!(inspected["sessions"][0]["pid"], std::process::id());
    waits.abort();
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_listed_busiest_first_and_filtered() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let mut held = Vec::new();
    for (tenant, calls) in [("tenant-1", 1), ("tenant-2", 3), ("the other/one", 2)] {
        held.extend(take(&limiter.for_key(tenant).unwrap(), calls).await);
    }
    limiter.for_key("tenant-1").unwrap().cool_down(Duration::from_secs(600)).await.unwrap();
    for look in ["inspect", "why"] {
        let (out, error, code) = paceline(&server, &[look, "keap"]);
        let which = "error: of budget keap 3 partitions are in use: name one with --key, such as --key 'tenant-1'; \
                     `paceline list keap` has all\n";
        assert_eq!((out.as_str(), error.as_str(), code), ("", which, 1));
    }
    let (_, error, code) = paceline(&server, &["why", "keap/the other/one"]);
    let named = "error: a budget's name has no slash; a partition is named so: keap --key 'the other/one'\n";
    assert_eq!((error.as_str(), code), (named, 1));
    let (_, note, _) = paceline(&server, &["why", "kaep"]);
    assert_eq!(note, "note: 3 budgets or partitions in use, such as keap; `paceline list` shows them\n");
    let (_, note, _) = paceline(&server, &["pause", "keap", "--key", "tenat-1", "--for", "1ms", "--yes"]);
    let mistyped = "note: nobody uses partition tenat-1 of budget keap now, but 3 partitions of it are in use\n";
    assert_eq!(note, mistyped);
    let keys = |arguments: &[&str]| -> Vec<String> {
        let listed = json(&server, &[&["list"], arguments].concat());
        listed.as_array().unwrap().iter().map(|s| s["key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys(&[]), ["tenant-1", "tenant-2", "the other/one"], "of what cools down nothing is left");
    assert_eq!(keys(&["--sort", "name"]), ["tenant-1", "tenant-2", "the other/one"]);
    assert_eq!(keys(&["tenant-"]), ["tenant-1", "tenant-2"]);
    let (out, _, _) = paceline(&server, &["list", "--top", "1"]);
    assert!(out.ends_with("and 2 more; --top 0 lists all of them\n"), "{out}");
    assert_shown("list_partitions", &paceline(&server, &["list", "--sort", "name"]).0);
    assert_shown("why_cooldown", &paceline(&server, &["why", "keap", "--key", "tenant-1"]).0);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_go_by_other_numbers_are_told_apart() {
    let server = RedisServer::own();
    let ours = limiter(&server).await;
    let five = Budget::builder("keap").limit(Limit::sliding_window("hour", Quota::per_hour(5))).build().unwrap();
    let theirs = Limiter::new(RedisStore::connect_trusting(server.url()).await.unwrap(), five.clone());
    let held = (take(&ours, 1).await, take(&theirs, 1).await);
    let inspected = &json(&server, &["inspect", "keap"])[0];
    let mut definitions: Vec<_> = (0..2).map(|i| inspected["sessions"][i]["definition"].as_str().unwrap()).collect();
    definitions.sort_unstable();
    let mut expected = [budget().definition(), five.definition()];
    expected.sort_unstable();
    assert_eq!(definitions, expected);
    assert_shown("drift", &paceline(&server, &["inspect", "keap"]).0);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_reading_ends_it_without_a_word() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let mut held = Vec::new();
    // More than a pipe holds.
    for tenant in 0..1000 {
        held.extend(take(&limiter.for_key(&format!("tenant-{tenant}")).unwrap(), 1).await);
    }
    let mut child = Command::new(env!("CARGO_BIN_EXE_paceline"))
        .args(["list", "--json"])
        .env("PACELINE_REDIS_URL", server.url())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((String::from_utf8_lossy(&output.stderr).as_ref(), output.status.code()), ("", Some(0)));
    drop(held);
}

/// As it is printed into a pipe, where nothing but `COLUMNS` says how wide it may be.
fn at(server: &RedisServer, columns: Option<usize>, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command.args(arguments).env("PACELINE_REDIS_URL", server.url()).env_remove("COLUMNS");
    let output = command.envs(columns.map(|columns| ("COLUMNS", columns.to_string()))).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_printed_fits_and_names_stay_whole_as_long_as_they_may() {
    let server = RedisServer::own();
    let limits =
        ["spike", "tenant-minute", "day-of-the-app"].map(|name| Limit::sliding_window(name, Quota::per_hour(5000)));
    let budget = limits.into_iter().fold(Budget::builder("keap"), |budget, limit| budget.limit(limit)).build().unwrap();
    let limiter = Limiter::new(RedisStore::connect_trusting(server.url()).await.unwrap(), budget);
    let held = take(&limiter.for_key("tenant-4711").unwrap(), 1).await;
    limiter.for_key("tenant-4711").unwrap().cool_down(Duration::from_secs(600)).await.unwrap();
    for look in [&["list"][..], &["inspect", "keap", "--key", "tenant-4711"], &["why", "keap", "--key", "tenant-4711"]]
    {
        for columns in [None, Some(200), Some(80), Some(60), Some(40), Some(25)] {
            let text = at(&server, columns, look);
            let most = columns.unwrap_or(usize::MAX);
            let hosts = |line: &&str| !line.contains("host  ") && !line.contains("who waits");
            let mut lines = text.lines().filter(hosts);
            assert!(lines.all(|line| line.chars().count() <= most), "{look:?} {columns:?}\n{text}");
            assert!(!text.contains('\u{1b}'), "no colours in a pipe");
            let whole = if look[0] == "list" { "keap/tenant-4711" } else { "tenant-minute" };
            assert!(most < 80 || text.contains(whole), "{look:?} {columns:?}\n{text}");
        }
    }
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_hides_nothing_that_is_in_use() {
    let server = RedisServer::own();
    let held = take(&limiter(&server).await, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paceline.toml");
    std::fs::write(&file, "[budget.crm]\nlimit = [{ name = 'a', kind = 'sliding-window', quota = 3, per = '1s' }]")
        .unwrap();
    let with = |arguments: &[&str]| paceline(&server, &[arguments, &["--config", file.to_str().unwrap()]].concat());
    assert!(with(&["list"]).0.contains("\nkeap "), "every budget of this Redis");
    assert!(with(&["inspect"]).0.starts_with("budget crm\n"), "all of the configuration");
    assert!(with(&["inspect", "keap"]).0.contains("hour"));
    let idle =
        "A call on budget crm would go at once: nobody uses this budget now. 100 calls of one process would take about";
    let (why, _, code) = with(&["why", "crm"]);
    assert!(why.starts_with(idle) && code == 0, "limits are known from the configuration: {why}");
    let (_, err, code) = with(&["why", "kaep"]);
    let error = "error: there is no budget kaep in the configuration; it has crm\n";
    assert_eq!((err.as_str(), code), (error, 1));
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_command_a_terminal_stands_as_what_it_is() {
    let server = RedisServer::own();
    let held = take(&limiter(&server).await.for_key("red\u{1b}[31m\nline").unwrap(), 1).await;
    for look in [&["list"][..], &["inspect", "keap"], &["why", "keap"]] {
        let (out, err, _) = paceline(&server, look);
        assert!(
            out.contains(r"red\u{1b}[31m\nline") && !out.contains('\u{1b}') && !err.contains('\u{1b}'),
            "{out}{err}"
        );
    }
    drop(held);
}

#[cfg(target_os = "linux")]
#[test]
fn output_that_could_not_be_written_is_a_failure() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output =
        Command::new(env!("CARGO_BIN_EXE_paceline")).args(["presets", "--json"]).stdout(full).output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(told.starts_with("error: the output could not be written: No space left on device"), "{told}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_name_that_nobody_uses_costs_one_look_at_all_keys() {
    let server = RedisServer::own();
    for (looks, command) in [["inspect", "nosuch"], ["why", "nosuch"]].iter().enumerate() {
        paceline(&server, command);
        let stats = server.command(&["INFO", "commandstats"]);
        let expected = format!("cmdstat_scan:calls={},", looks + 1);
        assert!(stats.contains(&expected), "{command:?}: {stats}");
    }
}

#[test]
fn what_is_missing_is_said() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_paceline")).arg("list").env_remove("PACELINE_REDIS_URL").output().unwrap();
    let where_to = "error: say where: --config FILE or --redis URL (or PACELINE_CONFIG, PACELINE_REDIS_URL)\n";
    assert_eq!(String::from_utf8_lossy(&output.stderr), where_to);
    let gone = ["list", "--redis", "redis://:hunter2@127.0.0.1:1"];
    let output = Command::new(env!("CARGO_BIN_EXE_paceline")).args(gone).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("see whether it runs and can be reached") && !text.contains("hunter2"), "{text}");
}
