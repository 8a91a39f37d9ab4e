//! `inspect --config`: what a configuration has beside what is in use.

use std::fs;

use tempfile::TempDir;

use crate::{limiter, paceline, support::RedisServer, take};

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
    drop(held);
}
