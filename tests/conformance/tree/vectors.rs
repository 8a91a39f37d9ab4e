//! Every step of every vector, on a store of its own.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use paceline::{
    Error, ManualClock, Store,
    exchange::{Adjust, Ask, Complete, Cool, Done, Part, Reply, Request, Seen, Terms},
};

use super::{next, store};
use crate::{
    support::unique,
    vector::{Case, CountFrom, Op, Step, beyond, cases, micros, place},
};

#[tokio::test]
async fn each_vector_holds() {
    let mut failures = Vec::new();
    let mut count = 0;
    for (file, case) in cases() {
        count += 1;
        if let Err(failure) = Run::new(&case).await.all().await {
            let defect = case.defect.map(|defect| format!("\n    (a defect of {defect})")).unwrap_or_default();
            failures.push(format!("{file}.toml: {}: {failure}{defect}", case.name));
        }
    }
    assert!(count > 0, "tests/vectors is empty");
    assert!(failures.is_empty(), "{} of {count} cases fail:\n  {}", failures.len(), failures.join("\n  "));
}

/// One case under way.
struct Run<'a> {
    case: &'a Case,
    terms: Vec<Terms>,
    clock: ManualClock,
    store: Arc<dyn Store>,
    address: String,
    /// The last exchange of each session.
    seqs: BTreeMap<String, u64>,
}

impl<'a> Run<'a> {
    async fn new(case: &'a Case) -> Self {
        let clock = ManualClock::at_unix_us(case.start_us());
        let store = store(&clock).await;
        Self { case, terms: case.terms(), clock, store, address: unique("vector"), seqs: BTreeMap::new() }
    }

    async fn all(&mut self) -> Result<(), String> {
        for (number, step) in self.case.step.iter().enumerate() {
            let failed = |why| format!("step {} (at {} ms): {why}", number + 1, step.at_ms);
            let mut answer = None;
            for round in 0..step.repeat {
                self.wait_until(step.at_ms + round as f64 * step.every_ms);
                answer = Some(self.step(step).await);
            }
            let answer = answer.ok_or_else(|| failed("repeat = 0 does nothing".to_owned()))?;
            self.judge(step, answer).map_err(failed)?;
        }
        Ok(())
    }

    fn wait_until(&self, ms: f64) {
        let at = self.case.start_us() + micros(ms);
        let rest = at.checked_sub(self.clock.now_us()).expect("steps come in the order of their times");
        self.clock.advance(Duration::from_micros(rest));
    }

    async fn step(&mut self, step: &Step) -> Result<Reply, Error> {
        if step.op != Op::Use {
            return self.exchange(step).await;
        }
        let acquire = Step { op: Op::Acquire, ..step.clone() };
        let acquired = self.exchange(&acquire).await?;
        let Reply::Done(Done { turns, .. }) = &acquired else { return Ok(acquired) };
        if turns[0].granted == 0 {
            return Ok(acquired);
        }
        let complete = Step { op: Op::Complete, count: turns[0].granted, ..step.clone() };
        let completed = self.exchange(&complete).await?;
        match completed {
            Reply::Done(done) => Ok(Reply::Done(Done { turns: turns.clone(), ..done })),
            other => Ok(other),
        }
    }

    async fn exchange(&mut self, step: &Step) -> Result<Reply, Error> {
        let request = self.request(step);
        let reply = self.store.exchange(&self.address, &request).await;
        if matches!(reply, Ok(Reply::Done(_))) {
            self.seqs.insert(step.session.clone(), request.seq);
        }
        reply
    }

