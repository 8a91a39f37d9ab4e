//! What programs read is what the guide says: each field of `--json` stands in its table.

use std::{fs, io::Write};

use serde_json::Value;

use crate::{limiter, paceline, support::RedisServer, take};

const GUIDE: &str = include_str!("../../src/guide/command_line.md");

/// Names of fields, however deep.
fn fields(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| fields(item, found)),
        Value::Object(map) => map.iter().for_each(|(name, value)| {
            found.push(name.clone());
            fields(value, found);
        }),
        _ => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_is_documented() {
    let server = RedisServer::own();
    let mut config = tempfile::NamedTempFile::new().unwrap();
    config
        .write_all(b"[budget.tiny]\nlimit = [{ name = 'hour', kind = 'sliding-window', quota = 9, per = '1h' }]")
        .unwrap();
    let config = config.path().to_str().unwrap();
    let mistaken = tempfile::NamedTempFile::new().unwrap();
    fs::write(&mistaken, "[budget.tiny]").unwrap();
    let mistaken = mistaken.path().to_str().unwrap();
    let limiter = limiter(&server).await;
    let held = take(&limiter, 1).await;
    for order in [
        &["limit", "keap", "hour", "--quota", "2", "--for", "1h"][..],
        &["cool-down", "keap", "--for", "1m"],
        &["pause", "keap", "--why", "maintenance"],
    ] {
        assert_eq!(paceline(&server, &[order, &["--yes"]].concat()).2, 0);
    }
    let (_, forms) = GUIDE.split_once("## In JSON").expect("the guide has the forms");
    for (row, command) in [
        ("| `list` |", &["list"][..]),
        ("| `inspect` |", &["inspect", "keap"]),
        ("| `why` |", &["why", "keap"]),
        ("| `audit` |", &["audit"]),
        ("| an order |", &["resume", "keap", "--yes"]),
        ("| an order |", &["cool-down", "keap", "--for", "1s", "--yes"]),
        ("| an order |", &["drain", "keap", "--timeout", "1s", "--yes"]),
        ("| an order |", &["pause", "keap", "--all-keys", "--yes"]),
        ("| `acquire` |", &["acquire", "tiny", "--config", config]),
        ("| `acquire` |", &["acquire", "tiny", "--config", config, "--cost", "9", "--wait", "1s"]),
        ("| `plan` |", &["plan", "tiny", "--config", config, "--calls", "5", "--compare"]),
        ("| `send` |", &["send", "http://127.0.0.1:1", "--config", config, "-n", "1"]),
        ("| `check` |", &["check", config]),
        ("| `check` |", &["check", mistaken]),
        ("| `presets` |", &["presets"]),
    ] {
        let (out, err, _) = paceline(&server, &[command, &["--json"]].concat());
        let mut found = Vec::new();
        fields(&serde_json::from_str(&out).unwrap_or_else(|why| panic!("{command:?}: {why}\n{err}")), &mut found);
        assert!(!found.is_empty(), "{command:?}");
        // Rows that go on begin with an ellipsis.
        let lines = forms.lines().skip_while(|line| !line.starts_with(row));
        let told: String = lines
            .enumerate()
            .take_while(|(n, line)| *n == 0 || line.starts_with("| ..."))
            .map(|(_, line)| line)
            .collect();
        for field in found {
            assert!(told.contains(&format!("`{field}`")), "{command:?}: {field} is not in {told}");
        }
    }
    drop(held);
}
