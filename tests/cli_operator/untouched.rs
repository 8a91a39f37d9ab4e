//! Who looks changes nothing: a Redis in use or an empty one, a replica, a user who may only read.

use std::{process::Command, thread::sleep, time::Duration};

use crate::{limiter, paceline, support::RedisServer, take};

/// All that looks and prints.
const LOOKS: &[&[&str]] = &[
    &["list"],
    &["inspect"],
    &["inspect", "keap"],
    &["inspect", "keap", "--json"],
    &["inspect", "nosuch"],
    &["why", "keap", "--calls", "5000"],
    &["why", "nosuch"],
    &["audit"],
    &["audit", "keap"],
    &["doctor"],
];

/// What a read-only user needs, and no more.
const READER: &[&str] = &[
    "ACL",
    "SETUSER",
    "reader",
    "on",
    ">secret",
    "~pl:1:*",
    "resetchannels",
    "-@all",
    "+eval",
    "+evalsha",
    "+time",
    "+scan",
    "+hget",
    "+hmget",
    "+hscan",
    "+zrangebylex",
    "+xrevrange",
];

/// A budget in use, by a process that has ended without a word: nobody but who looks talks to this Redis.
fn in_use() -> RedisServer {
    let server = RedisServer::own();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let held = runtime.block_on(async {
        let limiter = limiter(&server).await;
        let held = take(&limiter, 2).await;
        (limiter, held)
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    drop(held);
    paceline(&server, &["pause", "keap", "--why", "maintenance", "--yes"]);
    server
}

/// How often it was written to, and how many keys it has.
fn written(server: &RedisServer) -> (String, String) {
    let persistence = server.command(&["INFO", "persistence"]);
    let changes = persistence.lines().find(|line| line.starts_with("rdb_changes_since_last_save:")).unwrap();
    (changes.trim().to_owned(), server.command(&["DBSIZE"]))
}

/// On a terminal, for long enough that it looks several times.
fn watch(server: &RedisServer, arguments: &[&str]) {
    let (_pty, pts) = pty_process::blocking::open().unwrap();
    let mut child = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_paceline"))
        .args(["watch", "--every", "100ms"])
        .args(arguments)
        .env("PACELINE_REDIS_URL", server.url())
        .env("TERM", "xterm-256color")
        .env_remove("PACELINE_CONFIG")
        .spawn(pts)
        .unwrap();
    sleep(Duration::from_millis(1500));
    assert!(child.try_wait().unwrap().is_none(), "it watches");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn looking_writes_nothing() {
    for server in [in_use(), RedisServer::own()] {
        let before = written(&server);
        for look in LOOKS {
            let (_, told, code) = paceline(&server, look);
            assert!(!told.starts_with("error:"), "{look:?}: {told}{code}");
            assert_eq!(written(&server), before, "{look:?}");
        }
        for arguments in [&[][..], &["keap"]] {
            watch(&server, arguments);
            assert_eq!(written(&server), before, "watch {arguments:?}");
        }
    }
}

#[test]
fn a_replica_shows_what_there_is_and_says_what_it_is() {
    let primary = in_use();
    let replica = RedisServer::own_with(&["--replicaof", "127.0.0.1", &primary.port().to_string()]);
    let is_there = || replica.command(&["DBSIZE"]) == primary.command(&["DBSIZE"]);
    assert!(
        (0..200).any(|_| is_there() || {
            sleep(Duration::from_millis(50));
            false
        }),
        "it never came"
    );

    let note = "note: this Redis is a replica: what it shows may be a little old, and orders go to the primary\n";
    for look in LOOKS.iter().filter(|look| look[0] != "doctor") {
        let (shown, told, _) = paceline(&replica, look);
        assert!(told.starts_with(note) && !told.contains("error"), "{look:?}: {told}");
        assert!(!shown.is_empty(), "{look:?}");
    }
    assert!(paceline(&replica, &["inspect", "keap"]).0.contains("paused by"));
    watch(&replica, &[]);
    let (_, told, code) = paceline(&replica, &["resume", "keap", "--yes"]);
    assert!(told.contains("it is a replica; point the address at the primary") && code == 1, "{told}");
}

#[test]
fn who_may_only_read_may_look() {
    let server = in_use();
    server.command(READER);
    server.command(&["DEL", "pl:1:node"]);
    let url = format!("redis://reader:secret@127.0.0.1:{}", server.port());
    for look in LOOKS.iter().filter(|look| look[0] != "doctor") {
        let output = Command::new(env!("CARGO_BIN_EXE_paceline")).args(*look).args(["--redis", &url]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!told.contains("error") && !output.stdout.is_empty(), "{look:?}: {told}");
    }
    assert_eq!(server.command(&["EXISTS", "pl:1:node"]), "0");
}
