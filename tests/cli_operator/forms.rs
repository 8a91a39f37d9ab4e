//! What programs read: the forms of `--json`, with each field's place and type, as snapshots; and the guide's table names all
//! fields that there are, and no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Write,
    process::{Command, Stdio},
};

use serde_json::Value;

use crate::{
    assert_shown, limiter, paceline,
    support::{Provider, RedisServer},
    take,
};

const GUIDE: &str = include_str!("../../src/guide/command_line.md");
/// Objects whose names are data: how often each status came, what a variable of a preset may be.
const BY_DATA: [&str; 2] = ["statuses", "choices"];
/// What is as a preset's file has it.
const OF_THE_FILE: [&str; 3] = [".routes", ".signals", ".throttles"];
/// What else stands in the table as code: no field, but a value, or an option that a field goes with.
const NO_FIELDS: [&str; 2] = ["null", "drain"];

/// Fields by their places, as in `[].limits[].name`, each with its types.
type Form = BTreeMap<String, BTreeSet<&'static str>>;

fn add(form: &mut Form, place: &str, value: &Value) {
    let kind = match value {
        _ if OF_THE_FILE.contains(&place) => "as in the file",
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "whole number",
        Value::String(_) => "text",
        Value::Array(items) => {
            if items.is_empty() {
                form.entry(format!("{place}[]")).or_default();
            }
            items.iter().for_each(|item| add(form, &format!("{place}[]"), item));
            return;
        }
        Value::Object(map) => {
            for (name, value) in map {
                let is_data = BY_DATA.iter().any(|of| place.ends_with(of) || place.ends_with(&format!("{of}.*")));
                add(form, &format!("{place}.{}", if is_data { "*" } else { name }), value);
            }
            return;
        }
    };
    form.entry(place.to_owned()).or_default().insert(kind);
}

/// The names of the fields of a form.
fn names(form: &Form) -> BTreeSet<String> {
    let steps = form.keys().flat_map(|place| place.split('.'));
    steps.map(|step| step.trim_end_matches("[]").to_owned()).filter(|step| !step.is_empty() && step != "*").collect()
}

/// The fields that a row of the guide's table names, and those that go on from it: they begin with an ellipsis.
fn documented(row: &str) -> BTreeSet<String> {
    let (_, forms) = GUIDE.split_once("## In JSON").expect("the guide has the forms");
    let mut lines = forms.lines().skip_while(|line| !line.starts_with(row)).enumerate();
    let told: String =
        lines.by_ref().take_while(|(n, line)| *n == 0 || line.starts_with("| ...")).map(|(_, line)| line).collect();
    assert!(!told.is_empty(), "the guide has no row {row}");
    // Of each row, what stands behind the command.
    let code = told.strip_prefix(row).unwrap().split('`').skip(1).step_by(2);
    let is_name = |code: &&str| code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    code.filter(is_name).filter(|code| !NO_FIELDS.contains(code)).map(str::to_owned).collect()
}

/// What a command that reads its standard input prints.
fn read(arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let mut process = command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    String::from_utf8(process.wait_with_output().unwrap().stdout).unwrap()
}

