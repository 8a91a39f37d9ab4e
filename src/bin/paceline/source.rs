//! Where an operator's command finds the budgets: a configuration, a Redis, or both.

use std::path::PathBuf;

use clap::Args;
use futures_util::{StreamExt, TryStreamExt};
use paceline::{Config, RedisStore, RedisUrl, Report};

use tokio::sync::OnceCell;

use crate::{Failure, figures::count, store, tell};

/// Budgets that are looked at together: enough that no round trip is waited for, and few for the Redis that serves others.
const AT_ONCE: usize = 64;

#[derive(Args)]
pub struct Source {
    /// The configuration with the budgets
    #[arg(long, value_name = "FILE", env = "PACELINE_CONFIG")]
    config: Option<PathBuf>,
    /// The Redis that holds them, instead of the configuration's
    #[arg(long, value_name = "URL", env = "PACELINE_REDIS_URL", hide_env_values = true)]
    redis: Option<String>,
}

/// A budget, its partition, and what is known of it.
type Look = (String, Option<String>, Option<Report>);

/// A source that was opened.
pub struct Opened {
    pub config: Option<Config>,
    pub store: RedisStore,
    names: OnceCell<Vec<(String, Option<String>)>>,
}

impl Source {
    pub async fn open(&self) -> Result<Opened, Failure> {
        let (config, url) = self.read()?;
        let store = RedisStore::connect_to_look(&url).await?;
        if store.is_replica().await? {
            tell("note: this Redis is a replica: what it shows may be a little old, and orders go to the primary");
        }
        Ok(Opened { store, config, names: OnceCell::new() })
    }

    /// The configuration, and the address of the Redis.
    pub fn read(&self) -> Result<(Option<Config>, String), Failure> {
        let config = self.config.as_deref().map(Config::load).transpose()?;
        let url = self.redis.as_deref().or(config.as_ref().and_then(|config| config.redis_url()).map(RedisUrl::as_str));
        let url = url
            .ok_or(match config {
                Some(_) => "no Redis is configured, and the memory of another process cannot be seen; give --redis",
                None => "say where: --config FILE or --redis URL (or PACELINE_CONFIG, PACELINE_REDIS_URL)",
            })?
            .to_owned();
        Ok((config, url))
    }
}

impl Opened {
    /// What is in use, as the first look found it: all keys are walked through for it.
    async fn names(&self) -> Result<&[(String, Option<String>)], paceline::Error> {
        Ok(self.names.get_or_try_init(|| self.store.budgets()).await?)
    }

    /// Whether there may be such a budget: in the configuration, or in use. Without a configuration there may be any.
    pub async fn must_have(&self, budget: &str) -> Result<(), Failure> {
        if let Some((budget, key)) = budget.split_once('/') {
            return Err(format!("a budget's name has no slash; a partition is named so: {budget} --key '{key}'").into());
        }
        if let Some(config) = &self.config
            && let Err(unknown) = store::budget(config, Some(budget))
            && let Some(names) = if_permitted(self.names().await)?
            && !names.iter().any(|(name, _)| name == budget)
        {
            return Err(unknown);
        }
        Ok(())
    }

    /// Of which partition to show something where none is named: of the only one in use, and not of the budget without any,
    /// which nobody uses then. A user who may not look what is in use means what is named.
    pub async fn partition(&self, budget: &str, key: Option<&str>) -> Result<Option<String>, Failure> {
        self.must_have(budget).await?;
        if let Some(key) = key {
            return Ok(Some(key.to_owned()));
        }
        let Some((whole, partitions)) = if_permitted(self.in_use(budget).await)? else { return Ok(None) };
        match &partitions[..] {
            _ if whole => Ok(None),
            [] => Ok(None),
            [only] => {
                tell(format_args!("note: of budget {budget} one partition is in use, which this is about: --key '{only}'"));
                Ok(Some(only.clone()))
            }
            [first, ..] => Err(format!(
                "of budget {budget} {} are in use: name one with --key, such as --key '{first}'; `paceline list {budget}` has all",
                count(partitions.len() as u64, "partition")
            )
            .into()),
        }
    }

    /// Whether the budget without a partition is in use, and the partitions of it that are.
    pub async fn in_use(&self, budget: &str) -> Result<(bool, Vec<String>), paceline::Error> {
        Ok(in_use(self.names().await?, budget))
    }

    /// A look at each of them; `looked` is called after each.
    pub async fn reports(
        &self,
        names: Vec<(String, Option<String>)>,
        looked: impl Fn(),
    ) -> Result<Vec<Report>, Failure> {
        // One that vanished meanwhile is not in use any more.
        Ok(self.looks(names, looked).await?.into_iter().filter_map(|(_, _, report)| report).collect())
    }

    /// The same in the order of the names, with those that nobody uses.
    pub async fn looks(&self, names: Vec<(String, Option<String>)>, looked: impl Fn()) -> Result<Vec<Look>, Failure> {
        let looks = names.into_iter().map(|(budget, key)| {
            let looked = &looked;
            async move {
                let report = self.store.inspect(&budget, key.as_deref()).await?;
                looked();
                Ok::<_, Failure>((budget, key, report))
            }
        });
        futures_util::stream::iter(looks).buffered(AT_ONCE).try_collect().await
    }

    /// Says beside the output what may have been meant by the name of a budget that nobody uses: one of its partitions. Whether
    /// any is in use.
    pub async fn note_partitions(&self, budget: &str, key: Option<&str>) -> Result<bool, Failure> {
        let (_, partitions) = if_permitted(self.in_use(budget).await)?.unwrap_or_default();
        let Some(first) = partitions.first() else { return Ok(false) };
        let known = count(partitions.len() as u64, "partition");
        match key {
            None => {
                tell(format_args!(
                    "note: {known} of budget {budget} in use, name one with --key, such as --key '{first}'"
                ));
            }
            Some(key) if partitions.iter().all(|partition| partition != key) => {
                tell(format_args!(
                    "note: nobody uses key {key} of budget {budget}; {known} in use, such as --key '{first}'"
                ));
            }
            Some(_) => {}
        }
        Ok(true)
    }

    /// The same of a name that is no budget's in use: another budget.
    pub async fn note_others(&self) -> Result<(), Failure> {
        let Some(names) = if_permitted(self.names().await)? else {
            tell("note: this user may not look which partitions and other budgets are in use; an operator may");
            return Ok(());
        };
        if let Some((first, _)) = names.first() {
            let known = count(names.len() as u64, "budget");
            tell(format_args!("note: {known} or partitions in use, such as {first}; `paceline list` shows them"));
        }
        Ok(())
    }
}

/// What was found; `None`: its user may not look for that.
fn if_permitted<T>(found: Result<T, paceline::Error>) -> Result<Option<T>, Failure> {
    match found {
        Err(error) if error.is_not_permitted() => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// Of all that is in use, whether the budget is without a partition, and its partitions that are.
fn in_use(names: &[(String, Option<String>)], budget: &str) -> (bool, Vec<String>) {
    let of_it = || names.iter().filter(|(name, _)| name == budget).map(|(_, key)| key);
    (of_it().any(Option::is_none), of_it().flatten().cloned().collect())
}
