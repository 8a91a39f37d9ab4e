//! The configuration file: the address of the store and the budgets, all that is wrong in it told at once.

mod budget;
mod preset;
mod redis_url;

use std::path::Path;

use crate::{
    Budget, Preset,
    settings::{self, ConfigErrors, Mistake, Mistakes, Section},
};

pub use redis_url::RedisUrl;

/// Overrides the address in the file, so that a password need not be written into one.
const URL_VARIABLE: &str = "PACELINE_REDIS_URL";

/// What a configuration file says.
///
/// ```
/// let config = paceline::Config::parse(
///     r#"
///     [budget.keap]
///     [[budget.keap.limit]]
///     name = "spike"
///     kind = "sliding-window"
///     quota = 5
///     per = "1s"
///     "#,
/// )?;
/// assert_eq!(config.budget("keap").unwrap().limits()[0].to_string(), "at most 5 requests in any 1s");
///
/// let wrong = paceline::Config::parse("[budget.keap]\ncount_form = 'grant'").unwrap_err();
/// assert_eq!(
///     wrong.to_string(),
///     "1:9: budget keap: there are no limits; add at least one\n\
///      2:1: budget keap: \"count_form\" is not a setting; did you mean count_from?"
/// );
/// # Ok::<(), paceline::ConfigErrors>(())
/// ```
#[derive(Debug, Clone)]
pub struct Config {
    redis_url: Option<RedisUrl>,
    budgets: Vec<(Budget, Option<Preset>)>,
}

impl Config {
    /// Reads a file. The environment variable `PACELINE_REDIS_URL` overrides its `[redis] url`.
    ///
    /// # Errors
    /// All the mistakes of the file, or that it cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        let path = path.as_ref();
        let text = settings::read_file(path)?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut config = Self::parse_in(&text, folder).map_err(|errors| errors.in_file(path))?;
        // One that is set to nothing says nothing.
        if let Some(url) = std::env::var_os(URL_VARIABLE).filter(|url| !url.is_empty()) {
            let url = RedisUrl::parse(&url.to_string_lossy()).map_err(|why| {
                let text = format!("environment variable {URL_VARIABLE}: {why}");
                ConfigErrors::from(Mistake::without_place(text))
            })?;
            config.redis_url = Some(url);
        }
        Ok(config)
    }

    /// Reads the text of a file, and nothing else.
    ///
    /// # Errors
    /// All the mistakes of the text; where it is not TOML at all, the first.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        settings::read(text, |top, mistakes| Self::read(top, None, mistakes))
    }

    /// Reads the text of a file of this folder, and the presets that it names by their paths.
    ///
    /// # Errors
    /// As [`Config::parse`], and all the mistakes of those presets.
    pub fn parse_in(text: &str, folder: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        settings::read(text, |top, mistakes| Self::read(top, Some(folder.as_ref()), mistakes))
    }

    /// The budget of this name.
    pub fn budget(&self, name: &str) -> Option<&Budget> {
        self.budgets().find(|budget| budget.name() == name)
    }

    /// The preset that the budget of this name is of, if it is of one.
    pub fn preset(&self, name: &str) -> Option<&Preset> {
        self.budgets.iter().find(|(budget, _)| budget.name() == name)?.1.as_ref()
    }

    /// All budgets, in the order of the file.
    pub fn budgets(&self) -> impl Iterator<Item = &Budget> {
        self.budgets.iter().map(|(budget, _)| budget)
    }

    /// The address of Redis; without one, the memory store of this process is meant.
    pub fn redis_url(&self) -> Option<&RedisUrl> {
        self.redis_url.as_ref()
    }

    fn read(top: &Section, folder: Option<&Path>, mistakes: &mut Mistakes) -> Self {
        top.refuse_others(&["redis", "budget"], mistakes);
        let redis_url = top.section("redis", "[redis]", mistakes).and_then(|redis| {
            redis.refuse_others(&["url"], mistakes);
            let (url, at) = redis.string("url", mistakes)?;
            RedisUrl::parse(url).map_err(|why| mistakes.add(at, format!("redis: {why}"))).ok()
        });
        let mut budgets = Vec::new();
        if let Some(section) = top.section("budget", "[budget.NAME]", mistakes) {
            budgets = section.sections("budget", mistakes);
        } else if top.get("budget").is_none() {
            mistakes.add(0, "there are no budgets; write one, starting with [budget.NAME]");
        }
        let budgets = budgets.iter().filter_map(|budget| budget::read_budget(budget, folder, mistakes)).collect();
        Self { redis_url, budgets }
    }
}