/// What was printed by commands of one row of the table.
fn check(row: &str, printed: &[String]) {
    let mut form = Form::new();
    for text in printed {
        add(&mut form, "", &serde_json::from_str(text).unwrap_or_else(|why| panic!("{row}: {why}\n{text}")));
    }
    let lines = form
        .iter()
        .map(|(place, kinds)| format!("{place}: {}\n", kinds.iter().copied().collect::<Vec<_>>().join(", ")));
    let title = format!("| {row} |");
    assert_shown(&format!("json_{}", row.trim_matches('`').replace(' ', "_")), &lines.collect::<String>());
    let (told, there) = (documented(&title), names(&form));
    let missing: Vec<_> = there.difference(&told).collect();
    let gone: Vec<_> = told.difference(&there).collect();
    assert!(missing.is_empty() && gone.is_empty(), "{row}: the guide lacks {missing:?}, and there is no {gone:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_keeps_its_place_and_its_type_and_stands_in_the_guide() {
    let server = RedisServer::own();
    let provider = Provider::start(&["--limit", "5/1s", "--delay", "0ms"]);
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let hour = |quota| {
        format!("[budget.{{}}]\nlimit = [{{ name = 'hour', kind = 'sliding-window', quota = {quota}, per = '1h' }}]")
    };
    let tiny = file("tiny.toml", &hour(9).replace("{}", "tiny"));
    let other = file("other.toml", &hour(5).replace("{}", "keap"));
    let mistaken = file("mistaken.toml", "[budget.tiny]");

    let limiter = limiter(&server).await;
    let held = take(&limiter, 1).await;
    let mut waiter = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.acquire(3).await }
    });
    crate::until_waiting(&limiter, 1).await;
    let run = |arguments: &[&str]| {
        let (out, err, _) = paceline(&server, &[arguments, &["--json"]].concat());
        assert!(!out.is_empty(), "{arguments:?}: {err}");
        out
    };
    let before = [run(&["list"]), run(&["inspect", "keap", "--config", &other]), run(&["why", "keap"])];
    for order in [&["limit", "keap", "hour", "--quota", "2", "--for", "1h"][..], &["cool-down", "keap", "--for", "1m"]]
    {
        assert_eq!(paceline(&server, &[order, &["--yes"]].concat()).2, 0);
    }
    let orders = [
        run(&["pause", "keap", "--why", "maintenance", "--for", "1h", "--yes"]),
        run(&["cool-down", "keap", "--for", "1s", "--yes"]),
        run(&["drain", "keap", "--timeout", "1s", "--yes"]),
        run(&["pause", "keap", "--all-keys", "--yes"]),
    ];
    let [list, inspect, why] = before;
    check("`list`", &[list, run(&["list"])]);
    check("`inspect`", &[inspect, run(&["inspect", "keap"])]);
    check("`why`", &[why, run(&["why", "keap"])]);
    check("an order", &orders);
    check("`audit`", &[run(&["audit"])]);
    check(
        "`acquire`",
        &[
            run(&["acquire", "tiny", "--config", &tiny]),
            run(&["acquire", "tiny", "--config", &tiny, "--cost", "9", "--wait", "1s"]),
        ],
    );
    check("`plan`", &[run(&["plan", "tiny", "--config", &tiny, "--calls", "5", "--compare"])]);
    check("`send`", &[run(&["send", &provider.url("/"), "--config", &tiny, "-n", "1"])]);
    check("`check`", &[run(&["check", &tiny]), run(&["check", &mistaken])]);
    check("`doctor`", &[run(&["doctor"]), run(&["doctor", "--redis", "redis://127.0.0.1:1"])]);
    check("`presets`", &[run(&["presets"])]);
    check("`presets show`", &["keap", "klaviyo", "shopify", "slack"].map(|name| run(&["presets", "show", name])));
    check(
        "`read`",
        &[
            read(&["read", "--json"], "HTTP/1.1 200 OK\r\nx-ratelimit-limit: 9\r\nx-ratelimit-remaining: 4\r\n\r\n"),
            read(&["read", "--json", "--preset", "keap"], "HTTP/1.1 429 Too Many Requests\r\nretry-after: 30\r\n\r\n"),
        ],
    );
    let mut demo = Command::new(env!("CARGO_BIN_EXE_paceline"));
    demo.args(["demo", "--seconds", "2", "--json", "--redis", server.url()]).env_remove("PACELINE_REDIS_URL");
    check("`demo`", &[String::from_utf8(demo.output().unwrap().stdout).unwrap()]);
    waiter.abort();
    _ = (&mut waiter).await;
    drop(held);
}

#[test]
fn a_failure_is_told_on_standard_error_and_prints_nothing_for_programs() {
    let server = RedisServer::own();
    let nobody = ["--redis", "redis://127.0.0.1:1", "--json"];
    for command in [&["list"][..], &["inspect"], &["why", "keap"], &["audit"], &["resume", "keap", "--yes"]] {
        let (out, err, code) = paceline(&server, &[command, &nobody].concat());
        assert_eq!((out.as_str(), code), ("", 1), "{command:?}");
        assert!(err.starts_with("error: Redis at 127.0.0.1:1: "), "{command:?}: {err}");
    }
}
