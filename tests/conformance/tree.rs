//! Compiled once for each store, which is whatever `super::store` makes.

use paceline::exchange::{Done, Reply, Request, Terms};

use super::store;

#[path = "tree/bad_input.rs"]
mod bad_input;
#[path = "tree/sessions.rs"]
mod sessions;
#[path = "tree/told_no.rs"]
mod told_no;
#[path = "tree/vectors.rs"]
mod vectors;

/// The next exchange of a session whose exchanges up to `acked` were answered, without anything to do.
pub fn next(session: &str, acked: u64, limits: &[Terms]) -> Request {
    Request {
        session: session.to_owned(),
        who: "conformance".to_owned(),
        seq: acked + 1,
        acked,
        node: "node".to_owned(),
        settle_us: Some(0),
        lease_us: 3_600_000_000,
        limits: limits.to_vec(),
        ..Request::default()
    }
}

fn done(reply: Reply) -> Done {
    match reply {
        Reply::Done(done) => done,
        other => panic!("not done: {other:?}"),
    }
}