    fn request(&self, step: &Step) -> Request {
        let acked = self.seqs.get(&step.session).copied().unwrap_or(0);
        let mut request = Request {
            lease_us: self.case.lease_us(),
            at_grant: self.case.count_from == CountFrom::Grant,
            strangers: self.case.strangers,
            ..next(&step.session, acked, &self.terms)
        };
        let cost = step.cost.places(&self.terms);
        let age_us = micros(step.age_ms);
        let done = |part| Complete { class: 0, count: step.count, age_us, hold_us: micros(step.hold_ms), part };
        let adjusts = |units: Vec<(usize, i64)>| {
            units.into_iter().map(|(limit, units)| Adjust { limit, units, age_us }).collect()
        };
        match step.op {
            Op::Acquire | Op::Use => {
                request.asks = vec![Ask { route: 0, wait: step.wait, runs: vec![(0, step.count)] }];
            }
            Op::Leave => request.asks = vec![Ask::default()],
            Op::Complete => request.completes = vec![done(Part::Whole)],
            Op::Arrived => request.completes = vec![done(Part::Arrived)],
            Op::Ended => request.completes = vec![done(Part::Ended)],
            Op::Cancel => request.completes = vec![done(Part::Unsent)],
            Op::Settle => {
                let real = step.real.as_ref().expect("settle needs real").places(&self.terms);
                request.completes = vec![done(Part::Whole)];
                request.adjusts = adjusts(beyond(&real, &cost));
            }
            Op::Adjust => {
                request.adjusts = adjusts(step.units.as_ref().map_or_else(Vec::new, |u| u.places(&self.terms)))
            }
            Op::Throttle => {
                request.cools = self
                    .about(step)
                    .map(|limit| Cool {
                        limit,
                        age_us,
                        for_us: step.for_ms.map(micros),
                        penalty_us: micros(step.penalty_ms),
                        at_most_us: micros(step.at_most_ms),
                        cause: "429".to_owned(),
                    })
                    .collect();
            }
            Op::Seen => {
                let (quota, remaining) = (step.quota, step.remaining);
                request.seen = self.about(step).map(|limit| Seen { limit, age_us, quota, remaining }).collect();
            }
            Op::Look => {}
        }
        if !request.completes.is_empty() || request.asks.iter().any(|ask| !ask.runs.is_empty()) {
            request.classes = vec![cost];
        }
        request
    }

    /// The limits that a step is about.
    fn about(&self, step: &Step) -> std::ops::Range<usize> {
        match &step.limit {
            None => 0..self.terms.len(),
            Some(name) => {
                let limit = place(&self.terms, name);
                limit..limit + 1
            }
        }
    }

    fn judge(&self, step: &Step, answer: Result<Reply, Error>) -> Result<(), String> {
        let done = match (answer, &step.refused) {
            (Err(error), Some(piece)) if error.to_string().contains(piece) => return Ok(()),
            (Err(error), _) => return Err(format!("refused: {error}")),
            (Ok(reply), Some(piece)) => return Err(format!("not refused for its {piece}: {reply:?}")),
            (Ok(Reply::OtherTime { .. }), None) if step.other_time => return Ok(()),
            (Ok(Reply::Done(done)), None) if !step.other_time => done,
            (Ok(reply), None) => return Err(format!("the reply is {reply:?}")),
        };
        let turn = done.turns.first().cloned().unwrap_or_default();
        if let Some(granted) = step.granted {
            same("granted", turn.granted, granted)?;
        }
        if let Some(wait_ms) = step.wait_ms {
            same("wait_ms", turn.wait_us.map(|us| (us + 500) / 1000), Some(wait_ms))?;
        }
        if let Some(name) = &step.binding {
            same("binding", turn.binding.map(|limit| self.terms[limit].key()), Some(name.as_str()))?;
        }
        if let Some(cooling) = step.cooling {
            same("cooling", turn.cooling, cooling)?;
        }
        let free = |name: &String| done.free[place(&self.terms, name)];
        for (name, expected) in &step.free {
            same(&format!("free {name}"), free(name), *expected)?;
        }
        for (name, from) in &step.free_from {
            let to = step.free_to.get(name).copied().unwrap_or(i64::MAX);
            if !(*from..=to).contains(&free(name)) {
                return Err(format!("free {name} is {}, not between {from} and {to}", free(name)));
            }
        }
        Ok(())
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: T, expected: T) -> Result<(), String> {
    if is == expected { Ok(()) } else { Err(format!("{what} is {is:?}, not {expected:?}")) }
}
