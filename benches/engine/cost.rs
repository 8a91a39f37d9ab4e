//! What one exchange costs Redis, as quotas and the number of sessions grow.

use std::time::Duration;

use paceline::{
    RedisStore, Store,
    exchange::{Ask, Complete, Part, Reply, Request, Terms},
};

use crate::support::{self, RedisServer};

/// One session that asks for a permit and reports the one before.
struct Session {
    name: String,
    seq: u64,
    out: u64,
}

impl Session {
    fn new(i: usize) -> Self {
        Self { name: format!("bench.{i}"), seq: 0, out: 0 }
    }

    async fn exchange(&mut self, store: &RedisStore, address: &str, limit: &Terms, want: u64) -> u64 {
        self.seq += 1;
        let completes = (self.out > 0).then_some(Complete {
            class: 0,
            count: self.out.max(1),
            age_us: 0,
            hold_us: 500,
            part: Part::Whole,
        });
        let request = Request {
            session: self.name.clone(),
            who: "bench".to_owned(),
            seq: self.seq,
            acked: self.seq - 1,
            node: store.node().borrow().clone(),
            settle_us: Some(0),
            lease_us: 60_000_000,
            limits: vec![limit.clone()],
            classes: vec![vec![(0, 1)]],
            completes: completes.into_iter().collect(),
            asks: vec![Ask { route: 1, wait: true, runs: vec![(0, want)] }],
            ..Request::default()
        };
        match store.exchange(address, &request).await.expect("an answer") {
            Reply::Done(done) => {
                self.out = done.turns[0].granted;
                self.out
            }
            other => panic!("{other:?}"),
        }
    }
}

/// Microseconds that Redis spent on each script call since the last reset.
fn script_us(server: &RedisServer) -> f64 {
    let info = server.command(&["INFO", "commandstats"]);
    let line = info.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:")).expect("a script ran");
    let field = line.split(',').find_map(|f| f.strip_prefix("usec_per_call=")).expect("its cost");
    field.parse().expect("a number")
}

/// A full window, one session that takes what comes free.
pub async fn by_quota(server: &RedisServer, store: &RedisStore) {
    println!("exchange cost as the quota grows (Redis CPU in the script, a full window that turns over):");
    let mut first = None;
    for quota in [10u64, 1000, 1_000_000] {
        let address = support::unique("quota");
        let limit = Terms::SlidingWindow { key: "w".to_owned(), quota, per_us: 400_000 };
        let mut session = Session::new(0);
        let pace = Duration::from_micros(400);
        let step = (quota / 1000).max(1);
        let mut us = 0.0;
        for round in 0..2 {
            server.command(&["CONFIG", "RESETSTAT"]);
            for _ in 0..2500 {
                session.exchange(store, &address, &limit, step).await;
                tokio::time::sleep(pace).await;
            }
            if round == 1 {
                us = script_us(server);
            }
        }
        let bytes = server.command(&["MEMORY", "USAGE", &format!("pl:1:{{{address}}}"), "SAMPLES", "0"]);
        let base = *first.get_or_insert(us);
        println!("    {quota:>9} per window: {us:.1} us, ratio {:.2}, {} bytes", us / base, bytes.trim());
    }
    println!();
}

/// Many sessions in one line for a scarce limit.
pub async fn by_sessions(server: &RedisServer, store: &RedisStore) {
    println!("exchange cost as sessions grow (all wait for 100 a second):");
    let mut first = None;
    for sessions in [1usize, 100, 1000] {
        let address = support::unique("sessions");
        let limit = Terms::SlidingWindow { key: "w".to_owned(), quota: 100, per_us: 1_000_000 };
        let mut all: Vec<Session> = (0..sessions).map(Session::new).collect();
        for session in &mut all {
            session.exchange(store, &address, &limit, 150).await;
        }
        server.command(&["CONFIG", "RESETSTAT"]);
        for i in 0..3000 {
            let session = &mut all[i % sessions];
            session.exchange(store, &address, &limit, 150).await;
        }
        let us = script_us(server);
        let base = *first.get_or_insert(us);
        println!("    {sessions:>5} sessions: {us:.1} us, ratio {:.2}", us / base);
    }
}
