//! An exchange that makes no sense is refused with a word on what is wrong, and changes nothing: a negative or broken
//! number must not mint permits.

use paceline::{
    ManualClock,
    exchange::{Adjust, Ask, Complete, Cool, Part, Past, Request, Resume, Seen, Terms},
};

use super::{done, next, store};
use crate::support::unique;

type Spoil = fn(&mut Request);

/// A piece of the error, and what spoils a request that is right.
const SPOILED: &[(&str, Spoil)] = &[
    ("session", |r| r.session.clear()),
    ("session", |r| r.session = "s".repeat(65)),
    ("seq", |r| r.seq = 0),
    ("seq", |r| r.seq = u64::MAX),
    ("acked", |r| r.acked = r.seq),
    ("lease", |r| r.lease_us = 0),
    ("lease", |r| r.lease_us = u64::MAX),
    ("settle", |r| r.settle_us = Some(60_000_001)),
    ("limit", |r| r.limits[0] = window("", 2)),
    ("limit", |r| r.limits[0] = window(&"n".repeat(4096), 2)),
    ("limit", |r| r.limits.push(r.limits[0].clone())),
    ("quota", |r| r.limits[0] = window("spike", 0)),
    ("quota", |r| r.limits[0] = window("spike", 1 << 40)),
    ("quota", |r| r.limits[0] = Terms::Concurrency { key: "spike".into(), max: u64::MAX }),
    ("period", |r| r.limits[0] = Terms::SlidingWindow { key: "spike".into(), quota: 2, per_us: 0 }),
    ("refill", |r| r.limits[0] = bucket(2, 0, 1)),
    ("refill", |r| r.limits[0] = bucket(2, 1, 0)),
    ("burst", |r| r.limits[0] = bucket(1 << 39, 1, 1 << 30)),
    ("skew", |r| r.limits[0] = fixed(60_000_000, None)),
    ("edge", |r| r.limits[0] = fixed(0, Some([0, 2_000_000_000_000_000, 1, 2]))),
    ("class", |r| r.classes[0].clear()),
    ("limit", |r| r.classes[0] = vec![(1, 1)]),
    ("class", |r| r.classes[0] = vec![(0, 1), (0, 1)]),
    ("cost", |r| r.classes[0] = vec![(0, 0)]),
    ("cost", |r| r.classes[0] = vec![(0, 3)]),
    ("cost", |r| r.classes[0] = vec![(0, u64::MAX)]),
    ("class", |r| r.completes[0].class = 1),
    ("count", |r| r.completes[0].count = 0),
    ("count", |r| r.completes[0].count = u64::MAX),
    ("age", |r| r.completes[0].age_us = u64::MAX),
    ("hold", |r| r.completes[0].hold_us = u64::MAX),
    ("limit", |r| r.adjusts[0].limit = 1),
    ("units", |r| r.adjusts[0].units = i64::MIN),
    ("units", |r| r.adjusts[0].units = i64::MAX),
    ("age", |r| r.adjusts[0].age_us = u64::MAX),
    ("class", |r| r.asks[0].runs = vec![(1, 1)]),
    ("count", |r| r.asks[0].runs = vec![(0, 0)]),
    ("count", |r| r.asks[0].runs = vec![(0, u64::MAX)]),
    ("route", |r| r.asks.push(r.asks[0].clone())),
    ("limit", |r| r.cools[0].limit = 1),
    ("age", |r| r.cools[0].age_us = u64::MAX),
    ("cooldown", |r| r.cools[0].for_us = Some(u64::MAX)),
    ("penalty", |r| r.cools[0].penalty_us = u64::MAX),
    ("penalty", |r| r.cools[0].at_most_us = u64::MAX),
    ("cause", |r| r.cools[0].cause = "c".repeat(257)),
    ("limit", |r| r.seen[0].limit = 1),
    ("age", |r| r.seen[0].age_us = u64::MAX),
    ("quota", |r| r.seen[0].quota = Some(1 << 40)),
    ("left", |r| r.seen[0].remaining = Some(1 << 40)),
    ("limit", |r| r.resume = Some(Resume { flights: vec![(1, 1)], journal: vec![] })),
    ("units", |r| r.resume = Some(Resume { flights: vec![(0, u64::MAX)], journal: vec![] })),
    ("limit", |r| r.resume = Some(Resume { flights: vec![], journal: vec![past(1, 1)] })),
    ("units", |r| r.resume = Some(Resume { flights: vec![], journal: vec![past(0, u64::MAX)] })),
    ("seq", |r| r.resume = Some(Resume { flights: vec![], journal: vec![Past { seq: u64::MAX, ..past(0, 1) }] })),
];

#[tokio::test]
async fn a_broken_exchange_is_refused_and_changes_nothing() {
    let clock = ManualClock::new();
    let store = store(&clock).await;
    let address = unique("bad-input");
    let mut wrong = Vec::new();

    for state in ["no state", "state"] {
        let before = store.inspect(&address).await.unwrap();
        for (number, (piece, spoil)) in SPOILED.iter().enumerate() {
            let mut request = sound();
            spoil(&mut request);
            match store.exchange(&address, &request).await {
                Err(error) if error.to_string().contains(piece) => {}
                answer => wrong.push(format!("{state}, no. {number} ({piece}): {answer:?}")),
            }
        }
        assert!(wrong.is_empty(), "not refused for what is wrong:\n  {}", wrong.join("\n  "));
        assert_eq!(store.inspect(&address).await.unwrap(), before, "with {state} before");

        let first = next("first", 0, &sound().limits);
        assert_eq!(done(store.exchange(&address, &first).await.unwrap()).free, [2]);
    }
    let granted = done(store.exchange(&address, &sound()).await.unwrap()).turns[0].granted;
    assert_eq!(granted, 1, "what the others spoil is right in itself");
}

fn sound() -> Request {
    Request {
        classes: vec![vec![(0, 1)]],
        completes: vec![Complete { class: 0, count: 1, age_us: 0, hold_us: 0, part: Part::Unsent }],
        adjusts: vec![Adjust { limit: 0, units: 1, age_us: 0 }],
        cools: vec![Cool {
            limit: 0,
            age_us: 0,
            for_us: Some(0),
            penalty_us: 0,
            at_most_us: 0,
            cause: "429".to_owned(),
        }],
        seen: vec![Seen { limit: 0, age_us: 0, quota: None, remaining: None }],
        asks: vec![Ask { route: 0, wait: false, runs: vec![(0, 1)] }],
        ..next("a", 0, &[window("spike", 2)])
    }
}

fn window(name: &str, quota: u64) -> Terms {
    Terms::SlidingWindow { key: name.to_owned(), quota, per_us: 1_000_000 }
}

fn bucket(burst: u64, refill_units: u64, refill_us: u64) -> Terms {
    Terms::TokenBucket { key: "spike".to_owned(), burst, refill_units, refill_us }
}

fn fixed(skew_us: u64, edges: Option<[u64; 4]>) -> Terms {
    Terms::FixedWindow { key: "spike".to_owned(), quota: 2, per_us: 1_000_000, skew_us, offset_us: 0, edges }
}

fn past(limit: usize, units: u64) -> Past {
    Past { limit, units, age_us: 0, seq: 1 }
}
