//! A request as bytes, a reply out of what Redis says: pure, and whatever comes, no panic.

use redis::Value;
use rmp::{
    decode::{read_array_len, read_int, read_str_len},
    encode::{write_sint, write_str, write_uint},
};

use crate::exchange::{Done, Part, Reply, Request, Terms, Turn};

/// The version of the request's form.
const FORM: u64 = 1;

/// Encodes a request as a run of MessagePack values: texts, then numbers, and no list, which a script would have to make.
pub(super) fn request(request: &Request) -> Vec<u8> {
    let mut out = Run(Vec::with_capacity(512));
    out.uint(FORM);
    out.text(&request.session);
    out.text(&request.who);
    out.text(&request.node);
    out.count(request.limits.len());
    request.limits.iter().for_each(|terms| out.text(terms.key()));
    out.count(request.cools.len());
    request.cools.iter().for_each(|cool| out.text(&cool.cause));
    out.uints([request.seq, request.acked]);
    out.maybe(request.settle_us);
    let [at_grant, strangers] = [request.at_grant, request.strangers].map(u64::from);
    out.uints([request.lease_us, at_grant, strangers, u64::from(request.resume.is_some())]);
    request.limits.iter().for_each(|terms| out.terms(terms));
    out.count(request.classes.len());
    for class in &request.classes {
        out.count(class.len());
        class.iter().for_each(|&(limit, units)| out.uints([limit as u64 + 1, units]));
    }
    out.count(request.completes.len());
    for done in &request.completes {
        let part = match done.part {
            Part::Whole => 0,
            Part::Arrived => 1,
            Part::Ended => 2,
            Part::Unsent => 3,
        };
        out.uints([done.class as u64 + 1, done.count, done.age_us, done.hold_us, part]);
    }
    out.count(request.adjusts.len());
    for adjust in &request.adjusts {
        out.uint(adjust.limit as u64 + 1);
        out.int(adjust.units);
        out.uint(adjust.age_us);
    }
    for cool in &request.cools {
        out.uints([cool.limit as u64 + 1, cool.age_us]);
        out.maybe(cool.for_us);
        out.uints([cool.penalty_us, cool.at_most_us]);
    }
    out.count(request.seen.len());
    for seen in &request.seen {
        out.uints([seen.limit as u64 + 1, seen.age_us]);
        out.maybe(seen.quota);
        out.maybe(seen.remaining);
    }
    out.count(request.asks.len());
    for ask in &request.asks {
        out.uints([u64::from(ask.route), u64::from(ask.wait)]);
        out.count(ask.runs.len());
        ask.runs.iter().for_each(|&(class, count)| out.uints([class as u64 + 1, count]));
    }
    if let Some(resume) = &request.resume {
        out.count(resume.flights.len());
        resume.flights.iter().for_each(|&(limit, units)| out.uints([limit as u64 + 1, units]));
        out.count(resume.journal.len());
        resume.journal.iter().for_each(|p| out.uints([p.limit as u64 + 1, p.units, p.age_us, p.seq]));
    }
    out.0
}

/// MessagePack in the making. Writing into memory cannot fail.
struct Run(Vec<u8>);

impl Run {
    fn count(&mut self, len: usize) {
        self.uint(len as u64);
    }

    fn uint(&mut self, n: u64) {
        _ = write_uint(&mut self.0, n);
    }

    fn uints<const N: usize>(&mut self, all: [u64; N]) {
        all.into_iter().for_each(|n| self.uint(n));
    }

    fn int(&mut self, n: i64) {
        _ = write_sint(&mut self.0, n);
    }

    /// What is not there is -1.
    fn maybe(&mut self, n: Option<u64>) {
        self.int(n.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX)));
    }

    fn text(&mut self, text: &str) {
        _ = write_str(&mut self.0, text);
    }

    fn terms(&mut self, terms: &Terms) {
        match *terms {
            Terms::SlidingWindow { quota, per_us, .. } => self.uints([1, quota, per_us]),
            Terms::TokenBucket { burst, refill_units, refill_us, .. } => {
                self.uints([2, burst, refill_units, refill_us]);
            }
            Terms::FixedWindow { quota, per_us, skew_us, offset_us, edges, .. } => {
                self.uints([3, quota, per_us, skew_us, offset_us]);
                self.uints(edges.unwrap_or([0; 4]));
            }
            Terms::Concurrency { max, .. } => self.uints([4, max]),
        }
    }
}

