//! What `lua/README.md` promises to those who run Redis: the rights that it lists are enough, and none is too many.

#![cfg(feature = "redis")]

mod support;

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use paceline::{Budget, Limit, Limiter, Order, Quota, RedisStore};
use support::RedisServer;
use tokio::time::sleep;

const README: &str = include_str!("../lua/README.md");

/// What a process that sends calls beside the scripts, and to run them.
const SENDS: [&str; 4] = ["eval", "evalsha", "info", "subscribe"];
/// What an operator calls as well.
const OPERATES: [&str; 2] = ["scan", "xrevrange"];
/// The script that only operators run.
const ORDER: &str = "order.lua";

/// The words that make this user.
fn acl(user: &str) -> Vec<String> {
    let start = format!("ACL SETUSER {user} ");
    let line = README.lines().find(|line| line.starts_with(&start)).expect("lua/README.md has the command");
    line.split(' ').map(|word| word.replace(">PASSWORD", ">secret")).collect()
}

/// The commands that a user may call.
fn listed(user: &str) -> BTreeSet<String> {
    acl(user).iter().filter_map(|word| word.strip_prefix('+')).map(str::to_owned).collect()
}

/// The commands that scripts call, in lower case.
fn called(order: bool) -> BTreeSet<String> {
    let lua = Path::new(env!("CARGO_MANIFEST_DIR")).join("lua");
    let mut called = BTreeSet::new();
    for folder in [lua.clone(), lua.join("lib")] {
        for file in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            let Ok(text) = fs::read_to_string(&file) else { continue };
            if file.ends_with(ORDER) && !order {
                continue;
            }
            let names = text.split("redis.call('").skip(1).filter_map(|rest| rest.split('\'').next());
            called.extend(names.map(str::to_lowercase));
        }
    }
    called
}

#[test]
fn the_listed_commands_are_those_that_are_called() {
    let mut sends = called(false);
    sends.extend(SENDS.map(str::to_owned));
    assert_eq!(listed("paceline"), sends);
    let mut operates = called(true);
    operates.extend(SENDS.iter().chain(&OPERATES).map(|&command| command.to_owned()));
    assert_eq!(listed("operator"), operates);
}

/// A server that has this user, and its address as that user.
fn server_with(user: &str) -> (RedisServer, String) {
    let server = RedisServer::own();
    server.command(&acl(user).iter().map(String::as_str).collect::<Vec<_>>());
    let url = server.url().replace("redis://", &format!("redis://{user}:secret@"));
    (server, url)
}

#[tokio::test]
async fn an_operator_can_look_and_order() {
    let (_server, url) = server_with("operator");
    let store = RedisStore::connect(&url).await.unwrap();
    let budget = Budget::builder("acl").limit(Limit::sliding_window("spike", Quota::per_second(50))).build().unwrap();
    let limiter = Limiter::new(store.clone(), budget);
    let held = limiter.acquire(1).await.unwrap();
    let minute = Duration::from_secs(60);
    for order in [
        Order::Pause { time: None },
        Order::Resume,
        Order::CoolDown { limit: None, time: minute },
        Order::Quota { limit: "spike".into(), quota: 5, time: minute },
        Order::Reset { limit: None },
    ] {
        store.order("acl", None, &order, "operator", "").await.unwrap_or_else(|why| panic!("{order}: {why}"));
    }
    assert_eq!(store.audit(None, 10).await.unwrap().len(), 5);
    assert_eq!(store.budgets().await.unwrap(), [("acl".to_owned(), None)]);
    drop(held);
}

#[tokio::test]
async fn a_user_with_the_smallest_rights_can_do_it_all() {
    let (server, url) = server_with("paceline");
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
