//! What the sender makes of what providers say: it waits, sends again, or gives up.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use serde_json::Value;

use super::{Configured, Provider, paceline, send};

#[test]
fn what_is_told_not_now_is_sent_again_when_the_provider_is_ready() {
    // The provider allows less than the configuration says.
    let provider = Provider::start(&["--limit", "2/2s", "--delay", "0ms"]);
    let configured = Configured::new("cli-again");
    let arguments = |more: &[&'static str]| {
        let mut all = vec![provider.url("/")];
        all.extend(configured.arguments().map(str::to_owned));
        all.extend(more.iter().map(ToString::to_string));
        all
    };
    let run = |more: &[&'static str]| send(&arguments(more).iter().map(String::as_str).collect::<Vec<_>>());
    let (code, sent) = run(&["-n", "3", "-c", "3", "--tries", "9"]);
    let number = |sent: &Value, what: &str| sent[what].as_u64().unwrap();
    assert_eq!((code, number(&sent, "ok"), number(&sent, "failed")), (0, 3, 0), "{sent}");
    assert!(number(&sent, "throttled") > 0 && number(&sent, "cooldowns") > 0, "{sent}");
    assert_eq!(number(&sent, "sent"), 3 + number(&sent, "throttled"), "{sent}");
    assert_eq!(number(&sent, "retried"), number(&sent, "throttled"), "{sent}");
    assert_eq!(provider.stats()["rejected"], sent["throttled"]);

    provider.request(reqwest::Method::POST, "/_reset");
    let (code, sent) = run(&["-n", "3", "-c", "3", "--tries", "1"]);
    assert_eq!((code, number(&sent, "sent"), number(&sent, "retried")), (1, 3, 0), "{sent}");
    assert_eq!((number(&sent, "ok"), number(&sent, "throttled")), (2, 1), "{sent}");
}

#[test]
fn what_no_request_says_is_said_beside_it() {
    let provider = Provider::start(&["--limit", "99/1s", "--delay", "0ms"]);
    let url = provider.url("/");
    let mut config = tempfile::NamedTempFile::new().unwrap();
    let limits = "
        [budget.ai]
        limit = [{ name = 'model', kind = 'sliding-window', quota = 2, per = '1h', scope = 'model' },
                 { name = 'day', kind = 'sliding-window', quota = { S = 3, M = 4 }, per = '1d' },
                 { name = 'open', kind = 'concurrency', quota = 9 }]";
    config.write_all(limits.as_bytes()).unwrap();
    let config = config.path().to_str().unwrap();
    let ok = |more: &[&str]| {
        let call = [&[&*url, "--config", config, "-n", "5", "--wait", "1s"], more].concat();
        send(&call).1["ok"].as_u64().unwrap()
    };
    assert_eq!(ok(&[]), 5, "only one of the limits is about all calls");
    assert_eq!((ok(&["--tier", "S"]), ok(&["--tier", "M", "--scope", "model=large"])), (3, 2));
    let output = paceline(&["send", &url, "--config", config, "-n", "1", "--tier", "XL"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && told.contains("budget ai has no tier \"XL\""), "{told}");
}

#[test]
fn a_preset_is_all_it_needs() {
    let provider = Provider::start(&["--as", "aisoule", "--delay", "0ms"]);
    let url = provider.url("/api/messages");
    let (code, sent) = send(&[&url, "--preset", "aisoule", "-n", "12", "-c", "12"]);
    assert_eq!((code, &sent["ok"], &sent["throttled"]), (0, &12.into(), &0.into()), "{sent}");

    let klinky = |var: &str| {
        let output = paceline(&["send", &url, "-n", "1", "--preset", "klinky", "--var", var]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told) = klinky("plan=huge");
    assert!(code == Some(1) && told.starts_with("error: budget klinky: plan is \"huge\"; write"), "{told}");
    let (code, told) = klinky("huge");
    assert!(code == Some(2) && told.contains("write it as NAME=VALUE"), "{told}");
}

#[test]
fn a_preset_says_which_requests_may_be_sent_again() {
    // A stranger leaves one call in a second, and the provider does not say for how long to wait.
    let provider = Provider::start(&["--as", "customerio", "--stranger", "0.9", "--delay", "0ms"]);
    let url = provider.url("/v1/newsletters");
    let (_, get) = send(&[&url, "--preset", "customerio", "-n", "8", "-c", "8", "--tries", "2", "--wait", "10s"]);
    let arguments = ["--preset", "customerio", "-n", "8", "-c", "8", "--method", "POST", "--wait", "10s"];
    let (_, post) = send(&[&[&*url], &arguments[..]].concat());
    assert!(get["throttled"].as_u64() > Some(0) && get["retried"].as_u64() > Some(0), "{get}");
    assert!(post["throttled"].as_u64() > Some(0) && post["retried"] == 0, "{post}");
}

#[test]
fn a_refused_credential_ends_it_with_a_clear_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let hits = Arc::new(AtomicUsize::new(0));
    let counted = hits.clone();
    thread::spawn(move || {
        for socket in listener.incoming() {
            let mut socket = BufReader::new(socket.unwrap());
            let mut line = String::new();
            while socket.read_line(&mut line).is_ok_and(|read| read > 2) {
                line.clear();
            }
            counted.fetch_add(1, Ordering::Relaxed);
            let answer = b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            socket.get_mut().write_all(answer).unwrap();
        }
    });
    let configured = Configured::new("cli-refused");
    fs::write(&configured.file, format!("[budget.{}]\npreset = 'keap'", configured.budget)).unwrap();
    let mut sender = paceline(&["send", "--json", &url, "-n", "50", "-c", "2", "--header", "authorization: s3cret"]);
    let output = sender.args(configured.arguments()).output().unwrap();
    let (sent, told) =
        (serde_json::from_slice::<Value>(&output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert_eq!((output.status.code(), &sent["ok"]), (Some(1), &0.into()), "{sent}");
    assert!(hits.load(Ordering::Relaxed) <= 2 && sent["sent"] == sent["failed"], "{sent}");
    let error = told.lines().last().unwrap();
    assert!(error.starts_with("error: budget ") && error.contains("(it answered 401); mend the key"), "{told}");
    assert!(!told.contains("s3cret"));
}
