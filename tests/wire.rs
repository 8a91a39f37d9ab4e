//! What `lua/README.md` promises to those who run Redis: the rights that it lists are enough, and none is too many.

#![cfg(feature = "redis")]

mod support;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use support::RedisServer;
use tokio::time::sleep;

const README: &str = include_str!("../lua/README.md");

/// What the client calls beside the scripts, and to run them.
const CLIENT: [&str; 4] = ["eval", "evalsha", "info", "subscribe"];

fn acl() -> Vec<String> {
    let line = README.lines().find(|line| line.starts_with("ACL SETUSER ")).expect("lua/README.md has the command");
    line.split(' ').map(|word| word.replace(">PASSWORD", ">secret")).collect()
}

/// The commands that scripts call, in lower case.
fn called() -> BTreeSet<String> {
    let lua = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
    let mut called = BTreeSet::new();
    for folder in [lua.clone(), lua.join("lib")] {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(text) = fs::read_to_string(file) else { continue };
            let names = text.split("redis.call('").skip(1).filter_map(|rest| rest.split('\'').next());
            called.extend(names.map(str::to_lowercase));
        }
    }
    called
}

#[test]
fn the_listed_commands_are_those_that_are_called() {
    let acl = acl();
    let listed: BTreeSet<_> = acl.iter().filter_map(|word| word.strip_prefix('+')).map(str::to_owned).collect();
    let mut called = called();
    called.extend(CLIENT.map(str::to_owned));
    assert_eq!(listed, called);
}

#[tokio::test]
async fn a_user_with_the_smallest_rights_can_do_it_all() {
    let server = RedisServer::own();
    let acl = acl();
    server.command(&acl.iter().map(String::as_str).collect::<Vec<_>>());
    let url = server.url().replace("redis://", "redis://paceline:secret@");
    let budget = Budget::builder("acl")
        .limit(Limit::sliding_window("spike", Quota::per_second(50)))
        .limit(Limit::fixed_window("day", Quota::per_day(1000)).scope("path"))
        .limit(Limit::concurrency("open", 1))
        .build()
        .unwrap();
    let one = Limiter::new(RedisStore::connect(&url).await.unwrap(), budget.clone()).scoped("path", "/a b").unwrap();
    let other = Limiter::new(RedisStore::connect(&url).await.unwrap(), budget);

    let permit = one.acquire(1).await.unwrap();
    let waiting = tokio::spawn({
        let other = other.clone();
        async move { other.acquire_within(1, Duration::from_secs(10)).await }
    });
    sleep(Duration::from_millis(300)).await;
    assert_eq!(one.inspect().await.unwrap().unwrap().sessions.len(), 2);
    // A listener that is refused keeps quiet, so Redis is asked whether there are two.
    assert_eq!(server.command(&["PUBSUB", "CHANNELS", "pl:1:wake:*"]).lines().count(), 2);
    permit.complete();
    waiting.await.unwrap().unwrap().cancel();
    one.flush().await.unwrap();
    other.flush().await.unwrap();
}
