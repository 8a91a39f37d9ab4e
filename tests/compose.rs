//! docker-compose.yml, as far as a machine without Docker can tell.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
};

const COMPOSE: &str = include_str!("../docker-compose.yml");

#[test]
fn redis_never_evicts_and_the_demo_waits_until_it_is_healthy() {
    let compose = read(COMPOSE);
    let value = |path: &str| compose.get(path).unwrap_or_else(|| panic!("docker-compose.yml has no {path}")).as_str();

    assert_eq!(value("services.redis.image"), "redis:7");
    assert!(value("services.redis.command").contains(r#""--maxmemory-policy", "noeviction""#));
    assert!(value("services.redis.healthcheck.test").contains("redis-cli"));
    assert_eq!(value("services.demo.depends_on.redis.condition"), "service_healthy");
    assert_eq!(value("services.demo.environment.PACELINE_REDIS_URL"), "redis://redis:6379");
    assert_eq!(value("services.demo.command"), r#"["cargo", "demo"]"#);
    for path in compose.keys().filter(|path| path.starts_with("services.demo.volumes.")) {
        let (name, _) = compose[path].split_once(':').expect("source:target");
        assert!(name == "." || compose.contains_key(&format!("volumes.{name}")), "volume {name} is not declared");
    }
}

#[test]
fn docker_itself_accepts_the_file_where_it_is_installed() {
    let compose = |arguments: &[&str]| {
        let mut docker = Command::new("docker");
        docker.arg("compose").args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        docker.stdin(Stdio::null()).output()
    };
    if !compose(&["version"]).is_ok_and(|output| output.status.success()) {
        eprintln!("no docker compose here: only the file's form was checked");
        return;
    }
    let checked = compose(&["config", "--quiet"]).unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
}

/// Values by their dotted path, list items by their number. Knows the plain subset of YAML that the file keeps to, and
/// refuses the rest: two spaces a level, `key:`, `key: value`, `- value`, whole-line comments.
fn read(text: &str) -> BTreeMap<String, String> {
    let mut values = BTreeMap::new();
    let mut path: Vec<String> = Vec::new();
    let mut items = 0;
    for (number, line) in text.lines().enumerate() {
        let body = line.trim_start_matches(' ');
        if body.is_empty() || body.starts_with('#') {
            continue;
        }
        let (depth, odd) = ((line.len() - body.len()) / 2, (line.len() - body.len()) % 2);
        assert!(odd == 0 && depth <= path.len() && !body.contains('\t'), "line {}: indentation: {line}", number + 1);
        path.truncate(depth);
        let (key, value) = if let Some(item) = body.strip_prefix("- ") {
            items += 1;
            (items.to_string(), item)
        } else {
            items = 0;
            let (key, value) =
                body.split_once(':').unwrap_or_else(|| panic!("line {}: not `key:`: {line}", number + 1));
            (key.to_owned(), value)
        };
        path.push(key);
        let repeated = values.insert(path.join("."), value.trim().trim_matches('"').to_owned());
        assert!(repeated.is_none(), "line {}: {} stands twice", number + 1, path.join("."));
    }
    values
}
