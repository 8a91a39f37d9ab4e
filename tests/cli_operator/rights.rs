//! With the users of `deploy/redis/users.acl`: what an operator may do, and what a program's user may look at.

use std::process::Command;

use paceline::{Limiter, Permit, RedisStore};
use serde_json::Value;

use crate::{budget, support::RedisServer, take};

const CONFIG: &str = "[budget.keap]\nlimit = [{ name = 'hour', kind = 'sliding-window', quota = 3, per = '1h' }]";

/// What is told to one of the users: output, what is beside it, and the exit code.
fn told(server: &RedisServer, login: &str, arguments: &[&str]) -> (String, String, i32) {
    let url = format!("redis://{login}@127.0.0.1:{}", server.port());
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let output = command.args(arguments).args(["--redis", &url]).env_remove("PACELINE_CONFIG").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

const OPERATOR: &str = "operator:operator-demo";
const PROGRAM: &str = "paceline:paceline-demo";
/// The text that names the way out.
const LOG_IN: &str = "; this needs an operator's login, such as deploy/redis/users.acl has\n";

/// A program that uses its budget.
async fn program(server: &RedisServer) -> Limiter {
    let url = format!("redis://{PROGRAM}@127.0.0.1:{}", server.port());
    Limiter::new(RedisStore::connect_trusting(&url).await.unwrap(), budget())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_looks_and_orders_on_the_deployed_redis() {
    let server = RedisServer::deployed();
    let limiter = program(&server).await;
    let held = take(&limiter, 2).await;
    for (command, code, shown) in [
        (&["list"][..], 0, "keap"),
        (&["inspect"], 0, "budget keap"),
        (&["inspect", "keap"], 0, "0 of 3"),
        (&["why", "keap"], 0, "would go at once"),
        (&["limit", "keap", "hour", "--quota", "2", "--for", "1h", "--yes"], 0, "allows 2 for 1h"),
        (&["limit", "keap", "hour", "--end", "--yes"], 0, "its configured quota again"),
        (&["cool-down", "keap", "--for", "1m", "--yes"], 0, "nobody sends for 1m"),
        (&["cool-down", "keap", "--end", "--yes"], 0, "the cooldown has ended"),
        (&["pause", "keap", "--yes"], 0, "paused"),
        (&["why", "keap"], 3, "waits: it is paused"),
        (&["resume", "keap", "--yes"], 0, "resumed"),
        (&["reset", "keap", "--limit", "hour", "--yes"], 0, "forgotten"),
        (&["audit"], 0, "reset limit hour"),
        (&["audit", "keap", "--last", "1"], 0, "reset limit hour"),
    ] {
        let (out, err, done) = told(&server, OPERATOR, command);
        assert!(out.contains(shown) && err.is_empty() && done == code, "{command:?}: {done} {out}{err}");
    }
    held.into_iter().for_each(Permit::complete);
    limiter.flush().await.unwrap();
    let (out, err, code) = told(&server, OPERATOR, &["drain", "keap", "--yes"]);
    assert!(out.contains("drained") && code == 0, "{out}{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_user_looks_at_what_it_names() {
    let server = RedisServer::deployed();
    let limiter = program(&server).await;
    let held = (take(&limiter, 2).await, take(&limiter.for_key("t1").unwrap(), 1).await);
    for look in ["inspect", "why"] {
        for (key, taken) in [(&[][..], 2), (&["--key", "t1"], 1)] {
            let (out, err, code) = told(&server, PROGRAM, &[&[look, "keap"], key, &["--json"]].concat());
            let shown: Value =
                serde_json::from_str(&out).unwrap_or_else(|why| panic!("{look} {key:?}: {why}: {out}{err}"));
            let report = if look == "inspect" { &shown[0] } else { &shown };
            assert_eq!(
                (&report["limits"][0]["in_flight"], err.as_str(), code),
                (&taken.into(), "", 0),
                "{look} {key:?}"
            );
        }
    }
    let note = "note: this user may not look which partitions and other budgets are in use; an operator may\n";
    for look in ["inspect", "why"] {
        let (_, err, code) = told(&server, PROGRAM, &[look, "kaep"]);
        assert_eq!((err.as_str(), code), (note, 0), "{look}");
    }
    let trail = &["audit", "keap"][..];
    for walk in [&["list"][..], &["inspect"], &["audit"], trail, &["pause", "keap", "--all-keys", "--yes"]] {
        let (out, err, code) = told(&server, PROGRAM, walk);
        let refused = err.starts_with("error: Redis at ") && err.contains("NOPERM") && err.ends_with(LOG_IN);
        assert!(refused && out.is_empty() && code == 1, "{walk:?}: {err}");
    }
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_its_user_may_not_give_is_not_given_by_half() {
    let server = RedisServer::deployed();
    let limiter = program(&server).await;
    let held = take(&limiter, 1).await;
    for order in [
        &["pause", "keap"][..],
        &["drain", "keap"],
        &["cool-down", "keap", "--for", "1m"],
        &["limit", "keap", "hour", "--quota", "1", "--for", "1h"],
        &["reset", "keap"],
    ] {
        let (out, err, code) = told(&server, PROGRAM, &[order, &["--yes"]].concat());
        assert!(err.contains("'xadd'") && err.ends_with(LOG_IN) && out.is_empty() && code == 1, "{order:?}: {err}");
    }
    let report = limiter.inspect().await.unwrap().unwrap();
    assert!(report.paused.is_none() && report.limits.iter().all(|limit| limit.cooldown_ms.is_none()), "{report:?}");
    assert!(limiter.try_acquire(1).await.is_ok());
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_order_but_not_look_around_is_taken_at_the_word() {
    let server = RedisServer::own();
    let rights = "~pl:1:* resetchannels &pl:1:wake:* +@all -scan";
    let user = [&["ACL", "SETUSER", "deputy", "on", ">secret"], &rights.split(' ').collect::<Vec<_>>()[..]].concat();
    server.command(&user);
    let deputy = "deputy:secret";
    let limiter = Limiter::new(RedisStore::connect_trusting(server.url()).await.unwrap(), budget());
    let held = take(&limiter, 1).await;
    let note = "note: this concerns no partition of budget keap; this user may not look whether any is in use\n";
    for order in ["pause", "resume"] {
        let (out, err, code) = told(&server, deputy, &[order, "keap", "--yes"]);
        assert!(out.starts_with("Budget keap: ") && err == note && code == 0, "{order}: {out}{err}");
    }
    let (_, err, code) = told(&server, deputy, &["pause", "kaep", "--yes"]);
    assert!(err.starts_with("error: nobody uses budget kaep in this Redis; ") && code == 1, "{err}");
    let (_, err, code) = told(&server, deputy, &["pause", "keap", "--key", "t1", "--yes"]);
    assert!(err.starts_with("error: nobody uses budget keap, key t1 in this Redis; ") && code == 1, "{err}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paceline.toml");
    std::fs::write(&file, CONFIG).unwrap();
    let order = ["pause", "keap", "--key", "t1", "--yes", "--config", file.to_str().unwrap()];
    let (out, err, code) = told(&server, deputy, &order);
    assert!(out.starts_with("Budget keap, key t1: paused") && err.is_empty() && code == 0, "{out}{err}");
    drop(held);
}
