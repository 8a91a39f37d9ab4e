//! Random exchanges that sessions could make, and some that none should.

use std::collections::BTreeMap;

use paceline::exchange::{Adjust, Ask, Complete, Cool, Part, Past, Reply, Request, Resume, Seen, Terms};
use proptest::prelude::*;

/// A budget and what happens to it.
#[derive(Debug, Clone)]
pub struct Plan {
    pub limits: Vec<Terms>,
    pub strangers: bool,
    pub steps: Vec<Step>,
}

/// A route, whether it waits, and runs of class and count.
pub type Wish = (u32, bool, Vec<(usize, u64)>);

/// One exchange.
#[derive(Debug, Clone)]
pub struct Step {
    pub after_us: u64,
    pub session: usize,
    pub asks: Vec<Wish>,
    /// A route's class, how many of what is out, how long ago, and how it ended.
    pub completes: Vec<(usize, u64, u64, u8)>,
    pub adjusts: Vec<(usize, i64, u64)>,
    /// A limit, how long ago the permit was granted whose response said so, and for how long (or nothing).
    pub cools: Vec<(usize, u64, Option<u64>)>,
    /// A limit, how long ago, the provider's quota and what it says is left.
    pub seen: Vec<(usize, u64, Option<u64>, Option<u64>)>,
    pub mischief: Mischief,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mischief {
    None,
    /// The reply is lost: the same number comes again.
    Repeat,
    /// A number from the past.
    Stale,
    /// The session says that it knows more than the store does.
    Forgotten,
    /// All that is known is told again.
    Resume,
    /// The node is another.
    OtherNode,
    /// The quotas change.
    Redefine,
    /// A class costs more than its limit allows.
    TooDear,
}

fn limit(i: usize) -> impl Strategy<Value = Terms> {
    let key = if i == 2 { format!("l{i}@v") } else { format!("l{i}") };
    let amount = prop_oneof![1..6u64, 5..60u64, 1000..3000u64];
    let per = prop_oneof![Just(50_000u64), Just(1_000_000), Just(7_000_000), Just(3_600_000_000)];
    (0..5u8, amount, per, 1..5u64, 0..3u64).prop_map(move |(kind, quota, per_us, refill, skew)| match kind {
        0 | 1 => Terms::SlidingWindow { key: key.clone(), quota, per_us },
        2 => Terms::TokenBucket {
            key: key.clone(),
            burst: quota,
            refill_units: refill,
            refill_us: per_us.min(1_000_000),
        },
        3 => Terms::FixedWindow {
            key: key.clone(),
            quota,
            per_us,
            skew_us: per_us / 10 * skew / 2,
            offset_us: per_us / 3,
            edges: None,
        },
        _ => Terms::Concurrency { key: key.clone(), max: quota.min(60) },
    })
}

fn step() -> impl Strategy<Value = Step> {
    let after =
        prop_oneof![Just(0u64), 1..2_000u64, 1..60_000u64, 1..1_500_000u64, 1..9_000_000u64, 1..4_000_000_000u64];
    let run = (0..4usize, prop_oneof![1..4u64, 1..40u64, 500..3000u64]);
    let ask = (0..3u32, prop::bool::weighted(0.85), prop::collection::vec(run, 0..3));
    let complete = (
        0..4usize,
        prop_oneof![1..4u64, 1..80u64, 1..3000u64],
        prop_oneof![0..1_000u64, 0..400_000u64, 0..8_000_000u64],
        0..4u8,
    );
    let adjust = (0..3usize, prop_oneof![-5..6i64, -900..900i64], prop_oneof![0..1_000u64, 0..2_000_000u64]);
    let mischief = prop_oneof![
        20 => Just(Mischief::None),
        2 => Just(Mischief::Repeat),
        1 => Just(Mischief::Stale),
        1 => Just(Mischief::Forgotten),
        1 => Just(Mischief::Resume),
        1 => Just(Mischief::OtherNode),
        1 => Just(Mischief::Redefine),
        1 => Just(Mischief::TooDear),
    ];
    let ago = prop_oneof![0..2_000u64, 0..3_000_000u64, 0..90_000_000u64].boxed();
    let cool = (0..3usize, ago.clone(), prop::option::of(0..2_000_000u64));
    let sight = (0..3usize, ago, prop::option::of(0..60u64), prop::option::of(0..60u64));
    let told = (prop::collection::vec(cool, 0..3), prop::collection::vec(sight, 0..3));
    let told = prop_oneof![5 => Just((Vec::new(), Vec::new())), 1 => told];
    let several = |s| prop::collection::vec(s, 0..3);
    (
        after,
        0..4usize,
        several(ask.boxed()),
        prop::collection::vec(complete, 0..3),
        prop::collection::vec(adjust, 0..2),
        told,
        mischief,
    )
        .prop_map(|(after_us, session, asks, completes, adjusts, (cools, seen), mischief)| Step {
            after_us,
            session,
            asks,
            completes,
            adjusts,
            cools,
            seen,
            mischief,
        })
}

pub fn plan() -> impl Strategy<Value = Plan> {
    let limits =
        (limit(0), limit(1), limit(2), 1..4usize).prop_map(|(a, b, c, n)| [a, b, c].into_iter().take(n).collect());
    (limits, any::<bool>(), prop::collection::vec(step(), 1..60)).prop_map(|(limits, strangers, steps)| Plan {
        limits,
        strangers,
        steps,
    })
}

/// One sliding window with a long log: many reports, most of them late, some taken back.
pub fn long() -> impl Strategy<Value = Plan> {
    let limit = (60..3000u64, prop_oneof![Just(2_000_000u64), Just(60_000_000), Just(3_600_000_000)])
        .prop_map(|(quota, per_us)| Terms::SlidingWindow { key: "long".into(), quota, per_us });
    let age = prop_oneof![4 => 0..30_000u64, 4 => 0..1_500_000u64, 1 => 0..30_000_000u64].boxed();
    let units = prop_oneof![20 => 1..3i64, 1 => -9..0i64];
    let adjusts = prop::collection::vec((Just(0usize), units, age.clone()), 0..14);
    let complete = (1..2usize, 1..3u64, age, Just(0u8));
    let ask = (0..2u32, any::<bool>(), prop::collection::vec((1..2usize, 1..9u64), 0..2));
    let after = prop_oneof![6 => 0..60_000u64, 1 => 0..2_500_000u64];
    let step = (after, 0..3usize, prop::collection::vec(ask, 0..2), prop::collection::vec(complete, 0..3), adjusts)
        .prop_map(|(after_us, session, asks, completes, adjusts)| Step {
            after_us,
            session,
            asks,
            completes,
            adjusts,
            cools: Vec::new(),
            seen: Vec::new(),
            mischief: Mischief::None,
        });
    (limit, prop::collection::vec(step, 40..160)).prop_map(|(limit, steps)| Plan {
        limits: vec![limit],
        strangers: false,
        steps,
    })
}

/// Makes sensible requests of steps, by what was answered so far.
pub struct Driver {
    limits: Vec<Terms>,
    strangers: bool,
    seqs: BTreeMap<usize, u64>,
    node: u32,
}

impl Driver {
    pub fn new(plan: &Plan) -> Self {
        Self { limits: plan.limits.clone(), strangers: plan.strangers, seqs: BTreeMap::new(), node: 0 }
    }

