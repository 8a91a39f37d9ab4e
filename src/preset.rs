//! A provider as data: its limits, which requests take from which of them, and how its responses are read.

mod pattern;
mod read;
mod retry;
mod route;
mod routes;
mod rule;
mod shipped;
mod vars;

use std::{path::Path, sync::Arc};

use crate::{
    Budget, BudgetBuilder, Dialect, Error, Limit,
    budget::title,
    settings::{self, ConfigErrors, read_limits},
};

pub use retry::{CompleteAt, Retry};
pub use route::Route;
pub use vars::Variable;

use pattern::Glob;
use rule::{Asked, Rule};
pub(crate) use vars::VarFlaw;

/// A provider as data: a file of TOML that comes with the library ([`Preset::keap`] and the others), or one of your own
/// in the same form ([`Preset::load`]). Clones are cheap.
///
/// ```
/// use paceline::{Limiter, MemoryStore, Preset};
///
/// # fn main() -> Result<(), paceline::Error> {
/// let klaviyo = Preset::klaviyo();
/// let limiter = Limiter::new(MemoryStore::new(), klaviyo.budget("klaviyo-prod", &[])?.build()?);
///
/// let route = klaviyo.route("GET", "a.klaviyo.com", "/api/profiles/01H/lists", "");
/// assert_eq!((route.tier(), route.operation()), (Some("S"), "GET /api/profiles/*/lists"));
/// let lists = limiter.on(&route)?; // keep it for all requests of this route
///
/// let oauth = Preset::keap().budget("keap", &[("credential", "oauth")])?.build()?;
/// assert_eq!(oauth.limits()[1].to_string(), "at most 1500 requests in any 1m");
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Preset(Arc<Parts>);

#[derive(Debug)]
struct Parts {
    /// Its limits are read from it for each budget, since their numbers depend on the variables.
    text: String,
    name: String,
    about: String,
    read: String,
    sources: Vec<String>,
    uncertain: Vec<String>,
    hosts: Vec<Glob>,
    variables: Vec<Variable>,
    rules: Vec<Rule>,
    /// The last rule, which is about every request.
    rest: Rule,
    dialect: Dialect,
    retry: Retry,
    complete_at: CompleteAt,
    cost_at: Vec<(String, String)>,
}

impl Preset {
    /// Reads the text of a preset.
    ///
    /// # Errors
    /// All the mistakes of the text; where it is not TOML at all, the first.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        settings::read(text, |top, mistakes| Self(Arc::new(read::read(text, top, mistakes))))
    }

    /// Reads the file of a preset.
    ///
    /// # Errors
    /// All the mistakes of the file, or that it cannot be read.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, ConfigErrors> {
        let path = path.as_ref();
        let text = settings::read_file(path)?;
        Self::parse(&text).map_err(|errors| errors.in_file(path))
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Which API it is for.
    pub fn about(&self) -> &str {
        &self.0.about
    }

    /// The date on which its sources were read, as in `2026-11-22`.
    pub fn read(&self) -> &str {
        &self.0.read
    }

    /// Where its numbers are from.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.0.sources.iter().map(String::as_str)
    }

    /// What its sources leave open, and what it does about that.
    pub fn uncertain(&self) -> impl Iterator<Item = &str> {
        self.0.uncertain.iter().map(String::as_str)
    }

    /// The hosts of the API, with `*` for any run of characters; none: any host.
    pub fn hosts(&self) -> impl Iterator<Item = &str> {
        self.0.hosts.iter().map(Glob::as_str)
    }

    /// Whether a host is one of the API's.
    pub fn covers(&self, host: &str) -> bool {
        let host = rule::plain_host(host);
        self.0.hosts.is_empty() || self.0.hosts.iter().any(|known| known.matches(host.as_bytes()))
    }

    /// What differs from account to account.
    pub fn variables(&self) -> impl Iterator<Item = &Variable> {
        self.0.variables.iter()
    }

    /// How its responses are read.
    pub fn dialect(&self) -> &Dialect {
        &self.0.dialect
    }

    /// Which requests may be sent again.
    pub fn retry(&self) -> &Retry {
        &self.0.retry
    }

    /// When a response counts as in.
    pub fn complete_at(&self) -> CompleteAt {
        self.0.complete_at
    }

    /// Units of which only the response says how many it took, and where in its body, as a JSON pointer: settle the permit
    /// by it.
    pub fn cost_at(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.cost_at.iter().map(|(unit, pointer)| (unit.as_str(), pointer.as_str()))
    }

    /// The text that it was read from, to start one of your own with.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// A budget of its limits, with the variables that are given and else their defaults. What a choice sets may be given
    /// by itself, too.
    ///
    /// ```
    /// use paceline::Preset;
    ///
    /// let sandbox = Preset::stripe().budget("stripe-test", &[("mode", "sandbox")])?.build()?;
    /// let wrong = Preset::stripe().budget("stripe", &[("mode", "test")]).unwrap_err();
    /// assert_eq!(wrong.to_string(), "budget stripe: mode is \"test\"; write \"live\" or \"sandbox\"");
    /// # Ok::<(), paceline::Error>(())
    /// ```
    ///
    /// # Errors
    /// A configuration error that says, one a line, all that is wrong with the variables.
    pub fn budget(&self, name: &str, vars: &[(&str, &str)]) -> Result<BudgetBuilder, Error> {
        let limits = self.limits(&title("budget", name), vars).map_err(|flaws| {
            let lines: Vec<_> = flaws.into_iter().map(|flaw| flaw.text).collect();
            Error::config(lines.join("\n"))
        })?;
        Ok(limits.into_iter().fold(Budget::builder(name).strangers(true), BudgetBuilder::limit))
    }

    /// Its limits, told as those of what has this title.
    pub(crate) fn limits(&self, title: &str, vars: &[(&str, &str)]) -> Result<Vec<Limit>, Vec<VarFlaw>> {
        let values = vars::values(&self.0.variables, vars).map_err(|flaws| {
            let told = flaws.into_iter().map(|flaw| VarFlaw { text: format!("{title}: {}", flaw.text), ..flaw });
            told.collect::<Vec<_>>()
        })?;
        let read = settings::read(&self.0.text, |top, mistakes| {
            read_limits(&top.with_values(title, &values), Budget::builder(self.name()), mistakes)
        });
        let builder = read.map_err(|errors| {
            let told =
                errors.mistakes().iter().map(|mistake| VarFlaw { var: None, text: mistake.message().to_owned() });
            told.collect::<Vec<_>>()
        })?;
        Ok(builder.map(BudgetBuilder::into_limits).unwrap_or_default())
    }

    /// Whether it tells requests apart; if not, all of them take from the same limits.
    pub fn has_routes(&self) -> bool {
        !self.0.rules.is_empty()
    }

    /// What a request comes to. A path and a query are given as they are sent, with their percent signs.
    pub fn route(&self, method: &str, host: &str, path: &str, query: &str) -> Route {
        let asked = Asked::new(method, host, path, query);
        self.0.rules.iter().find(|rule| rule.fits(&asked)).unwrap_or(&self.0.rest).route(&asked)
    }
}
