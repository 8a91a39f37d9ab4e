//! Names: those of the exporter's text, of the dashboard and of the guide are the same, and none is a person's.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::Duration,
};

use paceline::{Budget, Decision, Limit, Quota, RedisStore};
use serde_json::Value;

use super::{
    counted,
    support::{redis_url, unique},
};

/// Nobody else may learn of these.
const TENANT: &str = "tenant-of-somebody";
const PLACE: &str = "place-of-somebody";

/// What an exporter says after a limiter on a real Redis did about all that it can.
async fn text() -> String {
    let minute = Limit::sliding_window("minute", Quota::per_minute(3));
    let place = Limit::sliding_window("place", Quota::per_minute(3)).scope("place");
    let budget = Budget::builder(unique("metrics")).limit(minute).limit(place).build().unwrap();
    let (limiter, metrics) = counted(RedisStore::connect(redis_url()).await.unwrap(), budget);
    let tenant = limiter.for_key(TENANT).unwrap().scoped("place", PLACE).unwrap();
    for limiter in [&limiter, &tenant] {
        limiter.acquire(1).await.unwrap().complete();
        limiter.acquire(2).await.unwrap().throttled(None);
        let Decision::Denied(_) = limiter.try_acquire(1).await.unwrap() else { panic!("there was room") };
        limiter.acquire_within(1, Duration::from_secs(1)).await.unwrap_err();
    }
    metrics.text()
}

fn read(path: &str) -> String {
    fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The words of a text that are names of metrics.
fn words(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("paceline_")).collect()
}

/// The names and their kinds, as the exporter tells them.
fn kinds(text: &str) -> BTreeMap<&str, &str> {
    text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect()
}

/// The labels that a metric has, but for the bounds of buckets.
fn labels<'a>(text: &'a str, name: &str) -> BTreeSet<&'a str> {
    let series = text.lines().filter(|line| line.starts_with(name));
    let labels =
        series.filter_map(|line| line.split_once('{')?.1.split_once('}')).flat_map(|(labels, _)| labels.split(','));
    labels.filter_map(|label| Some(label.split_once('=')?.0)).filter(|label| *label != "le").collect()
}

/// The table of the guide: name, kind and labels.
fn documented(guide: &str) -> BTreeMap<&str, (&str, BTreeSet<&str>)> {
    let rows = guide.lines().filter(|line| line.starts_with("| `paceline_"));
    rows.map(|line| {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        (cells[1].trim_matches('`'), (cells[2], cells[4].split(", ").map(|label| label.trim_matches('`')).collect()))
    })
    .collect()
}

#[tokio::test]
async fn the_dashboard_and_the_guide_speak_of_what_there_is() {
    let text = text().await;
    let series: BTreeSet<_> = words(&text);

    let file = read("deploy/grafana/paceline.json");
    // In its variables, too.
    let unknown: Vec<_> = words(&file).into_iter().filter(|name| !series.contains(name)).collect();
    assert!(unknown.is_empty(), "the dashboard asks for {unknown:?}\n{text}");
    let dashboard: Value = serde_json::from_str(&file).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries: Vec<_> = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap()).collect();
    for query in &queries {
        let expression = query["expr"].as_str().unwrap();
        assert!(
            !words(expression).is_empty() && expression.contains(r#"budget=~"$budget""#),
            "{expression} is of all budgets"
        );
        assert_eq!(query["datasource"]["uid"], "${datasource}");
    }
    assert!(queries.len() >= 11 && dashboard["uid"] == "paceline");
    // What is counted is shown.
    let shown: String = queries.iter().map(|query| query["expr"].as_str().unwrap()).collect();
    let kinds = kinds(&text);
    let hidden: Vec<_> = kinds.keys().filter(|name| !shown.contains(**name)).collect();
    assert!(hidden.is_empty(), "no panel shows {hidden:?}");

    let guide = read("src/guide/observing.md");
    let exported = kinds.iter().map(|(name, kind)| (*name, (*kind, labels(&text, name)))).collect();
    assert_eq!(documented(&guide), exported, "the guide's table and what is exported");
    let unknown: Vec<_> = words(&guide).into_iter().filter(|name| !series.contains(name)).collect();
    assert!(unknown.is_empty(), "the guide speaks of {unknown:?}");
}

#[tokio::test]
async fn no_partition_and_no_value_of_a_scope_is_told() {
    let text = text().await;
    assert!(text.contains(r#"limit="place""#), "{text}");
    assert!(!text.contains(TENANT) && !text.contains(PLACE) && !text.contains("of-somebody"), "{text}");
}
