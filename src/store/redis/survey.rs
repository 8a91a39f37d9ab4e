//! What a Redis says of itself, of its user's rights, and of what stands there of ours.

mod keys;
mod rights;

use std::{collections::BTreeMap, fmt, time::Duration};

use redis::{Cmd, FromRedisValue, Value};

pub use self::keys::Keys;
use super::{link::Link, scripts::Scripts};
use crate::Error;

/// How many entries of the slow log are read, from the latest.
const SLOW_CALLS: usize = 128;

/// A look at a Redis that changes nothing there and holds nobody up: for `paceline doctor`.
///
/// `None` is what it would not tell: a user may lack the right, and managed services switch commands off.
pub struct Survey {
    link: Link,
    /// One that gives neither user nor password.
    nameless: Link,
    scripts: Scripts,
}

impl Survey {
    /// Connects. Unlike a store it writes no marker, so that a replica can be looked at, too.
    ///
    /// # Errors
    /// The address is wrong, or the server cannot be reached, refuses the password or is no Redis.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        let survey = Self { link: Link::new(url)?, nameless: Link::nameless(url)?, scripts: Scripts::new() };
        survey.answers().await?;
        Ok(survey)
    }

    /// Host and port.
    pub fn place(&self) -> &str {
        self.link.place()
    }

    /// Whether it answers at all, be it with a refusal.
    ///
    /// # Errors
    /// It does not.
    pub async fn answers(&self) -> Result<(), Error> {
        self.link.allows(&redis::cmd("TIME")).await.map(drop)
    }

    /// All of `INFO`.
    pub async fn info(&self) -> Option<BTreeMap<String, String>> {
        let text: String = self.ask(redis::cmd("INFO").arg("all")).await?;
        let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// A setting of `CONFIG GET`.
    pub async fn setting(&self, name: &str) -> Option<String> {
        let found: Vec<String> = self.ask(redis::cmd("CONFIG").arg("GET").arg(name)).await?;
        found.into_iter().nth(1)
    }

    /// Its time, since 1970.
    pub async fn time(&self) -> Option<Duration> {
        let (seconds, micros): (u64, u32) = self.ask(&redis::cmd("TIME")).await?;
        Some(Duration::new(seconds, micros.checked_mul(1000)?))
    }

    /// The commands that a client needs and this user may not run on our keys and channels, in lower case.
    ///
    /// # Errors
    /// It no longer answers.
    pub async fn missing_rights(&self) -> Result<Vec<&'static str>, Error> {
        rights::missing(&self.link).await
    }

    /// How many commands an operator's user may run beyond a program's.
    pub const FOR_ORDERS: usize = rights::FOR_ORDERS;

    /// Those of them that this user may not run: all [`Survey::FOR_ORDERS`] for a program's user.
    ///
    /// # Errors
    /// It no longer answers.
    pub async fn missing_for_orders(&self) -> Result<Vec<&'static str>, Error> {
        rights::missing_for_orders(&self.link).await
    }

    /// Whether somebody who gives neither user nor password may look at our keys.
    pub async fn is_open(&self) -> Option<bool> {
        match rights::may_look(&self.nameless).await {
            Ok(may) => Some(may),
            Err(error) if error.is_transient() => None,
            Err(_) => Some(false),
        }
    }

    /// How many of our scripts it has in its cache, and how many there are.
    pub async fn cached_scripts(&self) -> Option<(usize, usize)> {
        let hashes = self.scripts.hashes();
        let cached: Vec<bool> = self.ask(redis::cmd("SCRIPT").arg("EXISTS").arg(&hashes)).await?;
        Some((cached.into_iter().filter(|cached| *cached).count(), hashes.len()))
    }

    /// What stands under our prefix, as far as a bounded look goes.
    pub async fn keys(&self) -> Option<Keys> {
        keys::look(self).await
    }

    /// How long our scripts took that are in the slow log.
    pub async fn slow_scripts(&self) -> Option<Vec<Duration>> {
        let log: Vec<Value> = self.ask(redis::cmd("SLOWLOG").arg("GET").arg(SLOW_CALLS)).await?;
        Some(log.into_iter().filter_map(|entry| self.slow_script(entry)).collect())
    }

    /// An entry is its number, when it was, how many microseconds it took, and its arguments, cut short.
    fn slow_script(&self, entry: Value) -> Option<Duration> {
        let Value::Array(entry) = entry else { return None };
        let micros: u64 = redis::from_redis_value(entry.get(2)?.clone()).ok()?;
        let words: Vec<String> = redis::from_redis_value(entry.get(3)?.clone()).ok()?;
        let script =
            ["EVAL", "EVALSHA"].iter().any(|verb| words.first().is_some_and(|word| word.eq_ignore_ascii_case(verb)));
        // Verb, script, number of keys, then the first key.
        let ours = words.get(3).is_some_and(|key| key.starts_with(super::keys::PREFIX));
        (script && ours).then(|| Duration::from_micros(micros))
    }

    async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Option<T> {
        let answer = self.link.command(command).await.ok()?;
        redis::from_redis_value(answer).ok()
    }
}

impl fmt::Debug for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Survey").field(&self.link).finish()
    }
}