/// Reads the reply to an exchange.
pub(super) fn reply(value: &Value) -> Result<Reply, String> {
    let mut items = Packed::of(value)?;
    Ok(match items.int()? {
        0 => {
            let held = items.int()?;
            let (paused, settle_us) = (held < 0, held.max(0) as u64);
            let limits = items.uint()?;
            let free = (0..limits).map(|_| items.int()).collect::<Result<Vec<_>, _>>()?;
            let mut turns = Vec::new();
            while !items.is_empty() {
                let (granted, wait_us) = (items.uint()?, u64::try_from(items.int()?).ok());
                let (last_us, binding) = (items.uint()?, items.int()?);
                let cooling = binding < 0;
                let binding = (binding.unsigned_abs() as usize).checked_sub(1);
                turns.push(Turn { granted, wait_us, last_us, binding, cooling });
            }
            Reply::Done(Done { settle_us, paused, turns, free })
        }
        1 => Reply::NoState,
        2 => Reply::OtherNode { node: items.text()? },
        3 => Reply::Lost,
        4 => Reply::Stale,
        5 => Reply::OtherTime { unix_us: items.uint()? },
        6 => Reply::Newer { layout: items.uint()? },
        7 => return Err(format!("it refused the request: {}", items.text()?)),
        other => return Err(format!("it replied with an unknown status {other}")),
    })
}

/// Reads a list of MessagePack from its front.
struct Packed<'a> {
    bytes: &'a [u8],
    left: u32,
}

impl<'a> Packed<'a> {
    fn of(value: &'a Value) -> Result<Self, String> {
        let nonsense = "it replied with something that is no list in MessagePack";
        let Value::BulkString(bytes) = value else { return Err(nonsense.into()) };
        let mut bytes = bytes.as_slice();
        let left = read_array_len(&mut bytes).map_err(|_| nonsense)?;
        Ok(Self { bytes, left })
    }

    fn is_empty(&self) -> bool {
        self.left == 0
    }

    fn int(&mut self) -> Result<i64, String> {
        self.left = self.left.checked_sub(1).ok_or(NO_NUMBER)?;
        read_int(&mut self.bytes).map_err(|_| NO_NUMBER.into())
    }

    fn uint(&mut self) -> Result<u64, String> {
        above_zero(self.int()?)
    }

    fn text(&mut self) -> Result<String, String> {
        self.left = self.left.checked_sub(1).ok_or(NO_TEXT)?;
        let len = read_str_len(&mut self.bytes).map_err(|_| NO_TEXT)?;
        let (text, rest) = self.bytes.split_at_checked(len as usize).ok_or(NO_TEXT)?;
        self.bytes = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }
}

const NO_NUMBER: &str = "a number is missing in its reply";
const NO_TEXT: &str = "a text is missing in its reply";

fn above_zero(n: i64) -> Result<u64, String> {
    u64::try_from(n).map_err(|_| "a number in its reply is below zero".into())
}

/// Reads the reply to a look: the marker and its age.
pub(super) fn look(value: &Value) -> Result<(String, u64), String> {
    let mut items = Items::of(value)?;
    Ok((items.text()?, items.uint()?))
}

/// Reads a list from its front.
pub(super) struct Items<'a>(std::slice::Iter<'a, Value>);

impl<'a> Items<'a> {
    pub(super) fn of(value: &'a Value) -> Result<Self, String> {
        match value {
            Value::Array(items) => Ok(Self(items.iter())),
            _ => Err("it replied with something that is not a list".into()),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.len() == 0
    }

    pub(super) fn int(&mut self) -> Result<i64, String> {
        match self.0.next() {
            Some(Value::Int(n)) => Ok(*n),
            _ => Err(NO_NUMBER.into()),
        }
    }

    pub(super) fn uint(&mut self) -> Result<u64, String> {
        above_zero(self.int()?)
    }

    pub(super) fn text(&mut self) -> Result<String, String> {
        match self.0.next() {
            Some(Value::BulkString(bytes)) => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Some(Value::SimpleString(text)) => Ok(text.clone()),
            _ => Err(NO_TEXT.into()),
        }
    }

    pub(super) fn list(&mut self) -> Result<Self, String> {
        Self::of(self.0.next().ok_or("a list is missing in its reply")?)
    }

    /// Each of the items, which are lists.
    pub(super) fn lists(self) -> impl Iterator<Item = Result<Self, String>> {
        self.0.map(Self::of)
    }
}
