//! The ledger of one budget: pure state and arithmetic, no I/O, no clock. One exchange goes through it as a whole.
//!
//! Everything that happens to a unit is one of two moves: it is granted (in flight from then on) or it lands (it starts
//! to age). The same ledger exists in Lua for Redis, file by file; one set of vectors and one differential property test
//! run on both. Twin: `lua/exchange.lua`.

mod feedback;
mod fixed_window;
mod limit;
mod line;
mod log;
mod report;
mod session;
mod sliding_window;
mod token_bucket;
mod turn;
mod validate;

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use self::{
    limit::{Limit, Time},
    line::Line,
    session::Session,
    turn::Counter,
};
use crate::exchange::{CHECKS, Done, Part, Reply, Request, Resume, Terms};

pub(crate) use report::report;

/// The most that one exchange expires.
const SWEEP: usize = 4;
/// The most sleepers that one exchange wakes for each limit.
const WAKES: i64 = 8;
/// A limit of one scope value that nobody uses is looked at again after so long, or two windows.
const FORGET: i64 = 60_000_000;

/// State of one budget (of one partition of it).
#[derive(Debug, Clone)]
pub(crate) struct Ledger {
    node: String,
    /// The time of the last exchange, and what is added to the clock so that it never goes back.
    last: i64,
    offset: i64,
    /// Nothing is granted before this.
    settle_until: i64,
    places: i64,
    limits: BTreeMap<String, Limit>,
    sessions: BTreeMap<String, Session>,
    line: Line,
    /// When to look whether a session, or an unused limit of a scope, may be dropped.
    expiry: BTreeSet<(i64, Expires)>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Expires {
    Limit(String),
    Session(String),
}

/// What came of an exchange: the reply, and the sessions that should look again at once.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) reply: Reply,
    pub(crate) wake: BTreeSet<String>,
}

impl Outcome {
    fn only(reply: Reply) -> Self {
        Self { reply, wake: BTreeSet::new() }
    }
}

/// Does one exchange at `wall` (Unix microseconds). An error says which argument is wrong; nothing has changed then.
pub(crate) fn exchange(ledger: &mut Option<Ledger>, wall: i64, request: &Request) -> Result<Outcome, String> {
    validate::check(request)?;
    if let Some(refusal) = refuse(ledger.as_ref(), wall, request) {
        if let (Some(ledger), Reply::Done(_)) = (ledger, &refusal) {
            ledger.renew(wall, request);
        }
        return Ok(Outcome::only(refusal));
    }
    let fresh = ledger.is_none();
    let ledger = ledger.get_or_insert_with(|| Ledger::new(&request.node, wall));
    Ok(ledger.exchange(fresh, wall, request))
}

/// Why this exchange must not be done; decided before anything is written.
fn refuse(ledger: Option<&Ledger>, wall: i64, request: &Request) -> Option<Reply> {
    if request.limits.iter().filter_map(limit::window).any(|w| !w.knows(wall)) {
        return Some(Reply::OtherTime { unix_us: wall as u64 });
    }
    let resumes = request.resume.is_some();
    let Some(ledger) = ledger else {
        return match request.settle_us {
            _ if request.acked > 0 && !resumes => Some(Reply::Lost),
            None => Some(Reply::NoState),
            Some(_) => None,
        };
    };
    let session = ledger.sessions.get(&request.session);
    if let Some(session) = session {
        if session.seq == request.seq {
            return session.reply.clone();
        }
        if session.seq > request.seq {
            return Some(Reply::Stale);
        }
    }
    if resumes {
        return None;
    }
    if ledger.node != request.node {
        return Some(Reply::OtherNode { node: ledger.node.clone() });
    }
    (session.map_or(0, |s| s.seq) < request.acked).then_some(Reply::Lost)
}

impl Ledger {
    fn new(node: &str, wall: i64) -> Self {
        Self {
            node: node.to_owned(),
            last: wall,
            offset: 0,
            settle_until: 0,
            places: 0,
            limits: BTreeMap::new(),
            sessions: BTreeMap::new(),
            line: Line::default(),
            expiry: BTreeSet::new(),
        }
    }

    /// The time that everything ages by: the clock's pace, but never back.
    fn time(&mut self, wall: i64) -> Time {
        if wall + self.offset < self.last {
            self.offset = self.last - wall;
        }
        self.last = wall + self.offset;
        Time { now: self.last, wall }
    }

    /// A repeat got the stored reply, and what that granted is held from now on: the session lives as from a new one.
    fn renew(&mut self, wall: i64, request: &Request) {
        let now = self.last.max(wall + self.offset);
        if let Some(me) = self.sessions.get_mut(&request.session) {
            me.lease_end = me.lease_end.max(now + request.lease_us as i64);
        }
    }

