//! The examples, each as a process against a server on loopback that answers as the provider does.

use std::{path::PathBuf, sync::LazyLock};

use axum::response::Response;
use tokio::process::Command;

use super::{
    SECOND,
    server::{Hit, Server, answer, most_in_a_second, ok},
};

/// Runs an example to its end: what it prints, and what came to the server.
async fn run(
    name: &str,
    provider: &str,
    key: &str,
    answer: impl Fn(usize, &Hit) -> Response + Send + Sync + 'static,
) -> (String, Vec<Hit>) {
    let server = Server::start(answer).await;
    let mut process = Command::new(example(name));
    process.env(format!("{provider}_URL"), &server.url).env(format!("{provider}_KEY"), key);
    let output = process.env_remove("PACELINE_REDIS_URL").kill_on_drop(true).output();
    let output = tokio::time::timeout(30 * SECOND, output).await.expect("it ends").unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {told}");
    (String::from_utf8(output.stdout).unwrap(), server.hits())
}

/// Where an example was built. Cargo builds them beside the tests, and before them if all of these run; this one may run alone.
pub fn example(name: &str) -> PathBuf {
    static BUILT: LazyLock<PathBuf> = LazyLock::new(|| {
        let test = std::env::current_exe().unwrap();
        let profile = test.ancestors().nth(2).unwrap();
        let mut cargo = std::process::Command::new(env!("CARGO"));
        cargo.args(["build", "--quiet", "--locked", "--examples", "--features", "cli,tower", "--target-dir"]);
        cargo.arg(profile.parent().unwrap()).args((!cfg!(debug_assertions)).then_some("--release"));
        // What cargo tells its tests of this package would make it build others anew.
        let told = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
        std::env::vars().filter(|(name, _)| told(name)).for_each(|(name, _)| _ = cargo.env_remove(name));
        assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        profile.join("examples")
    });
    BUILT.join(name)
}

fn header<'a>(hit: &'a Hit, name: &str) -> &'a str {
    hit.headers[name].to_str().unwrap()
}

#[tokio::test]
async fn telemetry_shows_events_and_metrics() {
    let output = Command::new(example("telemetry")).env_remove("RUST_LOG").output().await.unwrap();
    let (told, trace) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(told.starts_with(r#"Cooldown { limit: "spike", wait: Some(1s)"#), "{told}");
    assert!(told.contains(r#"paceline_permits_total{budget="api"} 9"#), "{told}");
    let waits =
        trace.lines().filter(|line| line.contains("order{number=") && line.contains(r#":acquire{budget="api"}: "#));
    assert!(output.status.success() && waits.count() == 8, "{trace}");
}

#[tokio::test]
async fn keap_gets_all_pages_at_its_pace() {
    let (told, hits) = run("keap", "KEAP", "s3cret", |_, _| ok()).await;
    assert_eq!((told.lines().count(), hits.len()), (12, 12), "{told}");
    assert!(told.lines().all(|line| line == "200 OK: 2 bytes"), "{told}");
    assert!(most_in_a_second(&hits) <= 5 && header(&hits[0], "authorization") == "Bearer s3cret");
}

#[tokio::test]
async fn klaviyo_is_asked_by_the_tier_of_each_operation() {
    let (told, hits) = run("klaviyo", "KLAVIYO", "s3cret", |_, _| ok()).await;
    let (quick, slow): (Vec<_>, Vec<_>) = hits.into_iter().partition(|hit| hit.path == "/api/templates");
    assert_eq!((quick.len(), slow.len()), (9, 3), "{told}");
    assert_eq!((most_in_a_second(&quick), most_in_a_second(&slow)), (9, 1));
}

#[tokio::test]
async fn klinky_makes_each_link_once_also_where_it_was_told_to_wait() {
    let not_now = |number: usize, _: &Hit| match number {
        1 => answer(429, &[("retry-after", "1")], r#"{"detail":"Rate limit exceeded. Please try again later."}"#),
        _ => ok(),
    };
    let (told, hits) = run("klinky", "KLINKY", "s3cret", not_now).await;
    assert_eq!(told, "200 OK: ok\n".repeat(5));
    let keys: Vec<&str> = hits.iter().map(|hit| header(hit, "idempotency-key")).collect();
    assert_eq!(keys, ["autumn-0", "autumn-1", "autumn-1", "autumn-2", "autumn-3", "autumn-4"]);
    assert!(hits[2].at - hits[1].at >= SECOND);
}

#[tokio::test]
async fn customerio_is_waited_for_although_it_says_nothing_of_how_long() {
    let not_now = |number: usize, _: &Hit| if number == 0 { answer(429, &[], "") } else { ok() };
    let (told, hits) = run("customerio", "CUSTOMERIO", "site:s3cret", not_now).await;
    assert_eq!((told.matches("200 OK").count(), hits.len()), (12, 13), "{told}");
}

#[tokio::test]
async fn aisoule_says_in_its_body_how_long_and_the_caller_repeats() {
    let body = r#"{"message":"Rate limit exceeded. Try again in 1 seconds.","status":"error"}"#;
    let not_now = move |number: usize, _: &Hit| if number == 3 { answer(429, &[], body) } else { ok() };
    let (told, hits) = run("aisoule", "AISOULE", "s3cret", not_now).await;
    assert_eq!((told.matches("200 OK").count(), hits.len()), (12, 13), "{told}");
    assert!(told.contains("429 Too Many Requests: message 8\n200 OK: message 8\n"), "{told}");
    assert!(hits[4].at - hits[3].at >= SECOND);
}

#[tokio::test]
async fn tower_is_paced_too() {
    let (told, hits) = run("tower", "KEAP", "", |_, _| ok()).await;
    assert_eq!((told.lines().count(), hits.len()), (12, 12), "{told}");
    assert!(most_in_a_second(&hits) <= 5);
}
