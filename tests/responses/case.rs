//! A recorded response and what must follow from it.

use std::{fs, path::Path, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use paceline::{About, Observation};
use serde::Deserialize;

#[derive(Deserialize)]
struct File {
    case: Vec<Case>,
}

/// The fields are told in `tests/responses/README.md`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    #[serde(skip)]
    pub file: String,
    pub name: String,
    pub dialect: Option<String>,
    #[serde(default = "too_many", deserialize_with = "status")]
    pub status: StatusCode,
    #[serde(default)]
    headers: Vec<String>,
    #[serde(default)]
    body: String,
    #[serde(default = "now")]
    now: u64,
    throttled: Option<bool>,
    #[serde(default)]
    refused: bool,
    about: Option<Concerns>,
    wait: Option<f64>,
    asked: Option<f64>,
    source: Option<String>,
    penalty: Option<f64>,
    retry: Option<bool>,
    #[serde(default)]
    limits: Vec<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Concerns {
    Limits(Vec<String>),
    Word(String),
}

fn too_many() -> StatusCode {
    StatusCode::TOO_MANY_REQUESTS
}

/// 2026-11-23T04:00:00Z.
fn now() -> u64 {
    1_795_406_400
}

fn status<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<StatusCode, D::Error> {
    StatusCode::from_u16(u16::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// The cases of a file.
pub fn load(path: &Path) -> Vec<Case> {
    let text = fs::read_to_string(path).unwrap();
    let file: File = toml::from_str(&text).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    file.case.into_iter().map(|case| Case { file: name.clone(), ..case }).collect()
}

impl Case {
    fn lines(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|line| line.split_once(':').expect("a header has a colon"))
    }

    pub fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in self.lines() {
            let name: HeaderName = name.parse().unwrap();
            headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        headers
    }

    pub fn body(&self) -> &[u8] {
        self.body.as_bytes()
    }

    pub fn now(&self) -> Duration {
        Duration::from_secs(self.now)
    }

    fn is_throttled(&self) -> bool {
        self.throttled.unwrap_or(self.status == StatusCode::TOO_MANY_REQUESTS)
    }

    /// What must follow, in one line that can be compared.
    pub fn wanted(&self) -> String {
        let about = match &self.about {
            Some(Concerns::Limits(names)) => format!("{names:?}"),
            Some(Concerns::Word(word)) => word.clone(),
            None => "route".to_owned(),
        };
        let throttled = self.is_throttled().then(|| {
            let source = self.source.as_deref().unwrap_or("-");
            let retry = self.retry.unwrap_or(true);
            format!(
                "{about} wait {:?} asked {:?} by {source} penalty {:?} retry {retry}",
                self.wait, self.asked, self.penalty
            )
        });
        format!("{throttled:?} refused {} {:?}", self.refused, self.limits)
    }
}

/// What does follow, in the same words.
pub fn told(observation: &Observation, case: &Case) -> String {
    let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
    let throttled = observation.throttled.as_ref().map(|throttled| {
        let about = match &throttled.about {
            About::Limits(names) => format!("{names:?}"),
            About::Route => "route".to_owned(),
        };
        // Where it comes from is compared only if the case says so.
        let source = throttled.source.as_deref().filter(|_| case.source.is_some()).unwrap_or("-");
        format!(
            "{about} wait {:?} asked {:?} by {source} penalty {:?} retry {}",
            seconds(throttled.wait),
            seconds(throttled.asked),
            seconds(throttled.penalty),
            throttled.retry
        )
    });
    let known = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    let limits: Vec<_> = observation
        .limits
        .iter()
        .map(|seen| {
            let reset = seen.reset_in.map_or("?".to_owned(), |reset| reset.as_secs_f64().to_string());
            format!("{} {}/{} in {reset}", seen.limit, known(seen.remaining), known(seen.quota))
        })
        .collect();
    format!("{throttled:?} refused {} {limits:?}", observation.refused)
}

#[cfg(feature = "cli")]
mod command {
    use std::{
        io::Write,
        process::{Command, Output, Stdio},
    };

    use serde_json::{Map, Value, json};

    use super::Case;

    impl Case {
        /// The case as a line for `paceline read --jsonl`.
        pub fn line(&self, argument: impl Fn(&str) -> String) -> Value {
            let mut headers = Map::new();
            for (name, value) in self.lines() {
                let values = headers.entry(name.to_owned()).or_insert_with(|| json!([]));
                values.as_array_mut().unwrap().push(value.into());
            }
            let preset = self.dialect.as_deref().map(argument);
            let status = self.status.as_u16();
            json!({ "preset": preset, "status": status, "headers": headers, "body": self.body, "now_unix": self.now })
        }

        /// What the command must say of it.
        pub fn conclusion(&self) -> Value {
            let limits = self.limits.iter().map(|limit| {
                let words: Vec<&str> = limit.split([' ', '/']).collect();
                let number = |word: &str| serde_json::from_str(word).unwrap_or(Value::Null);
                json!({ "name": words[0], "remaining": number(words[1]), "limit": number(words[2]), "reset_in_s": number(words[4]) })
            });
            json!({
                "throttled": self.is_throttled(),
                "retry_after_s": self.asked.or(self.wait).map(short),
                "limits": limits.collect::<Vec<_>>(),
            })
        }
    }

    /// A whole number of seconds is written as one.
    fn short(seconds: f64) -> Value {
        if seconds.fract() == 0.0 { json!(seconds as u64) } else { json!(seconds) }
    }

    /// Runs `paceline read` on this input.
    pub fn paceline(arguments: &[&str], input: &[u8]) -> Output {
        let mut process = Command::new(env!("CARGO_BIN_EXE_paceline"))
            .arg("read")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let input = input.to_vec();
        // In a thread of its own, or both sides may wait for the other to read. It may not want all of it.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = process.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }
}

#[cfg(feature = "cli")]
pub use command::paceline;
