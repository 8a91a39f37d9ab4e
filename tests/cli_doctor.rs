//! `paceline doctor` on servers that are each wrong in one way.
#![cfg(feature = "cli")]

mod support;

use std::{
    fs,
    path::Path,
    thread::sleep,
    time::{Duration, Instant},
};

use assert_cmd::Command;
use serde_json::Value;
use support::{Client, RedisServer};

const SECRET: &str = "s3cr3t-canary";
const PATIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli_doctor/patient.toml");

/// What it prints and its exit code.
struct Diagnosis {
    out: String,
    told: String,
    code: i32,
}

/// A look at one server.
fn doctor(url: &str, more: &[&str]) -> Diagnosis {
    run(&[&["--redis", url, "--config", PATIENT], more].concat())
}

fn run(arguments: &[&str]) -> Diagnosis {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let output =
        command.arg("doctor").args(arguments).env_remove("PACELINE_REDIS_URL").env("COLUMNS", "80").output().unwrap();
    let [out, told] = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap());
    assert!(!out.contains(SECRET) && !told.contains(SECRET), "{out}{told}");
    Diagnosis { out, told, code: output.status.code().unwrap() }
}

/// The findings of a check: status and what was seen.
fn findings(url: &str, check: &str) -> (Vec<(String, String)>, i32) {
    let Diagnosis { out, code, .. } = doctor(url, &["--json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let all = report["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check);
    (all.map(|finding| (text(&finding["status"]), text(&finding["seen"]))).collect(), code)
}

#[track_caller]
fn expect(url: &str, check: &str, status: &str, seen: &str) {
    let (found, code) = findings(url, check);
    assert!(found.iter().any(|found| found.0 == status && found.1.contains(seen)), "{check}: {found:?}");
    assert_eq!(code, i32::from(status == "broken"), "{check}: {found:?}");
}

#[test]
fn a_redis_as_it_should_be_passes_every_check_and_nothing_is_changed() {
    let server = RedisServer::own_with(&["--appendonly", "yes"]);
    let Diagnosis { out, told, code } = doctor(server.url(), &["--json"]);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, told.as_str()), (0, ""), "{out}");
    assert_eq!(report["redis"], format!("127.0.0.1:{}", server.port()));
    assert_eq!((&report["status"], &report["error"]), (&"ok".into(), &Value::Null), "{report:#}");
    let found = report["findings"].as_array().unwrap();
    let checks: Vec<_> = found.iter().map(|finding| finding["check"].as_str().unwrap()).collect();
    let all = [
        "version",
        "role",
        "cluster",
        "eviction",
        "memory",
        "persistence",
        "replication",
        "rights",
        "orders",
        "access",
        "connections",
        "clock",
        "latency",
        "scripts",
        "slow scripts",
        "keys",
    ];
    assert_eq!(checks, all);
    for finding in found {
        let fields: Vec<_> = finding.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(fields, ["check", "status", "seen", "why", "mend"]);
        assert!(finding["mend"].is_null() && !finding["why"].as_str().unwrap().is_empty());
    }
    assert_eq!(server.command(&["DBSIZE"]), "0");
    let info = server.command(&["INFO", "persistence"]);
    assert!(info.contains("rdb_changes_since_last_save:0\r"), "{info}");
    assert_eq!(server.command(&["PUBSUB", "CHANNELS"]), "");
}

#[test]
fn people_get_what_was_seen_why_and_the_mend_in_80_columns() {
    let settings = ["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru", "--appendonly", "yes"];
    let server = RedisServer::own_with(&settings);
    let Diagnosis { out, code, .. } = doctor(server.url(), &[]);
    assert_eq!(code, 1, "{out}");
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in [
        "BROKEN eviction maxmemory-policy allkeys-lru, maxmemory 100 MiB Keys of ours",
        "-> set maxmemory-policy noeviction",
        "ok version ",
        "Not as it should be. Broken: 1, warnings: 0, unknown: 0, ok: 15.",
    ] {
        assert!(flat.contains(part), "{part}\n{out}");
    }
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    expect(server.url(), "eviction", "warning", "allkeys-lru, maxmemory unlimited");
}

#[test]
fn a_redis_that_is_full_is_broken() {
    let server = RedisServer::own_with(&["--maxmemory", "512kb"]);
    expect(server.url(), "memory", "broken", "used of 512 KiB");
}

