//! Addresses: right ones work, and wrong ones end in an error that names the place and the mend, never the password.

use std::time::{Duration, Instant};

use paceline::{Error, Limit, Quota, RedisStore};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use super::{budget, process};
use crate::support::{RedisServer, redis_url, shared_redis, unique};

const SECRET: &str = "s3cr3t-canary";

/// The commands that `lua/README.md` says are enough.
fn documented_rights() -> Vec<String> {
    let contract = include_str!("../../lua/README.md");
    let line =
        contract.lines().find(|line| line.starts_with("ACL SETUSER paceline")).expect("lua/README.md has the line");
    line.replace(">PASSWORD", &format!(">{SECRET}")).split_whitespace().map(str::to_owned).collect()
}

async fn refused(url: &str) -> Error {
    let started = Instant::now();
    let error = RedisStore::connect(url).await.expect_err("it connects");
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}: {error}", started.elapsed());
    let (text, debug) = (error.to_string(), format!("{error:?}"));
    assert!(!text.contains(SECRET) && !debug.contains(SECRET), "{text}");
    error
}

#[tokio::test]
async fn a_password_a_user_and_a_database_in_the_address_are_used() {
    let server = RedisServer::own_with(&["--requirepass", SECRET]);
    let port = server.port();
    let rights = ["ACL", "SETUSER", "worker", "on", &format!(">{SECRET}"), "~*", "&*", "+@all"];
    server.command(&rights);
    for (login, database) in [(format!(":{SECRET}"), 0), (format!("worker:{SECRET}"), 3)] {
        let name = unique("login");
        let url = format!("redis://{login}@127.0.0.1:{port}/{database}");
        let limiter = process(&url, &budget(&name, Limit::sliding_window("spike", Quota::per_second(5)))).await;
        limiter.acquire(1).await.unwrap().complete();
        limiter.flush().await.unwrap();
        let info = server.command(&["INFO", "keyspace"]);
        assert!(info.contains(&format!("db{database}:")), "{info}");
    }
}

#[tokio::test]
async fn a_user_with_the_documented_rights_can_do_everything() {
    let server = RedisServer::own();
    let rights = documented_rights();
    server.command(&rights.iter().map(String::as_str).collect::<Vec<_>>());
    let url = format!("redis://paceline:{SECRET}@127.0.0.1:{}", server.port());
    let budget = paceline::Budget::builder("acl")
        .limit(Limit::concurrency("calls", 1))
        .limit(Limit::sliding_window("spike", Quota::per_second(50)).scope("endpoint"))
        .limit(Limit::token_bucket("bucket", Quota::per_second(50)))
        .limit(Limit::fixed_window("day", Quota::per_day(100)).zone("Europe/Berlin"))
        .build()
        .unwrap();
    let (a, b) = (process(&url, &budget).await, process(&url, &budget).await);
    let (a, b) = (a.scoped("endpoint", "x").unwrap(), b.scoped("endpoint", "x").unwrap());
    let held = a.acquire(1).await.unwrap();
    let next = tokio::spawn(async move { b.acquire(1).await });
    tokio::time::sleep(Duration::from_millis(100)).await;
    held.cancel();
    next.await.unwrap().unwrap().settle(1);
    a.acquire(1).await.unwrap().complete();
    a.flush().await.unwrap();
    assert!(a.inspect().await.unwrap().is_some());
    let denied = server.command(&["ACL", "LOG"]);
    assert!(!denied.contains("inspect") && !denied.contains("evalsha"), "{denied}");
}

#[tokio::test]
async fn a_right_that_is_missing_is_named() {
    let server = RedisServer::own();
    let rights = documented_rights();
    let rights: Vec<_> = rights.iter().map(String::as_str).filter(|right| !right.starts_with("+eval")).collect();
    server.command(&rights);
    let error = refused(&format!("redis://paceline:{SECRET}@127.0.0.1:{}", server.port())).await;
    let text = error.to_string();
    assert!(error.is_store() && text.contains("evalsha") && text.contains("lua/README.md"), "{text}");
}

#[tokio::test]
async fn a_wrong_password_is_refused_with_the_place_and_the_mend() {
    let server = RedisServer::own_with(&["--requirepass", "another"]);
    let place = format!("127.0.0.1:{}", server.port());
    for login in [format!(":{SECRET}@"), format!("nobody:{SECRET}@"), String::new()] {
        let error = refused(&format!("redis://{login}{place}")).await;
        let text = error.to_string();
        assert!(error.is_store() && text.contains(&place) && text.contains("user and password"), "{login:?}: {text}");
    }
}

