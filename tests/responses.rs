//! Reading responses: what must follow from each of many, what holds of any, and how a wrong dialect is told.

#[path = "responses/case.rs"]
mod case;
#[path = "responses/properties.rs"]
mod properties;

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use http::{HeaderMap, HeaderValue, StatusCode};
use paceline::{Budget, Dialect, Limit, Limiter, MemoryStore, Preset, Quota};

use case::Case;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/responses")
}

fn dialect_file(name: &str) -> PathBuf {
    folder().join(format!("dialects/{name}.toml"))
}

/// A dialect of a shipped preset, or else of the folder; without a name, the generic one.
fn dialect(name: Option<&str>) -> Dialect {
    let Some(name) = name else { return Dialect::generic() };
    if let Some(preset) = Preset::named(name) {
        return preset.dialect().clone();
    }
    let text = fs::read_to_string(dialect_file(name)).unwrap();
    Dialect::parse(&text).unwrap_or_else(|errors| panic!("{}", errors.in_file(dialect_file(name))))
}

/// The same, as the command takes it.
#[cfg(feature = "cli")]
fn as_argument(name: &str) -> String {
    match Preset::named(name) {
        Some(_) => name.to_owned(),
        None => dialect_file(name).to_string_lossy().into_owned(),
    }
}

fn toml_files(folder: PathBuf) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files
}

fn cases() -> Vec<Case> {
    let cases: Vec<_> = toml_files(folder()).iter().flat_map(|path| case::load(path)).collect();
    assert!(cases.len() > 200, "the cases are gone");
    cases
}

#[test]
fn from_each_response_follows_what_must() {
    let wrong = cases().into_iter().filter_map(|case| {
        let observation =
            dialect(case.dialect.as_deref()).observe(case.status, &case.headers(), case.body(), case.now());
        let (got, want) = (case::told(&observation, &case), case.wanted());
        (got != want).then(|| format!("{}: {}\n  got  {got}\n  want {want}", case.file, case.name))
    });
    let wrong: Vec<_> = wrong.collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The command says the same, a line for a line.
#[cfg(feature = "cli")]
#[test]
fn the_command_says_the_same_of_each() {
    let cases = cases();
    let lines: String = cases.iter().map(|case| format!("{}\n", case.line(as_argument))).collect();
    let output = case::paceline(&["--jsonl"], lines.as_bytes());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let said: Vec<serde_json::Value> =
        output.stdout.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(said.len(), cases.len());
    for (case, said) in cases.iter().zip(said) {
        assert_eq!(said, case.conclusion(), "{}: {}", case.file, case.name);
    }
    assert!(output.status.success());
}

#[cfg(feature = "cli")]
#[test]
fn one_response_is_told_to_people_and_to_programs() {
    let response = b"HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3600\r\nX-RateLimit-Limit: 100\r\n\
                     X-RateLimit-Remaining: 0\r\n\r\n{}";
    let output = case::paceline(&["--now", "1795406400"], response);
    let want = "429 Too Many Requests: throttled; wait 15m (retry-after), although 1h was asked for\n\
                it is about all limits that the request took from, by rule 1 of the dialect\n\
                limit requests: 0 of 100 left\n";
    assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stdout).as_ref()), (Some(0), want));

    let output = case::paceline(&["--json", "--preset", "klinky"], response);
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&said["wait_s"], &said["about"][0], &said["source"]),
        (&3600.into(), &"hour".into(), &"retry-after".into())
    );
}

#[cfg(feature = "cli")]
#[test]
fn what_is_no_response_is_told_and_its_line_kept() {
    for wrong in ["", "hello", "HTTP/1.1 none\r\n\r\n"] {
        let output = case::paceline(&[], wrong.as_bytes());
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains("status line"), "{wrong:?}: {told}");
    }
    let output = case::paceline(&["--preset", "nobody"], b"HTTP/1.1 200 OK\r\n\r\n");
    assert!(output.status.code() == Some(1) && String::from_utf8_lossy(&output.stderr).contains("nobody"));

    let output = case::paceline(&["--jsonl"], b"{\"status\": 429}\n\n\xff\xfe\n{\"status\": 0}\n{\"status\": 200}\n");
    let said = String::from_utf8_lossy(&output.stdout);
    let said: Vec<serde_json::Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let errors: Vec<_> = said.iter().map(|said| said["error"].as_str().unwrap_or_default()).collect();
    assert_eq!((output.status.code(), said.len()), (Some(1), 4));
    assert!(errors[0].is_empty() && errors[1].starts_with("line 3: this is not JSON") && errors[3].is_empty());
    assert!(errors[2].starts_with("line 4: there is no status"));
}

/// A bad dialect says at its end what is wrong with it, in lines that start with `#= `.
#[test]
fn every_bad_dialect_is_told_exactly_what_is_wrong() {
    let mut seen = BTreeSet::new();
    for path in toml_files(folder().join("bad")) {
        let text = fs::read_to_string(&path).unwrap();
        let want: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#= ")).collect();
        let got = Dialect::parse(&text).expect_err(&path.display().to_string()).to_string();
        assert_eq!(got.lines().collect::<Vec<_>>(), want, "{}", path.display());
        seen.insert(path);
    }
    assert!(seen.len() >= 4, "the bad dialects are gone");
}

