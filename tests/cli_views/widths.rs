//! At 80 and at 200 columns, each command that prints for people, but those of `cli_operator/looks.rs`: nothing stands beyond
//! the right edge, and nothing is lost where there is less room.

use std::process::Command;

use paceline::{Budget, Limit, Limiter, Preset, Quota, RedisStore};

use crate::{alone, file, paceline, said, support::RedisServer};

const WIDTHS: [usize; 2] = [80, 200];

/// Names as long as people make them.
const BUDGET: &str = "keap-production-eu-west-1";
const KEY: &str = "tenant-0123456789abcdef0123456789abcdef";

/// What it prints to both. An error is a sentence on one line, as everywhere, so that it can be searched for.
fn at(mut command: Command, columns: usize) -> String {
    let (out, err, _) = said(command.env("COLUMNS", columns.to_string()));
    let asked = err.lines().filter(|line| !line.starts_with("error: "));
    let text = asked.fold(out, |text, line| text + line + "\n");
    assert!(!text.is_empty(), "{command:?}: {err}");
    text
}

/// A word that is too long, such as an address, stands on a line of its own.
#[track_caller]
fn fits(text: &str, columns: usize) {
    for line in text.lines() {
        let fits = line.chars().count() <= columns || line.split_whitespace().count() == 1;
        assert!(fits, "beyond {columns} columns: {line}\n{text}");
    }
}

/// All that is printed, wherever the lines break.
fn ink(text: &str) -> Vec<char> {
    let mut ink: Vec<_> = text.chars().filter(|c| !c.is_whitespace() && *c != '─').collect();
    ink.sort_unstable();
    ink
}

/// What is the same each time fits both widths, and has as much to say at both.
#[track_caller]
fn is_whole_at_both(command: impl Fn() -> Command) -> String {
    let [narrow, wide] = WIDTHS.map(|columns| {
        let text = at(command(), columns);
        fits(&text, columns);
        text
    });
    assert_eq!(ink(&narrow), ink(&wide), "{:?}\n{narrow}\n{wide}", command());
    assert!(wide.lines().count() <= narrow.lines().count(), "{narrow}\n{wide}");
    wide
}

#[test]
fn presets_and_what_a_configuration_says() {
    is_whole_at_both(|| alone(&["presets"]));
    let mut config = String::new();
    for name in Preset::names() {
        is_whole_at_both(|| alone(&["presets", "show", name]));
        config += &format!("[budget.{name}-of-the-shop-in-berlin]\npreset = '{name}'\n");
        config += match name {
            "hubspot" => "vars = { zone = 'Europe/Berlin' }\n",
            "openai" => "vars = { requests = '500', tokens = '200000' }\n",
            _ => "",
        };
    }
    let (_folder, file) = file(&config);
    let checked = is_whole_at_both(|| alone(&["check", &file]));
    assert!(checked.contains("budget stripe-of-the-shop-in-berlin: preset stripe; "), "{checked}");
}

#[test]
fn plans() {
    let (_folder, file) = file("[budget.klaviyo]\npreset = 'klaviyo'\n[budget.keap]\npreset = 'keap'");
    for more in
        [&["klaviyo", "--route", "GET /api/campaigns"][..], &["keap", "--compare"], &["keap", "--replicas", "9"]]
    {
        let planned = is_whole_at_both(|| alone(&[&["plan", "--config", &file, "--calls", "300"], more].concat()));
        assert!(planned.contains("The tightest limit is "), "{planned}");
    }
}

#[test]
fn what_the_doctor_finds() {
    let wrong = [
        "--maxmemory",
        "512kb",
        "--maxmemory-policy",
        "volatile-lru",
        "--timeout",
        "9",
        "--min-replicas-to-write",
        "1",
    ];
    let server =
        RedisServer::own_with(&[&wrong[..], &["--client-output-buffer-limit", "pubsub", "1kb", "1kb", "10"]].concat());
    for columns in WIDTHS {
        let text = at(paceline(server.url(), &["doctor"]), columns);
        fits(&text, columns);
        for part in ["BROKEN", "WARNING", "eviction", "replication", "connections", "Not as it should be."] {
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_and_their_trail() {
    let server = RedisServer::own();
    let store = RedisStore::connect_trusting(server.url()).await.unwrap();
    let hour = Limit::sliding_window("requests-of-the-hour", Quota::per_hour(3));
    let limiter = Limiter::new(store, Budget::builder(BUDGET).limit(hour).build().unwrap()).for_key(KEY).unwrap();
    limiter.acquire(1).await.unwrap().complete();
    limiter.flush().await.unwrap();
    let why =
        "their status page says: degraded since nine o'clock, and support wants us to wait for a while ".repeat(2);
    for columns in WIDTHS {
        for order in [
            &["pause", "--for", "3days 2h 1m"][..],
            &["resume"],
            &["cool-down", "--for", "1h 30m", "--limit", "requests-of-the-hour"],
            &["cool-down", "--for", "1m"],
            &["cool-down", "--end"],
            &["limit", "requests-of-the-hour", "--quota", "2", "--for", "6h"],
            &["limit", "requests-of-the-hour", "--end"],
            &["reset", "--limit", "requests-of-the-hour"],
            &["drain"],
        ] {
            let order = [&[order[0], BUDGET, "--key", KEY, "--why", why.trim()], &order[1..]].concat();
            // The question, and what is said when it was done.
            let asked = at(paceline(server.url(), &order), columns);
            let done = at(paceline(server.url(), &[&order[..], &["--yes"]].concat()), columns);
            for text in [asked, done] {
                assert!(text.starts_with("Budget keap-production"), "{text}");
                fits(&text, columns);
            }
        }
    }
    let trail = is_whole_at_both(|| paceline(server.url(), &["audit"]));
    assert!(trail.contains("limit requests-of-the-hour to 2 for 6h"), "{trail}");
}