#[test]
fn a_replica_and_a_primary_without_a_fence_are_told() {
    let primary = RedisServer::own();
    let port = primary.port().to_string();
    let replica = RedisServer::own_with(&["--replicaof", "127.0.0.1", &port]);
    expect(replica.url(), "role", "broken", "a replica");
    until(&primary, "replication", "connected_slaves:1");
    expect(primary.url(), "replication", "warning", "1 replica, and it grants without seeing one");
    // The lag of 10 s is what Redis has by default.
    primary.command(&["CONFIG", "SET", "min-replicas-to-write", "1"]);
    until(&primary, "replication", "min_slaves_good_slaves:1");
    expect(primary.url(), "replication", "warning", "1 in time; but cut off from them it grants for 10 s more");
    primary.command(&["CONFIG", "SET", "min-replicas-max-lag", "60"]);
    expect(primary.url(), "replication", "warning", "grants for 60 s more (min-replicas-max-lag)");
    let alone = RedisServer::own_with(&["--min-replicas-to-write", "1"]);
    expect(alone.url(), "replication", "broken", "0 replicas in time");
}

/// Waits for what the server will say in a section of INFO.
#[track_caller]
fn until(server: &RedisServer, section: &str, line: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !server.command(&["INFO", section]).contains(line) {
        assert!(Instant::now() < deadline, "{line}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_snapshot_that_failed_stops_every_grant() {
    let server = RedisServer::own_with(&["--save", "3600", "1"]);
    let directory = server.command(&["CONFIG", "GET", "dir"]).replace("dir\n", "");
    // Where the snapshot should go stands something else.
    fs::create_dir_all(Path::new(&directory).join("dump.rdb/in-its-way")).unwrap();
    server.command(&["BGSAVE"]);
    until(&server, "persistence", "rdb_last_bgsave_status:err");
    expect(server.url(), "persistence", "broken", "its last snapshot failed");
    let refused = Client::connect(server.url()).unwrap().command(&["SET", "key", "value"]).unwrap_err();
    assert!(refused.to_string().contains("MISCONF"), "{refused}");
    server.command(&["CONFIG", "SET", "stop-writes-on-bgsave-error", "no"]);
    expect(server.url(), "persistence", "warning", "its last snapshot failed");
}

#[test]
fn a_cluster_is_not_supported() {
    let server = RedisServer::own_with(&["--cluster-enabled", "yes"]);
    expect(server.url(), "cluster", "broken", "cluster mode");
}

#[test]
fn snapshots_alone_are_warned_of_and_an_append_only_file_is_not() {
    expect(RedisServer::own_with(&["--save", "3600", "1"]).url(), "persistence", "warning", "save 3600 1");
    expect(RedisServer::own_with(&["--appendonly", "yes"]).url(), "persistence", "ok", "appendfsync everysec");
    expect(RedisServer::own().url(), "persistence", "warning", "nothing is kept");
}

#[test]
fn connections_that_are_cut_are_told() {
    let server =
        RedisServer::own_with(&["--timeout", "30", "--client-output-buffer-limit", "pubsub", "1kb", "1kb", "10"]);
    expect(server.url(), "connections", "warning", "idle for 30 s");
    expect(server.url(), "connections", "warning", "a pubsub client to whom 1 KiB");
}

#[test]
fn a_user_learns_what_it_may_not_do_and_what_it_may_not_see() {
    let server = RedisServer::own();
    let contract = include_str!("../lua/README.md").lines().find(|line| line.starts_with("ACL SETUSER ")).unwrap();
    let contract = contract.replace("PASSWORD", SECRET);
    server.command(&contract.split(' ').collect::<Vec<_>>());
    let url = format!("redis://paceline:{SECRET}@127.0.0.1:{}", server.port());
    expect(&url, "rights", "ok", "every command");
    expect(&url, "orders", "ok", "none, as befits a program's (scan, persist, xadd, xrevrange)");
    server.command(&["ACL", "SETUSER", "paceline", "+scan", "+persist", "+xrevrange"]);
    expect(&url, "orders", "warning", "may not run xadd");
    server.command(&["ACL", "SETUSER", "paceline", "+xadd"]);
    expect(&url, "orders", "ok", "may give orders");
    server.command(&["ACL", "SETUSER", "paceline", "-scan", "-persist", "-xadd", "-xrevrange"]);
    // What it may not see is never ok.
    for (check, command) in [
        ("connections", "CONFIG GET"),
        ("slow scripts", "SLOWLOG GET"),
        ("keys", "SCAN"),
        ("persistence", "CONFIG GET"),
    ] {
        expect(&url, check, "unknown", command);
    }
    server.command(&["ACL", "SETUSER", "paceline", "-publish", "-hset"]);
    expect(&url, "rights", "broken", "may not run publish, hset");
    server.command(&["ACL", "SETUSER", "paceline", "+publish", "+hset", "-info"]);
    expect(&url, "rights", "warning", "may not run info");
    expect(&url, "eviction", "unknown", "INFO");
    server.command(&["ACL", "SETUSER", "paceline", "+info", "resetkeys", "~other:*"]);
    expect(&url, "rights", "broken", "may not run get, set,");
    let Diagnosis { out, code, .. } = doctor(&url, &[]);
    assert!(code == 1 && out.contains(&format!("127.0.0.1:{}", server.port())), "{out}");
}

#[test]
fn a_redis_without_a_password_that_others_reach_is_warned_of() {
    let server = RedisServer::own();
    expect(server.url(), "access", "ok", "no password, and protected-mode lets in this host only");
    server.command(&["CONFIG", "SET", "protected-mode", "no"]);
    expect(server.url(), "access", "ok", "no password, and it listens on this host only (bind 127.0.0.1)");
    // An address for documentation, which no host has: Redis passes over it.
    server.command(&["CONFIG", "SET", "bind", "127.0.0.1 -192.0.2.1"]);
    let Diagnosis { out, code, .. } = doctor(server.url(), &[]);
    let flat = out.split_whitespace().collect::<Vec<_>>().join(" ");
    let warning =
        "WARNING access no password, and other hosts may reach it (bind 127.0.0.1 -192.0.2.1) Whoever gets in";
    assert!(code == 0 && flat.contains(warning) && flat.contains("-> give the default user a password"), "{out}");
    // A user with a password is no use while the default user has none.
    server.command(&["ACL", "SETUSER", "worker", "on", &format!(">{SECRET}"), "~*", "&*", "+@all"]);
    let url = format!("redis://worker:{SECRET}@127.0.0.1:{}", server.port());
    expect(&url, "access", "warning", "no password, and other hosts may reach it");
    server.command(&["ACL", "SETUSER", "worker", "-config"]);
    expect(&url, "access", "unknown", "CONFIG GET");
    server.command(&["ACL", "SETUSER", "default", "-@all", "+ping", "+acl"]);
    expect(&url, "access", "ok", "nobody gets in without a password");
    server.command(&["ACL", "SETUSER", "default", "resetpass", ">another"]);
    expect(&url, "access", "ok", "nobody gets in without a password");
}

#[test]
fn keys_that_should_not_be_there_are_told() {
    for (command, status, seen) in [
        (["SET", "pl:1:stray", "x", "EX", "99"], "warning", "pl:1:stray is below pl:1:"),
        (["SET", "pl:2:{keap}", "x", "EX", "99"], "warning", "pl:2:{keap} is of another layout"),
        (["HSET", "pl:1:{keap}", "m", "x", ""], "warning", "pl:1:{keap} is without an expiry"),
        (["SET", "pl:1:{keap}", "x", "EX", "99"], "broken", "pl:1:{keap} is of another type"),
        (["SET", "pl:1:{keap}:line", "x", "EX", "99"], "broken", "pl:1:{keap}:line is of another type"),
        (["SET", "pl:mine", "x", "EX", "99"], "ok", "budgets and partitions: 0"),
        // A layout of two, as a little-endian double.
        (["HSET", "pl:1:{keap}", "m", "\0\0\0\0\0\0\0@", ""], "broken", "pl:1:{keap} is of a newer paceline"),
    ] {
        let server = RedisServer::own();
        let words = command.iter().copied().filter(|word| !word.is_empty()).collect::<Vec<_>>();
        server.command(&words);
        expect(server.url(), "keys", status, seen);
    }
    let server = RedisServer::own();
    for value in 0..40 {
        server.command(&["HSET", "pl:1:{keap}", &value.to_string(), &"x".repeat(128 * 1024)]);
    }
    expect(server.url(), "keys", "warning", "pl:1:{keap} takes ");
}

#[test]
fn a_pause_has_no_expiry_and_leaves_a_trail_and_both_are_as_they_should_be() {
    let server = RedisServer::own();
    // The configuration has it, though nobody uses it.
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("paceline.toml");
    fs::write(&config, "[budget.keap]\nlimit = [{ name = 'open', kind = 'concurrency', quota = 3 }]").unwrap();
    let mut pause = Command::new(env!("CARGO_BIN_EXE_paceline"));
    pause.args(["pause", "keap", "--yes", "--redis", server.url(), "--config"]).arg(&config).assert().success();
    assert_eq!(server.command(&["PTTL", "pl:1:{keap}"]), "-1");
    assert_eq!(server.command(&["TYPE", "pl:1:{keap}:audit"]), "stream");
    expect(server.url(), "keys", "ok", "partitions: 1");
}

#[test]
fn a_slow_script_of_ours_is_told_and_a_strangers_is_not() {
    let server = RedisServer::own_with(&["--slowlog-log-slower-than", "1000"]);
    let spin = "for _ = 1, 20000000 do end";
    server.command(&["EVAL", spin, "1", "strangers"]);
    expect(server.url(), "slow scripts", "ok", "none");
    server.command(&["EVAL", spin, "1", "pl:1:{keap}"]);
    expect(server.url(), "slow scripts", "warning", "1 in the slow log");
}

#[test]
fn what_cannot_be_looked_at_is_told_apart() {
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("redis://:{SECRET}@{}", listener.local_addr().unwrap())
    };
    let locked = RedisServer::own_with(&["--requirepass", "another"]);
    let wrong = format!("redis://:{SECRET}@127.0.0.1:{}", locked.port());
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("paceline.toml");
    fs::write(&config, "[budget.keap]\nlimit = [{ name = 'day', kind = 'fixed-window', quota = 0 }]").unwrap();
    for (arguments, why) in [
        (["--redis", &nobody], "see whether it runs"),
        (["--redis", &wrong], "user and password"),
        (["--config", config.to_str().unwrap()], "quota is 0"),
    ] {
        let Diagnosis { out, told, code } = run(&arguments);
        assert!(code == 2 && out.is_empty() && told.contains(why), "{arguments:?}: {told}");
        let Diagnosis { out, code, .. } = run(&[&arguments[..], &["--json"]].concat());
        let report: Value = serde_json::from_str(&out).unwrap();
        assert!(code == 2 && report["error"].as_str().unwrap().contains(why), "{report}");
    }
}

#[test]
fn the_configuration_names_the_redis_and_what_is_slow() {
    let server = RedisServer::own();
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("paceline.toml");
    let limit = "limit = [{ name = 'spike', kind = 'sliding-window', quota = 5, per = '7s' }]";
    let text = format!("[redis]\nurl = '{}'\n[budget.keap]\narrival_within = '12s'\n{limit}", server.url());
    fs::write(&config, text).unwrap();
    let Diagnosis { out, code, .. } = run(&["--config", config.to_str().unwrap(), "--json"]);
    assert_eq!(code, 0, "{out}");
    assert!(out.contains("arrival_within 12s, shortest window 7s"), "{out}");
}

#[test]
fn each_needed_right_is_missed_by_name() {
    let server = RedisServer::own();
    let contract = include_str!("../lua/README.md").lines().find(|line| line.starts_with("ACL SETUSER ")).unwrap();
    let rights: Vec<_> = contract.split(' ').map(|word| word.replace("PASSWORD", SECRET)).collect();
    let url = format!("redis://paceline:{SECRET}@127.0.0.1:{}", server.port());
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for without in rights.iter().filter(|word| word.starts_with('+')) {
        let rights: Vec<_> = rights.iter().filter(|word| *word != without).map(String::as_str).collect();
        server.command(&["ACL", "DELUSER", "paceline"]);
        server.command(&rights);
        let missing = runtime.block_on(async {
            let survey = paceline::Survey::connect(&url).await.unwrap();
            survey.missing_rights().await.unwrap()
        });
        assert_eq!(missing, [without.trim_start_matches('+')]);
    }
    assert_eq!(server.command(&["DBSIZE"]), "0");
}
