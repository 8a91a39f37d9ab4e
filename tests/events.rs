//! What applications hear, and how often.

#[path = "events/of_the_provider.rs"]
mod of_the_provider;
#[cfg(feature = "redis")]
#[path = "events/of_the_store.rs"]
mod of_the_store;
mod support;

use paceline::Event;
use tokio::sync::broadcast::{Receiver, error::TryRecvError};

/// What came until now.
fn heard(events: &mut Receiver<Event>) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        match events.try_recv() {
            Ok(Event::Cooldown { limit, wait, cause, .. }) => all.push(format!("{limit} cools {wait:?} {cause:?}")),
            Ok(Event::OthersUse { limit, units, .. }) => all.push(format!("others use {units} of {limit}")),
            Ok(Event::StoreLost { .. }) => all.push("lost".to_owned()),
            Ok(Event::StoreBack { .. }) => all.push("back".to_owned()),
            Ok(other) => all.push(format!("{other:?}").to_lowercase()),
            Err(TryRecvError::Lagged(missed)) => all.push(format!("missed {missed}")),
            Err(_) => return all,
        }
    }
}
