//! docker-compose.yml and the Dockerfile, as far as a machine without Docker can tell: that each is right in itself and
//! about the other, and that the very commands of the demo do what it promises, as processes.
#![cfg(feature = "cli")]

#[path = "compose/demo.rs"]
mod demo;
#[path = "compose/image.rs"]
mod image;
mod support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use paceline::Config;
use serde_json::Value;

/// A file of the project.
fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn yaml(path: &str) -> Value {
    let text = fs::read_to_string(file(path)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|why| panic!("{path}: {why}"))
}

/// What must be there, by its path of keys and places.
#[track_caller]
fn at<'a>(value: &'a Value, path: &str) -> &'a Value {
    value.pointer(path).unwrap_or_else(|| panic!("no {path} in {value:#}"))
}

#[track_caller]
fn text<'a>(value: &'a Value, path: &str) -> &'a str {
    at(value, path).as_str().unwrap_or_else(|| panic!("{path} is no text"))
}

fn words<'a>(value: &'a Value, path: &str) -> Vec<&'a str> {
    at(value, path).as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect()
}

fn services(compose: &Value) -> impl Iterator<Item = (&str, &Value)> {
    at(compose, "/services").as_object().unwrap().iter().map(|(name, service)| (name.as_str(), service))
}

/// The mounts of a service: what, where, and `ro` if it is.
fn mounts(service: &Value) -> Vec<(&str, &str, Option<&str>)> {
    let mounts = service["volumes"].as_array().into_iter().flatten().map(|mount| mount.as_str().unwrap());
    let parts = mounts.map(|mount| mount.split(':').collect::<Vec<_>>());
    parts.map(|parts| (parts[0], parts[1], parts.get(2).copied())).collect()
}

/// Whether `paceline` knows the arguments and takes their values; it does nothing.
fn understands(arguments: &[&str]) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command.args(arguments).arg("--help").output().unwrap().status.success()
}

#[test]
fn what_is_mounted_is_there_and_read_only_and_what_is_kept_is_declared() {
    let compose = yaml("docker-compose.yml");
    for (name, service) in services(&compose) {
        for (what, at, how) in mounts(service) {
            if what.starts_with("./") {
                assert!(file(what).is_dir() && how == Some("ro"), "{name}: {what}");
            } else {
                assert!(compose["volumes"].get(what).is_some(), "{name}: volume {what} is not declared");
            }
            assert!(at.starts_with('/'), "{name}: {at}");
        }
    }
}

#[test]
fn nothing_listens_beyond_this_machine_and_no_image_is_whatever_is_newest() {
    let compose = yaml("docker-compose.yml");
    for (name, service) in services(&compose) {
        for port in service["ports"].as_array().into_iter().flatten() {
            assert!(port.as_str().unwrap().starts_with("127.0.0.1:"), "{name}: {port}");
        }
        match service["image"].as_str() {
            Some(image) => assert!(image.rsplit_once(':').is_some_and(|(_, tag)| tag.contains('.')), "{name}: {image}"),
            None => assert_eq!(service["build"], ".", "{name}"),
        }
    }
}

#[test]
fn who_needs_another_waits_until_it_is_healthy() {
    let compose = yaml("docker-compose.yml");
    for (name, service) in services(&compose) {
        for (needed, how) in service["depends_on"].as_object().into_iter().flatten() {
            let other = &compose["services"][needed];
            assert!(other.is_object(), "{name} needs {needed}, which is no service");
            let condition = text(how, "/condition");
            let may_be_waited_for = condition == "service_started" || !other["healthcheck"]["test"].is_null();
            assert!(may_be_waited_for, "{name} waits for the health of {needed}, which nobody checks");
        }
    }
    for needed in ["redis", "provider"] {
        assert_eq!(text(&compose, &format!("/services/replica/depends_on/{needed}/condition")), "service_healthy");
    }
}

#[test]
fn redis_runs_with_the_files_that_the_tests_run_with() {
    let compose = yaml("docker-compose.yml");
    let redis = &compose["services"]["redis"];
    assert_eq!(mounts(redis)[0], ("./deploy/redis", "/etc/redis", Some("ro")));
    assert_eq!(words(redis, "/command"), ["redis-server", "/etc/redis/redis.conf"]);
    let conf = fs::read_to_string(file("deploy/redis/redis.conf")).unwrap();
    assert!(conf.lines().any(|line| line == "aclfile /etc/redis/users.acl"));
    let users = fs::read_to_string(file("deploy/redis/users.acl")).unwrap();
    let check = words(redis, "/healthcheck/test").join(" ");
    assert!(check.starts_with("CMD redis-cli -e ") && check.ends_with(" --user health --pass any ping"), "{check}");
    assert!(users.lines().any(|line| line.starts_with("user health on nopass ")));
    let url = text(&compose, "/services/replica/environment/PACELINE_REDIS_URL");
    let login = url.strip_prefix("redis://").unwrap().strip_suffix("@redis:6379").unwrap();
    let (user, password) = login.split_once(':').unwrap();
    assert!(users.lines().any(|line| line.starts_with(&format!("user {user} on >{password} "))), "{login}");
}

#[test]
fn paceline_understands_the_commands_of_its_services() {
    let compose = yaml("docker-compose.yml");
    for name in ["provider", "replica"] {
        let service = &compose["services"][name];
        assert!(understands(&words(service, "/command")), "{name}");
        assert_eq!((&service["read_only"], &service["cap_drop"][0]), (&true.into(), &"ALL".into()), "{name}");
    }
    let check = words(&compose["services"]["provider"], "/healthcheck/test");
    assert_eq!(check[..2], ["CMD", "paceline"]);
    assert!(understands(&check[2..]) && !understands(&["send", "--nonsense"]));
    let config = Config::load(file("deploy/demo/paceline.toml")).unwrap();
    assert_eq!(config.budgets().count(), 1);
    let (what, at, _) = mounts(&compose["services"]["replica"])[0];
    assert_eq!((what, at), ("./deploy/demo", "/etc/paceline"));
}

#[test]
fn prometheus_asks_every_replica_and_grafana_asks_prometheus() {
    let compose = yaml("docker-compose.yml");
    let replica = &compose["services"]["replica"];
    assert_eq!(at(replica, "/deploy/replicas"), 3);
    let asks = yaml("deploy/prometheus/prometheus.yml");
    let finds = at(&asks, "/scrape_configs/0/dns_sd_configs/0");
    assert_eq!(words(finds, "/names"), ["replica"]);
    let (_, port) = text(replica, "/environment/PACELINE_METRICS").split_once(':').unwrap();
    assert_eq!(finds["port"].to_string(), port);
    let source = yaml("deploy/grafana/provisioning/datasources/prometheus.yml");
    assert_eq!(text(&source, "/datasources/0/url"), "http://prometheus:9090");
    let dashboards = yaml("deploy/grafana/provisioning/dashboards/paceline.yml");
    let folder = text(&dashboards, "/providers/0/options/path");
    assert!(mounts(&compose["services"]["grafana"]).contains(&("./deploy/grafana", folder, Some("ro"))));
}

#[test]
fn docker_itself_accepts_the_file_where_it_is_installed() {
    let compose = |arguments: &[&str]| {
        let mut docker = Command::new("docker");
        docker.arg("compose").args(arguments).current_dir(file(""));
        docker.stdin(Stdio::null()).output()
    };
    if !compose(&["version"]).is_ok_and(|output| output.status.success()) {
        eprintln!("no docker compose here: only the file's form was checked");
        return;
    }
    let checked = compose(&["config", "--quiet"]).unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}
