//! Which store a command works on, and its limiter.

use paceline::{Budget, Config, Limiter, MemoryStore, RedisStore};

use crate::Failure;

/// The budget of that name, or, if none is asked for, the only one.
pub fn budget<'a>(config: &'a Config, name: Option<&str>) -> Result<&'a Budget, Failure> {
    let names = || config.budgets().map(Budget::name).collect::<Vec<_>>().join(", ");
    let mut budgets = config.budgets();
    match (name, budgets.next(), budgets.next()) {
        (Some(name), ..) => config
            .budget(name)
            .ok_or_else(|| format!("there is no budget {name} in the configuration; it has {}", names()).into()),
        (None, Some(only), None) => Ok(only),
        (None, None, _) => Err("the configuration has no budget; add a [budget.NAME] to it".into()),
        (None, Some(_), Some(_)) => Err(format!("say which budget with --budget; there are {}", names()).into()),
    }
}

/// A limiter on this Redis, or without one on the memory of this process.
pub async fn limiter(redis: Option<&str>, budget: &Budget) -> Result<Limiter, Failure> {
    let Some(url) = redis else {
        crate::tell(format_args!(
            "note: no Redis is configured, so this process keeps to budget {} alone and shares it with no other; \
             give --redis URL or [redis] url to share it",
            budget.name()
        ));
        return Ok(Limiter::new(MemoryStore::new(), budget.clone()));
    };
    Ok(Limiter::new(RedisStore::connect(url).await?, budget.clone()))
}
