//! What operators order, and the trail that it leaves.

use std::time::Duration;

use redis::Value;

use super::{RedisStore, address, codec::Items, keys, split};
use crate::{
    Error,
    exchange::MAX_UNITS,
    order::{Audited, Order},
    report::{LimitReport, Report},
};

/// Limits of one call: it holds up nobody.
const BATCH: usize = 100;
/// No order lasts longer, so that none is forgotten: 31 days.
const LONGEST: Duration = Duration::from_secs(31 * 86_400);
/// Who and why are names and sentences.
const LONGEST_TEXT: usize = 200;

impl RedisStore {
    /// Gives an order to all that use this budget (this partition of it). It holds from the next exchange on, which those
    /// who wait are told to have now. `who` and `why` are for people, and must not be secrets.
    ///
    /// # Errors
    /// Redis cannot be used, nobody uses the budget, it has no such limit, there is nothing to resume or to end, a number is
    /// out of range, or `why` has more than 200 characters.
    pub async fn order(
        &self,
        budget: &str,
        key: Option<&str>,
        order: &Order,
        who: &str,
        why: &str,
    ) -> Result<(), Error> {
        let address = address(budget, key)?;
        let name = &key.map_or(budget.to_owned(), |key| format!("{budget}, key {key}"));
        check(name, order, why)?;
        self.may_order(&address).await?;
        let report = self.0.inspect(&address).await?;
        let limits = limits(name, order, report.as_ref())?;
        let (verb, time, quota) = match order {
            Order::Pause { time } => ("pause", *time, 0),
            Order::Resume => ("resume", None, 0),
            Order::Reset { .. } => ("reset", None, 0),
            Order::CoolDown { time, .. } => ("cool", Some(*time), 0),
            Order::EndCoolDown { .. } => ("end_cool", None, 0),
            Order::Quota { time, quota, .. } => ("quota", Some(*time), *quota),
            Order::EndQuota { .. } => ("end_quota", None, 0),
        };
        let us = time.map_or(-1, |time| time.as_micros() as i64).to_string();
        let (who, why) = (short(who), short(why));
        let (words, quota) = (order.to_string(), quota.to_string());
        let keys = [keys::state(&address), keys::line(&address), keys::audit(&address)];
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        let clock = self.0.test_time().unwrap_or_default();
        let mut batches = limits.chunks(BATCH);
        let mut batch = batches.next().unwrap_or_default();
        let mut words = words.as_str();
        loop {
            let mut args: Vec<&[u8]> = [&clock, verb, &who, words, &why, &us, &quota].map(str::as_bytes).to_vec();
            args.extend(batch.iter().map(|limit| limit.as_bytes()));
            let value = self.0.link.run(&self.0.scripts.order, &keys, &args).await?;
            done(&value, name).map_err(|why| self.0.link.nonsense(&why))??;
            words = "";
            match batches.next() {
                Some(next) => batch = next,
                None => break,
            }
        }
        self.wake(report).await;
        Ok(())
    }

    /// Without the right to leave an entry in the trail the script would stop with half of the order done. Redis looks at rights
    /// first, so an entry that it refuses to take tells.
    async fn may_order(&self, address: &str) -> Result<(), Error> {
        let mut entry = redis::cmd("XADD");
        entry.arg(keys::audit(address)).arg("no id").arg("").arg("");
        match self.0.link.command(&entry).await {
            Err(error) if error.is_not_permitted() || error.is_transient() => Err(error),
            _ => Ok(()),
        }
    }

    /// Tells those who wait to look again. It only saves time: who is not told looks by itself.
    async fn wake(&self, report: Option<Report>) {
        let sessions = report.into_iter().flat_map(|report| report.sessions);
        for session in sessions.filter(|session| session.waiting > 0) {
            let store = session.id.split('.').next().unwrap_or_default();
            let mut publish = redis::cmd("PUBLISH");
            publish.arg(keys::wake(store)).arg(&session.id);
            if self.0.link.command(&publish).await.is_err() {
                return;
            }
        }
    }

    /// The last orders that a budget was given, the newest first; `None`: all budgets and partitions.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn audit(&self, budget: Option<(&str, Option<&str>)>, most: usize) -> Result<Vec<Audited>, Error> {
        let trails = match budget {
            Some((budget, key)) => vec![keys::audit(&address(budget, key)?)],
            None => self.0.keys(keys::ALL_TRAILS).await?.into_iter().collect(),
        };
        let mut all = Vec::new();
        for trail in trails {
            let Some(address) = keys::audited(&trail) else { continue };
            let mut range = redis::cmd("XREVRANGE");
            range.arg(&trail).arg("+").arg("-").arg("COUNT").arg(most);
            let value = self.0.link.command(&range).await?;
            let entries = entries(&value, address).map_err(|why| self.0.link.nonsense(&why))?;
            all.extend(entries);
        }
        all.sort_by_key(|audited: &Audited| std::cmp::Reverse(audited.unix_ms));
        all.truncate(most);
        Ok(all)
    }
}

