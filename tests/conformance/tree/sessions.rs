//! Exactly once, loss and resume: what an exchange's numbers and names are for.

use std::{sync::Arc, time::Duration};

use paceline::{
    ManualClock, Store,
    exchange::{Ask, Complete, Part, Past, Reply, Request, Resume, Terms},
};
use tokio::{sync::Notify, time::timeout};

use super::{done, next, store};
use crate::support::unique;

const SECOND: Duration = Duration::from_secs(1);

/// A budget of two a second, on a store of its own.
struct Budget {
    clock: ManualClock,
    store: Arc<dyn Store>,
    address: String,
    limits: Vec<Terms>,
}

impl Budget {
    async fn new() -> Self {
        Self::of(Terms::SlidingWindow { key: "spike".to_owned(), quota: 2, per_us: 1_000_000 }).await
    }

    async fn of(limit: Terms) -> Self {
        let clock = ManualClock::new();
        Self { store: store(&clock).await, clock, address: unique("sessions"), limits: vec![limit] }
    }

    fn next(&self, session: &str, acked: u64) -> Request {
        next(session, acked, &self.limits)
    }

    /// Asks for one permit.
    fn ask(&self, session: &str, acked: u64) -> Request {
        let asks = vec![Ask { route: 0, wait: true, runs: vec![(0, 1)] }];
        Request { classes: vec![vec![(0, 1)]], asks, ..self.next(session, acked) }
    }

    /// So many callers wait.
    fn wants(&self, session: &str, acked: u64, callers: u64) -> Request {
        let asks = vec![Ask { route: 0, wait: true, runs: vec![(0, callers)] }];
        Request { asks, ..self.ask(session, acked) }
    }

    /// Reports one permit done.
    fn complete(&self, session: &str, acked: u64) -> Request {
        let completes = vec![Complete { class: 0, count: 1, age_us: 0, hold_us: 0, part: Part::Whole }];
        Request { classes: vec![vec![(0, 1)]], completes, ..self.next(session, acked) }
    }

    async fn send(&self, request: &Request) -> Reply {
        self.store.exchange(&self.address, request).await.unwrap()
    }

    /// Callers that wait, places in line, and whether each session knows its turn.
    async fn waiting(&self) -> (u64, u64, Vec<bool>) {
        let report = self.store.inspect(&self.address).await.unwrap().unwrap();
        assert_eq!(report.waiting, report.sessions.iter().map(|session| session.waiting).sum::<u64>());
        let turns = report.sessions.iter().map(|session| session.turn_in_ms.is_some());
        (report.waiting, report.limits[0].waiting, turns.collect())
    }

    async fn free(&self) -> i64 {
        // A session that nobody knows, each time: it has never been answered.
        done(self.send(&self.next(&unique("look"), 0)).await).free[0]
    }
}

#[tokio::test]
async fn a_repeated_exchange_gets_the_first_reply_and_takes_nothing() {
    let budget = Budget::new().await;
    let request = budget.ask("a", 0);
    let first = budget.send(&request).await;
    assert_eq!(done(first.clone()).turns[0].granted, 1);
    budget.clock.advance(SECOND / 2);
    assert_eq!(budget.send(&request).await, first);
    assert_eq!(budget.free().await, 1);
}

#[tokio::test]
async fn an_exchange_that_was_overtaken_does_nothing() {
    let budget = Budget::new().await;
    let late = budget.ask("a", 0);
    budget.send(&Request { seq: 2, ..late.clone() }).await;
    assert_eq!(budget.send(&late).await, Reply::Stale);
    assert_eq!(budget.free().await, 1);
}

#[tokio::test]
async fn a_store_that_forgot_is_found_out_before_it_grants_anything() {
    let budget = Budget::new().await;
    assert_eq!(budget.send(&budget.ask("a", 7)).await, Reply::Lost);
    assert_eq!(budget.store.inspect(&budget.address).await.unwrap(), None);
    // The budget is there, the session is not.
    budget.send(&budget.ask("b", 0)).await;
    assert_eq!(budget.send(&budget.ask("a", 7)).await, Reply::Lost);
    assert_eq!(budget.free().await, 1);
}

#[tokio::test]
async fn a_session_that_has_not_looked_at_the_node_starts_no_budget() {
    let budget = Budget::new().await;
    let request = Request { settle_us: None, ..budget.ask("a", 0) };
    assert_eq!(budget.send(&request).await, Reply::NoState);
    assert_eq!(budget.store.inspect(&budget.address).await.unwrap(), None);
    // On a budget that is there it need not look.
    budget.send(&budget.next("b", 0)).await;
    assert_eq!(done(budget.send(&request).await).turns[0].granted, 1);
}