/// A lock on an object is no reason for the fleet to wait; the same answer about the route is.
#[tokio::test]
async fn an_answer_about_no_limit_slows_nobody() {
    let lock = r#"{"error":{"code":"lock_timeout"}}"#;
    for (body, free) in [(lock, true), ("{}", false)] {
        let budget = Budget::builder("a").limit(Limit::sliding_window("all", Quota::per_second(100))).build().unwrap();
        let limiter = Limiter::new(MemoryStore::new(), budget);
        let said = dialect(Some("stripe")).observe(
            StatusCode::TOO_MANY_REQUESTS,
            &HeaderMap::new(),
            body.as_bytes(),
            Duration::ZERO,
        );
        limiter.acquire(1).await.unwrap().complete_with(&said);
        limiter.flush().await.unwrap();
        let granted = limiter.try_acquire(1).await.unwrap().is_granted();
        assert_eq!(granted, free, "{body}");
    }
}

/// The first thing that anyone copies.
#[test]
fn the_examples_in_the_guide_are_right() {
    let guide = include_str!("../src/guide/reading_responses.md");
    let examples: Vec<&str> = guide.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(examples.len(), 2);
    for example in examples {
        Dialect::parse(example).unwrap_or_else(|errors| panic!("{errors}\n{example}"));
    }
}

#[test]
fn a_body_is_read_to_64_kib_and_no_further() {
    let read = |body: &[u8]| {
        let now = Duration::from_secs(1_795_406_400);
        let observation = Dialect::generic().observe(StatusCode::TOO_MANY_REQUESTS, &HeaderMap::new(), body, now);
        observation.throttled.unwrap().wait.map(|wait| wait.as_secs())
    };
    let says = b"Try again in 30 seconds";
    let after = |filler: usize| [&b"x".repeat(filler)[..], says].concat();
    assert_eq!(read(&after(64 * 1024 - says.len())), Some(30));
    assert_eq!(read(&after(64 * 1024)), None);
    // JSON that is cut is none, and what is deep does not end the stack.
    let long = format!("{{\"retry_after\": 30, \"pad\": \"{}\"}}", "x".repeat(64 * 1024));
    assert_eq!(read(long.as_bytes()), None);
    assert_eq!(read("[".repeat(64 * 1024).as_bytes()), None);
    assert_eq!(read("{\"retry_after\":".repeat(4_000).as_bytes()), None);
    // What is no UTF-8 is searched as it is.
    assert_eq!(read(b"\xff\xfe Try again in 30 seconds \x80"), Some(30));
    assert_eq!(read(b"{\"retry_after\": 30, \"a\": \"\xff\"}"), None);
}

/// A day's quota that is used up may be told to wait for hours; a second's may not.
#[test]
fn a_wait_is_cut_to_a_quarter_of_an_hour_or_to_a_window_of_the_limits_it_is_about() {
    for (per, about, minutes) in [("1s", "day", 15), ("1d", "day", 24 * 60), ("1d", "route", 15)] {
        let about = if about == "day" { "[\"day\"]" } else { "\"route\"" };
        let text = format!(
            "limit = [{{ name = \"day\", per = \"{per}\" }}]\n[[throttle]]\nstatus = 429\nabout = {about}\nwait = [\"retry-after\"]"
        );
        let headers = [(http::header::RETRY_AFTER, "999999".parse().unwrap())].into_iter().collect();
        let dialect = Dialect::parse(&text).unwrap();
        let said = dialect.observe(StatusCode::TOO_MANY_REQUESTS, &headers, b"", Duration::ZERO);
        assert_eq!(said.throttled.unwrap().wait, Some(Duration::from_secs(60 * minutes)), "{text}");
    }
}

#[test]
fn headers_that_are_no_text_say_nothing() {
    let mut headers = HeaderMap::new();
    for value in [&b"\xff\xfe"[..], b"30\xff", b"\x80", b"5\xc2\xa0"] {
        headers.append("retry-after", HeaderValue::from_bytes(value).unwrap());
        headers.append("x-ratelimit-remaining", HeaderValue::from_bytes(value).unwrap());
        headers.append("ratelimit", HeaderValue::from_bytes(value).unwrap());
        headers.append("date", HeaderValue::from_bytes(value).unwrap());
    }
    let observation = Dialect::generic().observe(StatusCode::TOO_MANY_REQUESTS, &headers, b"", Duration::ZERO);
    assert_eq!(observation.throttled.unwrap().wait, None);
    assert!(observation.limits.is_empty());
}

#[test]
fn a_header_as_long_as_a_book_is_read_in_a_moment() {
    let many = "5, ".repeat(20_000);
    let nines = "9".repeat(60_000);
    let units = "1h".repeat(30_000);
    let windows = "10;w=1, ".repeat(7_000) + "10;w=1";
    let mut headers = HeaderMap::new();
    for value in [&many, &nines, &units, &windows] {
        let value = HeaderValue::from_str(value).unwrap();
        for name in
            ["retry-after", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", "ratelimit-policy"]
        {
            headers.append(name, value.clone());
        }
    }
    for index in 0..2_000 {
        let name: http::HeaderName = format!("x-ratelimit-remaining-{index}").parse().unwrap();
        headers.append(name, HeaderValue::from_static("0"));
    }
    let started = std::time::Instant::now();
    let observation = Dialect::generic().observe(StatusCode::TOO_MANY_REQUESTS, &headers, b"", Duration::ZERO);
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert!(observation.limits.len() < 40);
}
