//! What `deploy/` sets up, on the real parts that are here.
#![cfg(feature = "cli")]

mod support;

use std::collections::BTreeSet;

use assert_cmd::Command;
use serde_json::Value;
use support::{Client, RedisServer};

const USERS: &str = include_str!("../deploy/redis/users.acl");

/// As in `users.acl`.
const PROGRAM: &str = "paceline:paceline-demo";
const OPERATOR: &str = "operator:operator-demo";

fn rights(line: &str) -> BTreeSet<&str> {
    line.split_whitespace().filter(|word| word.starts_with(['+', '-', '~', '&'])).collect()
}

fn of_user(name: &str) -> &'static str {
    USERS.lines().find(|line| line.starts_with(&format!("user {name} "))).unwrap()
}

/// What `paceline doctor` finds as one of the users: check and status, without what is ok.
fn found(server: &RedisServer, login: &str) -> Vec<(String, String)> {
    let url = format!("redis://{login}@127.0.0.1:{}", server.port());
    let patient = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli_doctor/patient.toml");
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let output =
        command.args(["doctor", "--config", patient, "--json"]).env("PACELINE_REDIS_URL", url).output().unwrap();
    let (_, password) = login.split_once(':').unwrap();
    assert!(!String::from_utf8_lossy(&output.stdout).contains(password));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = report["findings"].as_array().unwrap().iter().filter(|finding| finding["status"] != "ok");
    findings.map(|finding| (text(&finding["check"]), text(&finding["status"]))).collect()
}

#[test]
fn the_doctor_finds_nothing_wrong_with_it() {
    let server = RedisServer::deployed();
    assert_eq!(found(&server, OPERATOR), []);
    let not_told = |check: &str| (check.to_owned(), "unknown".to_owned());
    assert_eq!(found(&server, PROGRAM), ["connections", "scripts", "slow scripts", "keys"].map(not_told));
}

/// What `lua/README.md` gives a user.
fn documented(name: &str) -> BTreeSet<&'static str> {
    let contract = include_str!("../lua/README.md");
    rights(contract.lines().find(|line| line.starts_with(&format!("ACL SETUSER {name} "))).unwrap())
}

#[test]
fn both_users_have_the_documented_rights_and_the_doctor_only_looks_beyond_them() {
    assert_eq!(rights(of_user("paceline")), documented("paceline"));
    let beyond: Vec<_> = rights(of_user("operator")).difference(&documented("operator")).copied().collect();
    assert_eq!(beyond, ["+config|get", "+memory|usage", "+script|exists", "+slowlog|get", "+type"]);
    assert!(rights(of_user("operator")).is_superset(&documented("operator")));
}

#[test]
fn nobody_may_do_what_is_not_listed() {
    let server = RedisServer::deployed();
    let place = format!("127.0.0.1:{}", server.port());
    let refused = |login: &str, words: &[&str]| {
        let mut client = Client::connect(&format!("redis://{login}{place}")).unwrap();
        client.command(words).expect_err("it is allowed").to_string()
    };
    assert!(refused("", &["PING"]).contains("NOAUTH"));
    for login in [PROGRAM, OPERATOR] {
        let login = format!("{login}@");
        for words in [
            &["FLUSHALL"][..],
            &["CONFIG", "SET", "maxmemory", "1"],
            &["SCRIPT", "FLUSH"],
            &["GET", "other"],
            &["PUBLISH", "other", "x"],
            &["KEYS", "*"],
        ] {
            assert!(refused(&login, words).contains("NOPERM"), "{login} {words:?}");
        }
    }
    assert!(refused("health:any@", &["GET", "pl:1:node"]).contains("NOPERM"));
    let mut health = Client::connect(&format!("redis://health:any@{place}")).unwrap();
    assert_eq!(health.command(&["PING"]).unwrap(), "PONG");
}

#[test]
fn it_keeps_an_append_only_file_and_takes_no_snapshots() {
    let server = RedisServer::deployed();
    let on_disk = server.command(&["CONFIG", "GET", "append*"]);
    assert!(on_disk.contains("appendonly\nyes") && on_disk.contains("appendfsync\neverysec"), "{on_disk}");
    assert_eq!(server.command(&["CONFIG", "GET", "save"]), "save\n");
}