#[tokio::test]
async fn a_new_budget_on_a_young_node_grants_nothing_until_the_living_could_resume() {
    let budget = Budget::new().await;
    let request = Request { settle_us: Some(1_000_000), ..budget.ask("a", 0) };
    let first = done(budget.send(&request).await);
    assert_eq!((first.settle_us, first.turns[0].granted, first.turns[0].wait_us), (1_000_000, 0, Some(1_000_000)));
    budget.clock.advance(SECOND - Duration::from_micros(1));
    assert_eq!(done(budget.send(&budget.ask("b", 0)).await).turns[0].granted, 0);
    budget.clock.advance(Duration::from_micros(1));
    assert_eq!(done(budget.send(&budget.ask("a", 1)).await).turns[0].granted, 1);
}

#[tokio::test]
async fn who_believes_in_another_node_is_told_which_one_it_is() {
    let budget = Budget::new().await;
    budget.send(&budget.ask("a", 0)).await;
    let astray = Request { node: "elsewhere".to_owned(), ..budget.ask("b", 0) };
    assert_eq!(budget.send(&astray).await, Reply::OtherNode { node: "node".to_owned() });
    assert_eq!(budget.free().await, 1);
}

#[tokio::test]
async fn a_session_resumes_with_all_that_it_holds_and_used() {
    let budget = Budget::new().await;
    let used = Past { limit: 0, units: 1, age_us: 300_000, seq: 4 };
    let resume = Some(Resume { flights: vec![(0, 1)], journal: vec![used] });
    let reply = done(budget.send(&Request { resume, ..budget.next("a", 5) }).await);
    assert_eq!(reply.free, [0]);
    budget.clock.advance(Duration::from_millis(700));
    assert_eq!(budget.free().await, 1);
    budget.send(&budget.complete("a", 6)).await;
    budget.clock.advance(SECOND);
    assert_eq!(budget.free().await, 2);
}

#[tokio::test]
async fn resuming_enters_nothing_twice() {
    let budget = Budget::new().await;
    budget.send(&budget.ask("a", 0)).await;
    budget.send(&budget.complete("a", 1)).await;
    budget.send(&budget.ask("a", 2)).await;
    let known = Past { limit: 0, units: 1, age_us: 0, seq: 2 };
    let resume = Some(Resume { flights: vec![(0, 1)], journal: vec![known] });
    assert_eq!(done(budget.send(&Request { resume, ..budget.next("a", 3) }).await).free, [0]);
    // What the store believes in flight and the session no longer holds was never sent.
    let resume = Some(Resume { flights: vec![(0, 0)], journal: vec![known] });
    assert_eq!(done(budget.send(&Request { resume, ..budget.next("a", 4) }).await).free, [1]);
}

#[tokio::test]
async fn after_a_change_of_node_everyone_holds_back_and_resumes() {
    let budget = Budget::new().await;
    budget.send(&budget.ask("a", 0)).await;
    budget.send(&budget.next("b", 0)).await;
    let resume = Some(Resume { flights: vec![(0, 1)], journal: vec![] });
    let first = done(budget.send(&moved(Request { resume, ..budget.ask("a", 1) })).await);
    assert_eq!((first.settle_us, first.turns[0].granted), (500_000, 0));
    assert_eq!(budget.send(&budget.ask("b", 1)).await, Reply::OtherNode { node: "other".to_owned() });
    let resume = Some(Resume::default());
    let second = done(budget.send(&moved(Request { resume, ..budget.ask("b", 1) })).await);
    assert_eq!((second.settle_us, second.turns[0].granted), (500_000, 0));
    budget.clock.advance(SECOND / 2);
    assert_eq!(done(budget.send(&moved(budget.ask("b", 2))).await).turns[0].granted, 1);
}

/// The same on another node, where nothing is granted for half a second.
fn moved(request: Request) -> Request {
    Request { node: "other".to_owned(), settle_us: Some(500_000), ..request }
}