    /// Four costs: one unit of each limit, of the first, of the last, and several of the first.
    fn classes(&self, dear: bool) -> Vec<Vec<(usize, u64)>> {
        let last = self.limits.len() - 1;
        let several = self.limits[0].capacity().min(3) + if dear { self.limits[0].capacity() } else { 0 };
        vec![(0..=last).map(|l| (l, 1)).collect(), vec![(0, 1)], vec![(last, 1)], vec![(0, several)]]
    }

    pub fn request(&mut self, step: &Step) -> Request {
        if step.mischief == Mischief::OtherNode {
            self.node += 1;
        }
        if step.mischief == Mischief::Redefine {
            for limit in &mut self.limits {
                match limit {
                    Terms::SlidingWindow { quota, .. } | Terms::FixedWindow { quota, .. } => *quota = *quota / 2 + 1,
                    Terms::TokenBucket { refill_us, .. } => *refill_us += 1,
                    Terms::Concurrency { max, .. } => *max += 1,
                }
            }
        }
        let acked = self.seqs.get(&step.session).copied().unwrap_or(0);
        let last = self.limits.len() - 1;
        let mut routes = std::collections::BTreeSet::new();
        let asks = step.asks.iter().filter(|ask| routes.insert(ask.0)).map(|(route, wait, runs)| Ask {
            route: *route,
            wait: *wait,
            runs: runs.clone(),
        });
        let completes = step.completes.iter().map(|&(class, count, age_us, part)| Complete {
            class,
            count,
            age_us,
            hold_us: age_us / 2 + 1000,
            part: [Part::Whole, Part::Arrived, Part::Ended, Part::Unsent][part as usize],
        });
        let adjusts =
            step.adjusts.iter().map(|&(limit, units, age_us)| Adjust { limit: limit.min(last), units, age_us });
        let cools = step.cools.iter().map(|&(limit, age_us, for_us)| Cool {
            limit: limit.min(last),
            age_us,
            for_us,
            penalty_us: 700_000,
            at_most_us: 90_000_000,
            cause: format!("429 after {age_us}"),
        });
        let seen = step.seen.iter().map(|&(limit, age_us, quota, remaining)| Seen {
            limit: limit.min(last),
            age_us,
            quota,
            remaining,
        });
        let resume = matches!(step.mischief, Mischief::Resume | Mischief::OtherNode).then(|| Resume {
            flights: (0..=last).filter(|l| l % 2 == 0).map(|l| (l, 1)).collect(),
            journal: vec![Past { limit: last, units: 2, age_us: 30_000, seq: acked }],
        });
        Request {
            session: format!("s.{}", step.session),
            who: format!("host {}", step.session),
            seq: match step.mischief {
                Mischief::Stale => acked.max(2) - 1,
                Mischief::Repeat => acked.max(1),
                Mischief::Forgotten => acked + 5,
                _ => acked + 1,
            },
            acked: match step.mischief {
                Mischief::Stale | Mischief::Repeat => 0,
                Mischief::Forgotten => acked + 4,
                _ => acked,
            },
            node: format!("node {}", self.node),
            settle_us: Some(if step.mischief == Mischief::OtherNode { 400_000 } else { 0 }),
            lease_us: 5_000_000,
            at_grant: false,
            strangers: self.strangers,
            limits: self.limits.clone(),
            classes: self.classes(step.mischief == Mischief::TooDear),
            resume,
            completes: completes.collect(),
            adjusts: adjusts.collect(),
            cools: cools.collect(),
            seen: seen.collect(),
            asks: asks.collect(),
        }
    }

    /// What the session learns from the reply.
    pub fn heard(&mut self, step: &Step, request: &Request, reply: Option<Reply>) {
        match reply {
            Some(Reply::Done(_)) => _ = self.seqs.insert(step.session, request.seq),
            // It takes the store's word, and starts over.
            Some(Reply::Lost) => _ = self.seqs.remove(&step.session),
            _ => {}
        }
    }
}
