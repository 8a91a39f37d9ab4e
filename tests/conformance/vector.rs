//! Reads the vectors. What the fields mean stands in `tests/vectors/README.md`.

use std::{collections::BTreeMap, fs, path::Path};

use paceline::exchange::{Class, Terms};
use serde::Deserialize;
use toml::value::Datetime;

/// Where the store's time stands if a case does not say: all digits of a real date.
const START_US: u64 = 1_790_000_000_123_457;
/// Sessions live as long as any case lasts if it does not say.
const LEASE_MS: f64 = 1000.0 * 3_600_000.0;

/// All cases of all files, each with the name of its file.
pub fn cases() -> Vec<(String, Case)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("tests/vectors/{name}.toml: {error}"));
        cases.extend(file.case.into_iter().map(|case| (name.clone(), case)));
    }
    cases
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub name: String,
    pub defect: Option<String>,
    start: Option<Datetime>,
    #[serde(default)]
    pub count_from: CountFrom,
    #[serde(default)]
    pub strangers: bool,
    lease_ms: Option<f64>,
    limits: Vec<Limit>,
    pub step: Vec<Step>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CountFrom {
    #[default]
    Response,
    Grant,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, tag = "kind", rename_all = "kebab-case")]
enum Limit {
    SlidingWindow {
        name: String,
        quota: u64,
        per_ms: f64,
    },
    TokenBucket {
        name: String,
        burst: u64,
        refill: u64,
        refill_ms: f64,
    },
    FixedWindow {
        name: String,
        quota: u64,
        per_ms: f64,
        #[serde(default)]
        skew_ms: f64,
        #[serde(default)]
        offset_ms: f64,
        edges_ms: Option<[f64; 4]>,
    },
    Concurrency {
        name: String,
        max: u64,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub at_ms: f64,
    pub op: Op,
    #[serde(default = "first_session")]
    pub session: String,
    #[serde(default)]
    pub cost: Units<u64>,
    #[serde(default = "one")]
    pub count: u64,
    #[serde(default)]
    pub wait: bool,
    #[serde(default)]
    pub age_ms: f64,
    #[serde(default)]
    pub hold_ms: f64,
    pub limit: Option<String>,
    pub for_ms: Option<f64>,
    #[serde(default)]
    pub penalty_ms: f64,
    #[serde(default)]
    pub at_most_ms: f64,
    pub quota: Option<u64>,
    pub remaining: Option<u64>,
    pub real: Option<Units<u64>>,
    pub units: Option<Units<i64>>,
    #[serde(default = "one")]
    pub repeat: u64,
    #[serde(default)]
    pub every_ms: f64,

    pub granted: Option<u64>,
    pub wait_ms: Option<u64>,
    pub binding: Option<String>,
    pub cooling: Option<bool>,
    #[serde(default)]
    pub free: BTreeMap<String, i64>,
    #[serde(default)]
    pub free_from: BTreeMap<String, i64>,
    #[serde(default)]
    pub free_to: BTreeMap<String, i64>,
    pub refused: Option<String>,
    #[serde(default)]
    pub other_time: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Op {
    Acquire,
    Leave,
    Complete,
    Arrived,
    Ended,
    Cancel,
    Settle,
    Use,
    Adjust,
    Throttle,
    Seen,
    Look,
}

/// So many units of every limit, or of those named.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Units<N> {
    Each(N),
    Of(BTreeMap<String, N>),
}

impl<N: From<u8>> Default for Units<N> {
    fn default() -> Self {
        Self::Each(N::from(1))
    }
}

impl Case {
    /// The store's time at `at_ms = 0`, in Unix microseconds.
    pub fn start_us(&self) -> u64 {
        let Some(start) = &self.start else { return START_US };
        let start: jiff::Timestamp = start.to_string().parse().expect("a moment with its zone");
        start.as_microsecond().try_into().expect("after 1970")
    }

    pub fn lease_us(&self) -> u64 {
        micros(self.lease_ms.unwrap_or(LEASE_MS))
    }

    pub fn terms(&self) -> Vec<Terms> {
        self.limits.iter().map(|limit| limit.terms(self.start_us())).collect()
    }
}

impl Limit {
    fn terms(&self, start_us: u64) -> Terms {
        match self {
            Self::SlidingWindow { name, quota, per_ms } => {
                Terms::SlidingWindow { key: name.clone(), quota: *quota, per_us: micros(*per_ms) }
            }
            Self::TokenBucket { name, burst, refill, refill_ms } => Terms::TokenBucket {
                key: name.clone(),
                burst: *burst,
                refill_units: *refill,
                refill_us: micros(*refill_ms),
            },
            Self::FixedWindow { name, quota, per_ms, skew_ms, offset_ms, edges_ms } => Terms::FixedWindow {
                key: name.clone(),
                quota: *quota,
                per_us: micros(*per_ms),
                skew_us: micros(*skew_ms),
                offset_us: micros(*offset_ms),
                edges: edges_ms.map(|edges| edges.map(|ms| shifted(start_us, ms))),
            },
            Self::Concurrency { name, max } => Terms::Concurrency { key: name.clone(), max: *max },
        }
    }
}

impl<N: Copy> Units<N> {
    /// With the places of the limits in `terms`.
    pub fn places(&self, terms: &[Terms]) -> Vec<(usize, N)> {
        match self {
            Self::Each(units) => (0..terms.len()).map(|limit| (limit, *units)).collect(),
            Self::Of(named) => named.iter().map(|(name, units)| (place(terms, name), *units)).collect(),
        }
    }
}

/// How much more a request really took than `cost` says, by limit.
pub fn beyond(real: &Class, cost: &Class) -> Vec<(usize, i64)> {
    let asked: BTreeMap<_, _> = cost.iter().copied().collect();
    let more = real.iter().map(|&(limit, units)| (limit, units as i64 - asked[&limit] as i64));
    more.filter(|&(_, units)| units != 0).collect()
}

pub fn place(terms: &[Terms], name: &str) -> usize {
    terms.iter().position(|terms| terms.key() == name).unwrap_or_else(|| panic!("no limit {name} in this case"))
}

/// Milliseconds with up to three decimals.
pub fn micros(ms: f64) -> u64 {
    (ms * 1000.0).round() as u64
}

fn shifted(start_us: u64, ms: f64) -> u64 {
    start_us.checked_add_signed((ms * 1000.0) as i64).expect("after 1970")
}

fn first_session() -> String {
    "a".to_owned()
}

fn one() -> u64 {
    1
}
