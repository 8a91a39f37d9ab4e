//! The Redis that tests run on: what they rely on, shown on a server of their own.

mod support;

use std::{panic, path::Path, thread};

use support::{Client, RedisServer, redis_url, shared_redis, unique};

#[test]
fn a_killed_server_refuses_and_comes_back_empty_on_the_same_port() {
    let mut server = RedisServer::own();
    let port = server.port();
    server.command(&["SET", "key", "value"]);
    assert_eq!(server.command(&["GET", "key"]), "value");
    server.kill();
    assert!(Client::connect(server.url()).is_err());
    server.restart_empty();
    assert_eq!(server.command(&["DBSIZE"]), "0");
    assert_eq!(server.port(), port);
}

#[test]
fn a_frozen_server_answers_once_it_goes_on() {
    let server = RedisServer::own();
    let mut client = Client::connect(server.url()).unwrap();
    server.stop_process();
    let asked = thread::spawn(move || client.command(&["PING"]));
    server.cont();
    assert_eq!(asked.join().unwrap().unwrap(), "PONG");
}

#[test]
fn arguments_reach_the_server_and_its_url_carries_the_password() {
    let server = RedisServer::own_with(&["--requirepass", "secret", "--databases", "3"]);
    assert_eq!(server.command(&["PING"]), "PONG");
    assert_eq!(server.command(&["CONFIG", "GET", "databases"]), "databases\n3");
    let stranger = format!("redis://127.0.0.1:{}", server.port());
    let refused = Client::connect(&stranger).unwrap().command(&["PING"]).unwrap_err();
    assert!(refused.to_string().contains("NOAUTH"), "{refused}");
}

#[test]
fn a_test_that_panics_leaves_no_server_behind() {
    let server = RedisServer::own();
    let url = server.url().to_owned();
    let directory = server.command(&["CONFIG", "GET", "dir"]).replace("dir\n", "");
    let panicked = thread::spawn(move || {
        let _held = server;
        panic::resume_unwind(Box::new("a failed test"));
    });
    assert!(panicked.join().is_err());
    assert!(Client::connect(&url).is_err());
    assert!(!Path::new(&directory).exists(), "{directory} was left behind");
}

#[test]
fn tests_share_one_server_under_names_of_their_own() {
    assert_eq!(shared_redis().url(), redis_url());
    let (one, other) = (unique("budget"), unique("budget"));
    assert_ne!(one, other);
    assert_eq!(shared_redis().command(&["EXISTS", &one, &other]), "0");
}