#[tokio::test]
async fn who_comes_while_nothing_is_granted_is_counted_but_stands_in_no_line() {
    let budget = Budget::new().await;
    let settles = |request: Request| Request { settle_us: Some(1_000_000), ..request };
    assert_eq!(done(budget.send(&settles(budget.wants("a", 0, 3))).await).turns[0].wait_us, Some(1_000_000));
    assert_eq!(budget.waiting().await, (3, 0, vec![false]));
    budget.send(&budget.wants("a", 1, 5)).await;
    budget.send(&budget.wants("b", 0, 1)).await;
    assert_eq!(budget.waiting().await, (6, 0, vec![false, false]));
    // Its callers gave up, and so did those of one that goes on with a caller who does not wait.
    budget.send(&Request { asks: vec![Ask { route: 0, wait: true, runs: vec![] }], ..budget.ask("a", 2) }).await;
    assert_eq!(budget.waiting().await.0, 1);
    budget.send(&Request { asks: vec![Ask { route: 0, wait: false, runs: vec![(0, 1)] }], ..budget.ask("b", 1) }).await;
    assert_eq!(budget.waiting().await.0, 0);
    // One that says nothing more is forgotten when its lease ends: later by an eighth of its wait.
    budget.send(&Request { lease_us: 1_000_000, ..budget.wants("c", 0, 7) }).await;
    budget.clock.advance(SECOND + SECOND / 8 - Duration::from_micros(1));
    assert_eq!(budget.waiting().await.0, 7);
    budget.clock.advance(Duration::from_micros(1));
    assert_eq!(budget.waiting().await.0, 0);
    assert_eq!(done(budget.send(&budget.wants("d", 0, 3)).await).turns[0].granted, 2);
    assert_eq!(budget.waiting().await, (1, 1, vec![false, false, true]));
}

#[tokio::test]
async fn what_a_dead_session_held_and_waited_for_is_shown_as_the_next_exchange_will_find_it() {
    for limit in [
        Terms::SlidingWindow { key: "spike".to_owned(), quota: 1, per_us: 1_000_000 },
        Terms::TokenBucket { key: "spike".to_owned(), burst: 1, refill_units: 1, refill_us: 1_000_000 },
        Terms::Concurrency { key: "spike".to_owned(), max: 1 },
    ] {
        let budget = Budget::of(limit).await;
        for session in ["dead", "too"] {
            budget.send(&Request { lease_us: 1_000_000, ..budget.ask(session, 0) }).await;
        }
        budget.clock.advance(SECOND + SECOND / 2);
        let shown = async || {
            let limit = budget.store.inspect(&budget.address).await.unwrap().unwrap().limits.remove(0);
            (limit.used, limit.in_flight, limit.free, limit.waiting)
        };
        let before = shown().await;
        assert_eq!((before.1, before.3), (0, 0), "nobody is there any more");
        budget.free().await;
        assert_eq!(shown().await, before);
    }
}

/// Found by the differential test: what a bucket regains depends on which of them landed first.
#[tokio::test]
async fn several_dead_sessions_are_shown_in_the_order_in_which_their_leases_ended() {
    for names in [["a", "b", "c"], ["c", "b", "a"], ["b", "c", "a"]] {
        let bucket = Terms::TokenBucket { key: "spike".to_owned(), burst: 10, refill_units: 2, refill_us: 1_000_000 };
        let budget = Budget::of(bucket).await;
        for (session, count) in names.into_iter().zip([1, 3, 2]) {
            budget.send(&Request { lease_us: 5_000_000, ..budget.wants(session, 0, count) }).await;
            budget.clock.advance(SECOND + SECOND / 3);
        }
        budget.clock.advance(4 * SECOND);
        let shown = async || {
            let limit = budget.store.inspect(&budget.address).await.unwrap().unwrap().limits.remove(0);
            (limit.used, limit.in_flight, limit.free, limit.all_free_ms)
        };
        let before = shown().await;
        budget.free().await;
        assert_eq!(shown().await, before, "{names:?}");
    }
}