fn check(budget: &str, order: &Order, why: &str) -> Result<(), Error> {
    if why.chars().count() > LONGEST_TEXT {
        return Err(Error::config(format!("budget {budget}: say in {LONGEST_TEXT} characters why it is ordered")));
    }
    let time = match order {
        Order::Pause { time } => *time,
        Order::CoolDown { time, .. } | Order::Quota { time, .. } => Some(*time),
        Order::Resume | Order::Reset { .. } | Order::EndCoolDown { .. } | Order::EndQuota { .. } => None,
    };
    if time.is_some_and(|time| !(Duration::from_millis(1)..=LONGEST).contains(&time)) {
        return Err(Error::config(format!("budget {budget}: an order lasts from 1ms to 31days")));
    }
    match order {
        Order::Quota { limit, quota, .. } if !(1..=MAX_UNITS).contains(quota) => Err(Error::config(format!(
            "budget {budget}, limit {limit}: a quota is a whole number from 1 to {MAX_UNITS}; `paceline pause` stops it"
        ))),
        _ => Ok(()),
    }
}

/// The limits that an order is about, as Redis knows them.
fn limits(budget: &str, order: &Order, report: Option<&Report>) -> Result<Vec<String>, Error> {
    let wanted = match order {
        Order::Pause { .. } | Order::Resume => return Ok(Vec::new()),
        Order::Reset { limit } | Order::CoolDown { limit, .. } | Order::EndCoolDown { limit } => limit.as_deref(),
        Order::Quota { limit, .. } | Order::EndQuota { limit } => Some(limit.as_str()),
    };
    let known: Vec<&LimitReport> = report.iter().flat_map(|report| &report.limits).collect();
    if known.is_empty() {
        return Err(unused(budget));
    }
    let mut about = known.clone();
    about.retain(|limit| wanted.is_none_or(|name| limit.name == name));
    if let (Some(name), true) = (wanted, about.is_empty()) {
        let names: Vec<&str> = known.iter().map(|limit| limit.name.as_str()).collect();
        return Err(Error::config(format!("budget {budget}: no limit {name} is in use; it has {}", names.join(", "))));
    }
    let of = wanted.map_or(String::new(), |name| format!(", limit {name}"));
    let missing = match order {
        Order::EndCoolDown { .. } => {
            about.retain(|limit| limit.cooldown_ms.is_some());
            "nothing cools down"
        }
        Order::EndQuota { .. } => {
            about.retain(|limit| limit.feedback.as_ref().is_some_and(|said| said.ordered.is_some()));
            "no operator's quota holds"
        }
        _ => "",
    };
    if about.is_empty() {
        return Err(Error::config(format!("budget {budget}{of}: {missing}, so there is nothing to end")));
    }
    Ok(about.into_iter().map(|limit| limit.name.clone()).collect())
}

fn unused(budget: &str) -> Error {
    Error::config(format!(
        "budget {budget}: nobody uses it in this Redis, so there is nothing to change; `paceline list` shows those in use, \
         and `paceline pause` works all the same"
    ))
}

/// What came of an order.
fn done(value: &Value, budget: &str) -> Result<Result<(), Error>, String> {
    let mut items = Items::of(value)?;
    if items.int()? == 1 {
        return Ok(Ok(()));
    }
    Ok(Err(match items.text()?.as_str() {
        "pause" => Error::config(format!("budget {budget}: it is not paused, so there is nothing to resume")),
        "state" => unused(budget),
        limit => Error::config(format!("budget {budget}: limit {limit} is not in use any more")),
    }))
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST_TEXT).collect()
}

/// Entries of a stream: pairs of an id, which begins with the time, and fields.
fn entries(value: &Value, address: &str) -> Result<Vec<Audited>, String> {
    let (budget, key) = split(address);
    let mut all = Vec::new();
    for entry in Items::of(value)?.lists() {
        let mut entry = entry?;
        let id = entry.text()?;
        let mut fields = entry.list()?;
        let (mut who, mut order, mut why) = Default::default();
        while !fields.is_empty() {
            let (name, text) = (fields.text()?, fields.text()?);
            match name.as_str() {
                "who" => who = text,
                "order" => order = text,
                "why" => why = text,
                _ => {}
            }
        }
        let unix_ms = id.split('-').next().and_then(|ms| ms.parse().ok()).ok_or("an entry without a time")?;
        all.push(Audited { unix_ms, budget: budget.to_owned(), key: key.clone(), who, order, why });
    }
    Ok(all)
}
