//! What an operator gets to see where there is much of it, where it is long, and where nobody told him what to look for.
#![cfg(feature = "cli")]

#[path = "cli_views/many.rs"]
mod many;
#[path = "cli_views/newcomer.rs"]
mod newcomer;
mod support;
#[path = "cli_views/trail.rs"]
mod trail;
#[path = "cli_views/widths.rs"]
mod widths;

use std::{fs, process::Command};

use tempfile::TempDir;

/// The command as it is in a shell where nothing is set.
fn alone(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    for name in ["PACELINE_REDIS_URL", "PACELINE_CONFIG", "COLUMNS"] {
        command.env_remove(name);
    }
    command.args(arguments);
    command
}

/// The same on this Redis.
fn paceline(url: &str, arguments: &[&str]) -> Command {
    let mut command = alone(arguments);
    command.env("PACELINE_REDIS_URL", url);
    command
}

/// What it prints to both, and its exit code.
fn said(command: &mut Command) -> (String, String, i32) {
    let output = command.output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

/// What a call that must succeed prints with `--json`.
#[track_caller]
fn json(url: &str, arguments: &[&str]) -> serde_json::Value {
    let (out, err, code) = said(&mut paceline(url, &[arguments, &["--json"]].concat()));
    assert_eq!(code, 0, "{arguments:?}: {err}");
    serde_json::from_str(&out).unwrap_or_else(|why| panic!("{arguments:?}: {why}: {out}"))
}

/// A file that is gone after the test.
fn file(text: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("paceline.toml");
    fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    (folder, path)
}