    fn exchange(&mut self, fresh: bool, wall: i64, request: &Request) -> Outcome {
        let t = self.time(wall);
        let mut wake = BTreeSet::new();
        self.sweep(t);
        if fresh || (request.resume.is_some() && self.node != request.node) {
            self.node.clone_from(&request.node);
            self.settle_until = self.settle_until.max(t.now + request.settle_us.unwrap_or(0) as i64);
        }
        let known = self.sessions.remove(&request.session);
        let was_known = known.is_some();
        let mut me = known.unwrap_or_else(|| Session::new(request.who.clone(), t.now));
        let mut limits: Vec<Limit> = request.limits.iter().map(|terms| self.limit(terms, request, t)).collect();
        let mut early = vec![false; limits.len()];

        if let Some(resume) = &request.resume {
            self.resume(resume, &mut me, &mut limits, t);
        }
        for cool in &request.cools {
            let capacity = request.limits[cool.limit].capacity();
            limits[cool.limit].cool(cool, capacity, request, t);
        }
        complete(request, &mut me, &mut limits, &mut early, t);
        for adjust in &request.adjusts {
            limits[adjust.limit].adjust(adjust.units, adjust.age_us as i64, t);
            early[adjust.limit] |= adjust.units < 0;
        }
        for seen in &request.seen {
            limits[seen.limit].see(seen, &request.limits[seen.limit], t);
        }
        let turns = self.serve(request, &mut me, &mut limits, t);
        me.calls += turns.iter().map(|turn| turn.granted as i64).sum::<i64>();
        let free: Vec<i64> = limits.iter().map(|l| l.free(t)).collect();
        for (l, limit) in limits.iter().enumerate() {
            if early[l] && limit.waiting > 0 && free[l] > 0 && t.now >= self.settle_until {
                let most = free[l].min(WAKES) as usize;
                wake.extend(self.line.nearest(limit.terms.key(), &request.session, t.now, most));
            }
        }
        for mut limit in limits {
            limit.note(t);
            self.limits.insert(limit.terms.key().to_owned(), limit);
        }

        let reply =
            Reply::Done(Done { settle_us: (self.settle_until - t.now).max(0) as u64, paused: false, turns, free });
        me.seq = request.seq;
        me.reply = Some(reply.clone());
        // One that only waits need not call so often: the farther its turn, the less.
        let waits = me.places.values().map(|p| (p.due - t.now).max(0) / CHECKS as i64).max();
        let waits = waits.filter(|_| me.flights.is_empty()).unwrap_or(0);
        let lease_end = t.now + waits + request.lease_us as i64;
        // It may end before that of one that waited longer.
        if !was_known || lease_end < me.lease_end {
            self.expiry.insert((lease_end, Expires::Session(request.session.clone())));
        }
        me.lease_end = lease_end;
        self.sessions.insert(request.session.clone(), me);
        Outcome { reply, wake }
    }

    /// Takes a limit's state out, brought up to now.
    fn limit(&mut self, terms: &Terms, request: &Request, t: Time) -> Limit {
        let mut limit = self.limits.remove(terms.key()).unwrap_or_else(|| {
            if terms.key().contains('@') {
                let again = t.now + forget_after(terms);
                self.expiry.insert((again, Expires::Limit(terms.key().to_owned())));
            }
            // Units that age from their grant are never in flight, so nothing would tell how a trial went.
            let new = if request.strangers && !request.at_grant { Limit::untried } else { Limit::new };
            new(terms.clone(), t)
        });
        limit.redefine(terms, t);
        limit.roll(t);
        limit
    }

    /// Enters again what the store forgot: all that the session holds, and what it used that was not heard of.
    fn resume(&mut self, resume: &Resume, me: &mut Session, limits: &mut [Limit], t: Time) {
        let mut flights = BTreeMap::new();
        for &(l, units) in &resume.flights {
            flights.insert(limits[l].terms.key().to_owned(), units as i64);
        }
        for limit in limits.iter_mut() {
            let key = limit.terms.key();
            let believed = me.flights.remove(key).unwrap_or(0);
            let truly = flights.get(key).copied().unwrap_or(0);
            if truly > believed {
                limit.grant(truly - believed, t);
            } else {
                limit.unsent(believed - truly);
            }
            if truly > 0 {
                me.flights.insert(limit.terms.key().to_owned(), truly);
            }
        }
        let elsewhere: Vec<_> = me.flights.keys().filter(|key| !flights.contains_key(*key)).cloned().collect();
        for key in elsewhere {
            let believed = me.flights.remove(&key).unwrap_or(0);
            if let Some(limit) = self.limits.get_mut(&key) {
                limit.roll(t);
                limit.unsent(believed);
            }
        }
        for past in resume.journal.iter().filter(|p| p.seq > me.seq) {
            limits[past.limit].land(past.units as i64, 0, past.age_us as i64, t);
        }
    }

