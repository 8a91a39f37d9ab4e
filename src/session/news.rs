//! What an application hears of a desk. Nothing is made for nobody.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

use tokio::sync::broadcast::{self, Receiver, Sender};

use super::desk::Desk;
use crate::event::{Event, KEPT};

/// What others use is looked at so often at most: it costs a call to the store.
const LOOK_US: u64 = 1_000_000;

/// Where the events of one desk go.
#[derive(Debug, Default)]
pub(crate) struct News {
    bus: OnceLock<Sender<Event>>,
    others: Mutex<Others>,
}

/// What was said of others.
#[derive(Debug, Default)]
struct Others {
    looked_us: u64,
    units: BTreeMap<String, u64>,
}

impl News {
    /// All that happens from now on.
    pub(crate) fn listen(&self) -> Receiver<Event> {
        self.bus.get_or_init(|| broadcast::Sender::new(KEPT)).subscribe()
    }

    /// Tells those who listen.
    pub(super) fn tell(&self, event: impl FnOnce() -> Event) {
        if let Some(bus) = self.heard() {
            // Fails only if the last one has just stopped listening.
            _ = bus.send(event());
        }
    }

    fn heard(&self) -> Option<&Sender<Event>> {
        self.bus.get().filter(|bus| bus.receiver_count() > 0)
    }

    /// The store has heard what responses say: looks what it makes of others, if anybody wants to know.
    pub(super) fn look_at_others(desk: &Arc<Desk>, now_us: u64) {
        let mut others = desk.news.others.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.news.heard().is_none() || now_us < others.looked_us + LOOK_US {
            return;
        }
        others.looked_us = now_us;
        let desk = desk.clone();
        tokio::spawn(async move {
            // One that cannot be reached tells nothing: the exchanges say so.
            let Ok(Some(report)) = desk.store.inspect(&desk.address).await else { return };
            let mut units = BTreeMap::new();
            for limit in report.limits {
                let name = limit.name.split('@').next().unwrap_or_default().to_owned();
                *units.entry(name).or_default() += limit.feedback.map_or(0, |said| said.by_others);
            }
            desk.news.others(units);
        });
    }

    fn others(&self, units: BTreeMap<String, u64>) {
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        for (limit, &units) in units.iter().filter(|(limit, units)| others.units.get(*limit).unwrap_or(&0) != *units) {
            self.tell(|| Event::OthersUse { limit: limit.clone(), units });
        }
        others.units = units;
    }
}