#[tokio::test]
async fn a_port_without_a_server_is_named() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = refused(&format!("redis://:{SECRET}@{free}")).await;
    let text = error.to_string();
    assert!(error.is_store() && text.contains(&free.to_string()) && text.contains("see whether it runs"), "{text}");
}

#[tokio::test]
async fn a_server_that_never_answers_is_given_up_soon() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = silent.local_addr().unwrap();
    let error = refused(&format!("redis://:{SECRET}@{place}")).await;
    assert!(error.is_store() && error.to_string().contains(&place.to_string()), "{error}");
}

#[tokio::test]
async fn a_server_that_speaks_something_else_is_told_apart() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = server.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = server.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 1024];
                _ = socket.read(&mut request).await;
                let answer = "HTTP/1.1 400 Bad Request\r\ncontent-length: 3\r\nconnection: close\r\n\r\nno\n";
                _ = socket.write_all(answer.as_bytes()).await;
            });
        }
    });
    let error = refused(&format!("redis://:{SECRET}@{place}")).await;
    let mend = "see what listens at this address; if this port wants TLS, write rediss:// for redis://";
    assert_eq!(error.to_string(), format!("Redis at {place}: it does not speak Redis; {mend}"));
}

#[tokio::test]
async fn what_stops_a_script_is_told_without_the_script() {
    let full = RedisServer::own_with(&["--maxmemory", "1"]);
    let (place, why) = (format!("127.0.0.1:{}", full.port()), "OOM command not allowed when used memory > 'maxmemory'");
    let mend = "give it more memory; paceline needs maxmemory-policy noeviction";
    assert_eq!(refused(full.url()).await.to_string(), format!("Redis at {place}: {why}; {mend}"));
    let replica = RedisServer::own_with(&["--replicaof", "127.0.0.1", &full.port().to_string()]);
    let (place, why) =
        (format!("127.0.0.1:{}", replica.port()), "READONLY You can't write against a read only replica");
    let mend = "it is a replica; point the address at the primary";
    assert_eq!(refused(replica.url()).await.to_string(), format!("Redis at {place}: {why}; {mend}"));
}

#[tokio::test]
async fn an_address_that_cannot_be_read_says_how_to_write_it() {
    for wrong in [format!("http://:{SECRET}@localhost"), format!("redis://:{SECRET}@host:notaport"), SECRET.to_owned()]
    {
        let error = refused(&wrong).await;
        assert!(error.is_config() && error.to_string().contains("redis://user:password@host"), "{error}");
    }
}

#[tokio::test]
async fn the_debug_text_of_a_store_holds_no_password() {
    let server = RedisServer::own_with(&["--requirepass", SECRET]);
    let store = RedisStore::connect(server.url()).await.unwrap();
    assert!(!format!("{store:?}").contains(SECRET));
}

#[tokio::test]
async fn scripts_may_be_flushed_under_use() {
    let limiter = process(redis_url(), &budget(&unique("flush"), Limit::concurrency("calls", 1000))).await;
    let flusher = std::thread::spawn(|| {
        for _ in 0..30 {
            shared_redis().command(&["SCRIPT", "FLUSH"]);
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let mut calls = 0;
    while !flusher.is_finished() {
        limiter.acquire(1).await.unwrap().complete();
        calls += 1;
    }
    flusher.join().unwrap();
    assert!(calls > 30, "{calls}");
}

#[tokio::test]
async fn a_newer_layout_is_refused_and_left_as_it_is() {
    let name = unique("newer");
    let key = format!("pl:1:{{{name}}}");
    let newer = head_of_layout(2);
    shared_redis().command(&["HSET", &key, "m", &newer]);
    let before = shared_redis().command(&["HGETALL", &key]);
    let limiter = process(redis_url(), &budget(&name, Limit::concurrency("calls", 1))).await;
    let started = Instant::now();
    let error = limiter.acquire_within(1, Duration::from_secs(3)).await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(1), "it will not get older by waiting");
    assert!(error.is_store() && error.to_string().contains("newer") && error.to_string().contains(&name), "{error}");
    assert_eq!(shared_redis().command(&["HGETALL", &key]), before);
    assert_eq!(shared_redis().command(&["EXISTS", &format!("{key}:line")]), "0");
}

/// The field `m` of a state of some layout: eight little-endian doubles, the first the layout, then the node.
fn head_of_layout(layout: u8) -> String {
    let mut bytes = f64::from(layout).to_le_bytes().to_vec();
    bytes.resize(64, 0);
    String::from_utf8(bytes).unwrap() + "node"
}