    fn serve(
        &mut self,
        request: &Request,
        me: &mut Session,
        limits: &mut [Limit],
        t: Time,
    ) -> Vec<crate::exchange::Turn> {
        let mut order: Vec<usize> = (0..request.asks.len()).collect();
        order.sort_by_key(|&i| me.places.get(&request.asks[i].route).map_or(i64::MAX, |p| p.place));
        let mut turns = vec![crate::exchange::Turn::default(); request.asks.len()];
        let mut granted = BTreeMap::new();
        for i in order {
            let ask = &request.asks[i];
            let mut mine = me.places.remove(&ask.route);
            let mut counter = Counter {
                limits,
                elsewhere: &mut self.limits,
                line: &mut self.line,
                places: &mut self.places,
                classes: &request.classes,
                session: &request.session,
                at_grant: request.at_grant,
                t,
            };
            turns[i] = if self.settle_until > t.now && !ask.runs.is_empty() {
                counter.stand_by(ask, &mut mine, self.settle_until)
            } else {
                counter.serve(ask, &mut mine, &mut granted)
            };
            if let Some(place) = mine {
                me.places.insert(ask.route, place);
            }
        }
        for (l, units) in granted.into_iter().filter(|&(_, units)| units > 0) {
            *me.flights.entry(limits[l].terms.key().to_owned()).or_default() += units;
        }
        turns
    }

    /// Drops sessions whose lease ended, and limits of scope values that nobody uses: a few at a time.
    fn sweep(&mut self, t: Time) {
        for _ in 0..SWEEP {
            let Some((at, _)) = self.expiry.first() else { break };
            if *at > t.now {
                break;
            }
            let Some((_, what)) = self.expiry.pop_first() else { break };
            match &what {
                Expires::Session(id) => match self.sessions.get(id).map(|s| s.lease_end) {
                    Some(end) if end > t.now => _ = self.expiry.insert((end, what)),
                    Some(_) => self.bury(id, t),
                    None => {}
                },
                Expires::Limit(key) => {
                    let Some(limit) = self.limits.get_mut(key) else { continue };
                    limit.roll(t);
                    if limit.idle(t) {
                        self.limits.remove(key);
                    } else {
                        let again = t.now + forget_after(&limit.terms);
                        self.expiry.insert((again, what));
                    }
                }
            }
        }
    }

    /// As the next exchanges will find it: sessions whose lease ended since the last one are gone, in the order of the sweep.
    fn without_the_dead(&self, t: Time) -> Cow<'_, Self> {
        let looks = self.expiry.iter().take_while(|(at, _)| *at <= t.now);
        let mut swept = Cow::Borrowed(self);
        for (_, what) in looks {
            if let Expires::Session(id) = what
                && self.sessions.get(id).is_some_and(|s| s.lease_end <= t.now)
            {
                swept.to_mut().bury(id, t);
            }
        }
        swept
    }

    /// A session whose lease ended: all that it held landed when it did, at the latest.
    fn bury(&mut self, id: &str, t: Time) {
        let Some(session) = self.sessions.remove(id) else { return };
        let age = (t.now - session.lease_end).max(0);
        for (key, held) in &session.flights {
            if let Some(limit) = self.limits.get_mut(key) {
                limit.roll(t);
                limit.land(*held, *held, age, t);
            }
        }
        for place in session.places.values() {
            for i in 0..place.wants.len() {
                self.line.leave(&place.entry(i, id));
                if let Some(limit) = self.limits.get_mut(&place.wants[i].0) {
                    limit.waiting -= 1;
                }
            }
        }
    }
}

fn forget_after(terms: &Terms) -> i64 {
    match terms {
        Terms::SlidingWindow { per_us, .. } | Terms::FixedWindow { per_us, .. } => FORGET.max(2 * *per_us as i64),
        Terms::TokenBucket { .. } | Terms::Concurrency { .. } => FORGET,
    }
}

fn complete(request: &Request, me: &mut Session, limits: &mut [Limit], early: &mut [bool], t: Time) {
    for done in &request.completes {
        if done.part == Part::Unsent {
            me.calls = (me.calls - done.count as i64).max(0);
        }
        for &(l, units) in &request.classes[done.class] {
            let limit = &mut limits[l];
            let to_the_end = limit.terms.holds_to_the_end();
            match done.part {
                Part::Arrived if to_the_end => continue,
                Part::Ended if !to_the_end => continue,
                _ => {}
            }
            let units = units as i64 * done.count as i64;
            let held = me.take(limit.terms.key(), units);
            if done.part == Part::Unsent {
                limit.unsent(held);
            } else {
                limit.land(units, held, done.age_us as i64, t);
                limit.learn(done.hold_us as i64, done.count as i64);
                early[l] |= limit.answered(units, (done.age_us + done.hold_us) as i64, t);
            }
            early[l] |= done.part == Part::Unsent || to_the_end;
        }
    }
}
