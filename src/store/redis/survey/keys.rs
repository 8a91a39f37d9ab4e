//! What stands under our prefix.

use redis::cmd;

use super::{super::keys, Survey};

/// Steps of `SCAN`, each over about as many keys as `STEP` says: no Redis is held up for a millisecond, and none is read for
/// ever.
const STEPS: usize = 400;
const STEP: usize = 250;
/// So many of ours are looked at one by one.
const MOST: usize = 1000;

/// What stands in a Redis under our prefix.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Keys {
    /// Budgets, and partitions of them.
    pub budgets: usize,
    /// More stand there than were looked at.
    pub more: bool,
    /// Names of another layout's keys.
    pub other_layout: Vec<String>,
    /// Budgets whose state a newer version has written.
    pub newer: Vec<String>,
    /// Names below our prefix that are none of ours.
    pub strays: Vec<String>,
    /// Ours by their name, and of another type.
    pub wrong_type: Vec<String>,
    /// Ours, and without an expiry, though nobody paused their budgets.
    pub for_ever: Vec<String>,
    /// The largest, with its bytes, if that was told.
    pub largest: Option<(u64, String)>,
}

pub(super) async fn look(survey: &Survey) -> Option<Keys> {
    let mut found = Keys::default();
    let (mut cursor, mut looked_at) = ("0".to_owned(), 0);
    for _ in 0..STEPS {
        let mut scan = cmd("SCAN");
        scan.arg(&cursor).arg("MATCH").arg(keys::ALL_LAYOUTS).arg("COUNT").arg(STEP);
        let (next, page): (String, Vec<String>) = survey.ask(&scan).await?;
        for key in page {
            if looked_at == MOST {
                found.more = true;
                return Some(found);
            }
            looked_at += 1;
            found.look_at(survey, key).await?;
        }
        if next == "0" {
            return Some(found);
        }
        cursor = next;
    }
    found.more = true;
    Some(found)
}

impl Keys {
    async fn look_at(&mut self, survey: &Survey, key: String) -> Option<()> {
        let state = keys::address(&key).is_some();
        let usual = match key.strip_prefix(keys::PREFIX) {
            None => {
                // Others may begin their names like this, too.
                if layout(&key).is_some() {
                    self.other_layout.push(key);
                }
                return Some(());
            }
            Some(_) if state => "hash",
            Some(_) if key.strip_suffix(keys::LINE).is_some_and(|state| keys::address(state).is_some()) => "zset",
            Some(_) if keys::audited(&key).is_some() => "stream",
            Some(_) if key == keys::MARKER => "string",
            Some(_) => {
                self.strays.push(key);
                return Some(());
            }
        };
        let (of_type, expiry, usage) = (
            cmd("TYPE").arg(&key).clone(),
            cmd("PTTL").arg(&key).clone(),
            cmd("MEMORY").arg("USAGE").arg(&key).clone(),
        );
        let (kind, left, bytes) =
            tokio::join!(survey.ask::<String>(&of_type), survey.ask::<i64>(&expiry), survey.ask::<u64>(&usage));
        let (kind, left) = (kind?, left?);
        if kind == "none" {
            // It went between the two looks.
            return Some(());
        }
        if kind != usual {
            self.wrong_type.push(key);
            return Some(());
        }
        self.budgets += usize::from(state);
        if state && survey.ask::<Vec<u8>>(cmd("HGET").arg(&key).arg("m")).await.is_some_and(|head| is_newer(&head)) {
            self.newer.push(key.clone());
        }
        if left == -1 && !is_paused(survey, &key).await {
            self.for_ever.push(key.clone());
        }
        self.largest = self.largest.take().max(bytes.map(|bytes| (bytes, key)));
        Some(())
    }
}

/// So long its state and its line have no expiry.
async fn is_paused(survey: &Survey, key: &str) -> bool {
    let state = key.strip_suffix(keys::LINE).unwrap_or(key);
    let pause = survey.ask::<Option<Vec<u8>>>(cmd("HGET").arg(state).arg("p")).await;
    pause.flatten().is_some()
}

/// The number behind `pl:`.
fn layout(key: &str) -> Option<u64> {
    key.strip_prefix("pl:")?.split_once(':')?.0.parse().ok()
}

/// The field `m` begins with the layout, a double.
fn is_newer(head: &[u8]) -> bool {
    head.first_chunk().is_some_and(|layout| f64::from_le_bytes(*layout) > keys::LAYOUT)
}
