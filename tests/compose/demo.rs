//! `docker compose up` without Docker: the same commands and files as processes, on a Redis with the same files.

use std::process::{Command, Stdio};

use serde_json::Value;

use super::{file, text, words, yaml};
use crate::support::{Provider, RedisServer};

fn paceline(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command.args(arguments).env_remove("PACELINE_REDIS_URL");
    command
}

/// The arguments, with what is another outside of a container in its place.
fn outside<'a>(arguments: &[&'a str], places: &[(&'a str, &'a str)]) -> Vec<String> {
    for (inside, _) in places {
        assert!(arguments.iter().any(|argument| argument.contains(inside)), "no {inside} in {arguments:?}");
    }
    let replaced = |argument: &&str| {
        places.iter().fold((*argument).to_owned(), |text, (inside, outside)| text.replace(inside, outside))
    };
    arguments.iter().map(replaced).collect()
}

fn as_words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

#[test]
fn three_replicas_share_the_providers_limit_and_are_never_told_429() {
    let compose = yaml("docker-compose.yml");
    let server = RedisServer::deployed();
    let provider = outside(&words(&compose, "/services/provider/command"), &[("0.0.0.0:8080", "127.0.0.1:0")]);
    let ["provider", arguments @ ..] = &as_words(&provider)[..] else { panic!("{provider:?}") };
    let provider = Provider::start(arguments);

    let check = outside(
        &words(&compose, "/services/provider/healthcheck/test")[2..],
        &[("127.0.0.1:8080", provider.address.as_str())],
    );
    assert!(paceline(&as_words(&check)).output().unwrap().status.success(), "{check:?}");

    let config = file("deploy/demo/paceline.toml");
    let replica = outside(
        &words(&compose, "/services/replica/command"),
        &[
            ("provider:8080", provider.address.as_str()),
            ("/etc/paceline/paceline.toml", config.to_str().unwrap()),
            ("1day", "5s"),
        ],
    );
    let place = format!("127.0.0.1:{}", server.port());
    let url = text(&compose, "/services/replica/environment/PACELINE_REDIS_URL").replace("redis:6379", &place);
    let replicas: Vec<_> = (0..3)
        .map(|_| {
            let mut replica = paceline(&as_words(&replica));
            replica.arg("--json").env("PACELINE_REDIS_URL", &url).stdout(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let sent: Vec<Value> = replicas
        .into_iter()
        .map(|replica| serde_json::from_slice(&replica.wait_with_output().unwrap().stdout).unwrap())
        .collect();
    let sum = |what: &str| sent.iter().map(|sent| sent[what].as_u64().unwrap()).sum::<u64>();
    assert_eq!(sum("throttled"), 0, "{sent:#?}");
    assert!(sum("ok") >= 10, "{sent:#?}");
}
