//! `paceline presets`, and what the other commands make of a preset.
#![cfg(feature = "cli")]

use std::{fs, process::Command};

use serde_json::Value;

const MINE: &str = r#"
name = "mine"
about = "a provider of my own"
read = 2026-11-22
sources = ["its page"]
[[limit]]
name = "minute"
kind = "sliding-window"
quota = 3
per = "1m"
[[route]]
path = "/heavy"
cost = 5
[[route]]
"#;

/// What it prints to both, and its exit code.
fn paceline(arguments: &[&str]) -> (String, String, Option<i32>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let output = command.args(arguments).env_remove("PACELINE_REDIS_URL").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code())
}

fn json(arguments: &[&str]) -> Value {
    serde_json::from_str(&paceline(arguments).0).unwrap()
}

#[test]
fn all_presets_are_listed() {
    let (list, _, code) = paceline(&["presets"]);
    assert_eq!(code, Some(0));
    let listed = json(&["presets", "--json"]);
    assert_eq!(listed.as_array().unwrap().len(), 11);
    for preset in listed.as_array().unwrap() {
        let (name, about) = (preset["name"].as_str().unwrap(), preset["about"].as_str().unwrap());
        assert!(list.lines().any(|line| line.starts_with(name) && line.ends_with(about)), "{list}");
        let shown = json(&["presets", "show", name, "--json"]);
        assert_eq!(
            (&shown["name"], &shown["about"], &shown["read"]),
            (&preset["name"], &preset["about"], &preset["read"])
        );
        assert!(!shown["limits"].as_array().unwrap().is_empty());
        assert!(paceline(&["presets", "show", name]).0.contains("sources, read on 2026-"), "{name}");
    }
}

#[test]
fn a_preset_is_shown_with_its_limits_headers_and_sources() {
    let (shown, _, code) = paceline(&["presets", "show", "keap"]);
    assert_eq!(code, Some(0));
    for line in [
        "  spike (sliding-window): at most 5 requests in any 1s",
        "  day: quota x-keap-product-quota-limit, used x-keap-product-quota-used, \
         remaining x-keap-product-quota-available, reset x-keap-product-quota-expiry-time",
        "    oauth: per_second = 25, per_minute = 1500, per_day = 150000, gap = 40ms",
        "sources, read on 2026-11-22",
        "  api.infusionsoft.com",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    let (toml, ..) = paceline(&["presets", "show", "klinky", "--toml"]);
    assert_eq!(paceline::Preset::parse(&toml).unwrap().name(), "klinky");
    let (_, told, code) = paceline(&["presets", "show", "nobody"]);
    assert!(code == Some(1) && told.starts_with("error: there is no preset \"nobody\"; write aisoule, "), "{told}");
}

#[test]
fn a_file_of_ones_own_is_shown_or_told_its_mistakes() {
    let folder = tempfile::tempdir().unwrap();
    let mine = folder.path().join("mine.toml");
    fs::write(&mine, MINE).unwrap();
    let (shown, ..) = paceline(&["presets", "show", mine.to_str().unwrap()]);
    assert!(shown.starts_with("mine: a provider of my own\n\nlimits\n  minute (sliding-window): at most 3"), "{shown}");
    fs::write(&mine, MINE.replace("quota = 3", "quota = 0").replace("cost = 5", "tier = 'S'")).unwrap();
    let (_, told, code) = paceline(&["presets", "show", mine.to_str().unwrap()]);
    assert_eq!((told.lines().count(), code), (2, Some(1)), "{told}");
    assert!(told.contains(":9:9: preset mine, limit minute: quota is 0;"), "{told}");
}

#[test]
fn check_explains_a_budget_of_a_preset_and_send_takes_its_route() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.toml"), MINE).unwrap();
    let config = folder.path().join("paceline.toml");
    fs::write(&config, "[budget.b]\npreset = './mine.toml'").unwrap();
    let config = config.to_str().unwrap();
    let (words, ..) = paceline(&["check", config]);
    assert!(words.contains("budget b: preset mine; counted from the response"), "{words}");
    assert!(words.contains("  minute (sliding-window): at most 3 requests in any 1m"), "{words}");

    // Nobody listens there: what matters is which calls get as far as being sent.
    let send = |path: &str| paceline(&["send", &format!("http://127.0.0.1:9{path}"), "--config", config, "-n", "1"]).1;
    assert!(send("/heavy").contains("a request that costs 5 requests can never fit limit minute"));
    assert!(!send("/light").contains("never fit"));
}
