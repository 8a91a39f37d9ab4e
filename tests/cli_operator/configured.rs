//! `inspect --config`: what a configuration has beside what is in use.

use std::fs;

use paceline::{Budget, Limit, Limiter, Quota, RedisStore};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{limiter, paceline, support::RedisServer, take, until_waiting};

const GUIDE: &str = include_str!("../../src/guide/command_line.md");
/// Sessions that `inspect` lists.
const LISTED: usize = 200;

/// A folder with this configuration, and the arguments that name it.
fn configuration(text: &str) -> (TempDir, [String; 2]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("paceline.toml");
    fs::write(&file, text).unwrap();
    (folder, ["--config".into(), file.to_str().unwrap().into()])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_only_partitions_use_is_not_called_free_without_a_word() {
    let server = RedisServer::own();
    let tenant = limiter(&server).await.for_key("t1").unwrap();
    let held = take(&tenant, 3).await;
    let limit = "limit = [{ name = 'hour', kind = 'sliding-window', quota = 3, per = '1h' }]";
    let (_folder, [option, file]) = configuration(&format!("[budget.keap]\n{limit}\n[budget.idle]\n{limit}"));
    let (_, told, code) = paceline(&server, &["inspect", &option, &file]);
    let note = "note: 1 partition of budget keap in use, name one with --key, such as --key 't1'\n";
    assert_eq!((told.as_str(), code), (note, 0), "of a budget that nobody uses at all there is nothing to note");
    let (_, told, _) = paceline(&server, &["why", "keap", "--key", "t9", &option, &file]);
    assert_eq!(told, "note: nobody uses key t9 of budget keap; 1 partition in use, such as --key 't1'\n");
    drop(held);
}

fn many(quota: u64) -> Budget {
    Budget::builder("keap").limit(Limit::sliding_window("hour", Quota::per_hour(quota))).build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_drifts_or_spends_most_is_not_cut_off() {
    let server = RedisServer::own();
    let store = RedisStore::connect_trusting(server.url()).await.unwrap();
    let mut held = Vec::new();
    for _ in 0..=LISTED {
        held.extend(take(&Limiter::new(store.clone(), many(300)), 1).await);
    }
    let newest = Limiter::new(store, many(400));
    held.extend(take(&newest, 3).await);

    let text = "[budget.keap]\nlimit = [{ name = 'hour', kind = 'sliding-window', quota = 300, per = '30m' }]";
    let (_folder, [option, file]) = configuration(text);
    let (out, err, _) = paceline(&server, &["inspect", "keap", &option, &file, "--json"]);
    let inspected: Value =
        serde_json::from_str::<Vec<Value>>(&out).unwrap_or_else(|why| panic!("{why}: {out}{err}")).remove(0);
    let sessions = inspected["sessions"].as_array().unwrap();
    assert_eq!((sessions.len(), &inspected["more_sessions"]), (LISTED, &json!(2)));
    assert_eq!((&sessions[0]["calls"], &sessions[0]["definition"]), (&json!(3), &json!(many(400).definition())));
    let mut known = [many(300).definition(), many(400).definition()];
    known.sort();
    let definitions = inspected["definitions"].as_array().unwrap();
    assert_eq!(definitions.iter().map(|d| d["definition"].as_str().unwrap()).collect::<Vec<_>>(), known);
    for definition in definitions {
        let this = definition["such_as"][0].as_str().unwrap();
        assert!(definition["processes"] == 1 && this.ends_with(&format!("(process {})", std::process::id())));
    }
    let differs = json!([{
        "limit": "hour",
        "configuration": { "kind": "sliding-window", "quota": 300, "per_ms": 1_800_000 },
        "store": { "kind": "sliding-window", "quota": 400, "per_ms": 3_600_000 },
    }]);
    assert_eq!(inspected["differs"], differs);
    assert!(inspected["configured"].is_string());
    for field in ["definitions", "processes", "such_as", "configured", "differs", "limit", "configuration", "store"] {
        assert!(GUIDE.contains(&format!("`{field}`")), "{field}");
    }
    let (out, _, _) = paceline(&server, &["inspect", "keap", &option, &file]);
    let told = "limit hour: sliding-window 300 in 30m in this configuration, and sliding-window 400 in 1h in the store";
    assert!(
        out.contains(told) && out.contains("(this configuration): nobody") && out.contains("and 2 more\n"),
        "{out}"
    );
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn why_counts_only_processes_that_wait() {
    let server = RedisServer::own();
    let store = RedisStore::connect_trusting(server.url()).await.unwrap();
    let quota = LISTED as u64 + 1;
    let mut held = Vec::new();
    for _ in 0..quota {
        held.extend(take(&Limiter::new(store.clone(), many(quota)), 1).await);
    }
    let late = Limiter::new(store, many(quota));
    let waits = tokio::spawn({
        let late = late.clone();
        async move { late.acquire(1).await }
    });
    until_waiting(&late, 1).await;
    let (out, _, code) = paceline(&server, &["why", "keap"]);
    assert!(out.contains("; 1 caller in 1 process wait already.") && code == 3, "{out}");
    waits.abort();
    drop(held);
}

#[test]
fn a_configuration_that_is_in_force_differs_in_nothing() {
    let server = RedisServer::own();
    let (_folder, [option, file]) = configuration(
        "[budget.mine]
         limit = [{ name = 'smooth', kind = 'token-bucket', quota = 3, per = '1s', burst = 10 },
                  { name = 'day', kind = 'fixed-window', quota = 9, per = '1d', zone = 'America/New_York' },
                  { name = 'open', kind = 'concurrency', quota = 5 },
                  { name = 'hour', kind = 'sliding-window', quota = { S = 1, M = 2 }, per = '1h', scope = 'operation' }]
         [budget.shopify]
         preset = 'shopify'
         [budget.slack]
         preset = 'slack'",
    );
    for call in [
        &["mine", "--tier", "M", "--scope", "operation=a"][..],
        &["shopify", "--route", "GET https://shop.myshopify.com/admin/api/2025-10/products.json"],
        &["slack", "--route", "POST https://slack.com/api/chat.postMessage", "--scope", "channel=C042"],
    ] {
        let (_, told, code) = paceline(&server, &[&["acquire"], call, &[&option, &file]].concat());
        assert_eq!((told.as_str(), code), ("", 0), "{call:?}");
    }
    let (out, err, _) = paceline(&server, &["inspect", &option, &file, "--json"]);
    let inspected: Vec<Value> = serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{err}"));
    for report in inspected {
        assert!(!report["limits"].as_array().unwrap().is_empty(), "{report:#}");
        assert_eq!(report["differs"], json!([]), "{report:#}");
    }
}