#[tokio::test]
async fn who_came_while_nothing_was_granted_is_served_as_if_it_came_now() {
    let mut told = Vec::new();
    for came_before in [true, false] {
        let budget = Budget::new().await;
        // Of two units each: had it come in turn, they would be kept for it.
        let a = |acked| Request { classes: vec![vec![(0, 2)]], ..budget.wants("a", acked, 1) };
        let first = Request { settle_us: Some(1_000_000), ..a(0) };
        budget.send(&if came_before { first } else { Request { asks: vec![], ..first } }).await;
        budget.clock.advance(SECOND);
        assert_eq!(done(budget.send(&budget.wants("b", 0, 3)).await).turns[0].granted, 2);
        budget.send(&budget.wants("c", 0, 1)).await;
        let mut replies = vec![budget.send(&a(1)).await];
        assert_eq!(budget.waiting().await, (3, 3, vec![true, true, true]));
        // Of two units that come back the first two in line take one each.
        let two_done = Complete { class: 0, count: 2, age_us: 0, hold_us: 0, part: Part::Whole };
        let classes = vec![vec![(0, 1)]];
        budget.send(&Request { classes, completes: vec![two_done], ..budget.next("b", 1) }).await;
        budget.clock.advance(SECOND);
        for turn in [budget.wants("b", 2, 1), budget.wants("c", 1, 1), a(2)] {
            replies.push(budget.send(&turn).await);
        }
        let granted = replies.iter().map(|reply| done(reply.clone()).turns[0].granted);
        assert_eq!(granted.collect::<Vec<_>>(), [0, 1, 1, 0]);
        told.push(replies);
    }
    assert_eq!(told[0], told[1]);
}

#[tokio::test]
async fn who_stood_in_line_before_keeps_the_place_while_nothing_is_granted() {
    let budget = Budget::new().await;
    budget.send(&budget.wants("a", 0, 2)).await;
    budget.send(&budget.wants("b", 0, 1)).await;
    assert_eq!(budget.waiting().await, (1, 1, vec![false, true]));
    let resume = Some(Resume { flights: vec![(0, 2)], journal: vec![] });
    budget.send(&moved(Request { resume, ..budget.next("a", 1) })).await;
    let resume = Some(Resume::default());
    let turns = done(budget.send(&moved(Request { resume, ..budget.wants("b", 1, 4) })).await).turns;
    assert_eq!((turns[0].granted, turns[0].wait_us), (0, Some(500_000)));
    budget.send(&moved(budget.wants("c", 0, 9))).await;
    assert_eq!(
        budget.waiting().await,
        (13, 1, vec![false, false, false]),
        "b keeps its place, and nobody knows its turn"
    );
    budget.send(&moved(budget.complete("a", 2))).await;
    budget.clock.advance(SECOND / 2);
    // c is the first to ask again, and stands behind b all the same.
    for turn in [moved(budget.wants("c", 1, 9)), moved(budget.wants("b", 2, 4))] {
        assert_eq!(done(budget.send(&turn).await).turns[0].granted, 0);
    }
    assert_eq!(budget.waiting().await, (13, 2, vec![false, true, true]));
    budget.clock.advance(SECOND / 2);
    assert_eq!(done(budget.send(&moved(budget.wants("c", 2, 9))).await).turns[0].granted, 0);
    assert_eq!(done(budget.send(&moved(budget.wants("b", 3, 4))).await).turns[0].granted, 1);
}

#[tokio::test]
async fn one_whose_lease_ended_must_resume() {
    let budget = Budget::new().await;
    budget.send(&Request { lease_us: 1_000_000, ..budget.ask("a", 0) }).await;
    budget.clock.advance(SECOND * 5);
    assert_eq!(budget.free().await, 2);
    assert_eq!(budget.send(&budget.complete("a", 1)).await, Reply::Lost);
}

#[tokio::test]
async fn each_route_of_one_exchange_gets_its_answer() {
    let budget = Budget::new().await;
    let route = |route, count| Ask { route, wait: true, runs: vec![(0, count)] };
    let asks = vec![route(7, 1), route(3, 5)];
    let turns = done(budget.send(&Request { asks, ..budget.ask("a", 0) }).await).turns;
    assert_eq!(turns.iter().map(|turn| turn.granted).collect::<Vec<_>>(), [1, 1]);
    assert_eq!(turns[0].wait_us, None);
    assert_eq!(turns[1].wait_us, Some(1_000_000));
}

#[tokio::test]
async fn the_first_sleeper_is_woken_when_something_comes_free_early() {
    let budget = Budget::of(Terms::Concurrency { key: "calls".to_owned(), max: 1 }).await;
    let bell = Arc::new(Notify::new());
    let sleeper = budget.store.enroll(&bell);
    budget.send(&budget.ask("a", 0)).await;
    assert_eq!(done(budget.send(&budget.ask(&sleeper, 0)).await).turns[0].granted, 0);
    budget.send(&budget.complete("a", 1)).await;
    timeout(SECOND * 5, bell.notified()).await.expect("the bell rings");
    assert_eq!(done(budget.send(&budget.ask(&sleeper, 1)).await).turns[0].granted, 1);
}
