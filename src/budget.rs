//! The limits that one account grants, decided together under one name.

use std::{collections::HashSet, sync::Arc, time::Duration};

use crate::{
    Error, Limit,
    flaw::{Flaw, human},
    name::{check_name, shown},
};

/// Each exchange carries and decides all limits of a route, so their number bounds its work.
const MAX_LIMITS: usize = 16;
/// The default of [`BudgetBuilder::arrival_within`].
const USUAL_ARRIVAL: Duration = Duration::from_millis(500);
const MIN_ARRIVAL: Duration = Duration::from_millis(10);
const MAX_ARRIVAL: Duration = Duration::from_secs(3_600);

/// A set of limits that a request must fit all at once. One that exists is valid; clones are cheap.
///
/// ```
/// use paceline::{Budget, Limit, Quota};
///
/// let budget = Budget::builder("keap")
///     .limit(Limit::sliding_window("spike", Quota::per_second(5)))
///     .limit(Limit::fixed_window("day", Quota::per_day(30_000)))
///     .build()?;
/// assert_eq!(budget.limits().len(), 2);
///
/// let wrong = Budget::builder("keap").limit(Limit::concurrency("open", 0)).build().unwrap_err();
/// assert_eq!(wrong.to_string(), "budget keap, limit open: quota is 0; write a whole number from 1 to 1099511627775");
/// # Ok::<(), paceline::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Budget(Arc<BudgetBuilder>);

/// A budget in the making.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "nothing is checked before `build`"]
pub struct BudgetBuilder {
    name: String,
    limits: Vec<Limit>,
    count_from: CountFrom,
    arrival_within: ArrivalWithin,
    rtt_floor: Duration,
    on_store_error: OnStoreError,
    strangers: bool,
    metrics_by_key: bool,
}

/// When a unit starts to age.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CountFrom {
    /// When the response is in: no window at the upstream is ever exceeded, whatever the network does.
    #[default]
    Response,
    /// When it is granted, as other limiters do: faster on short windows, and over the limit when requests bunch up.
    Grant,
}

/// How long after its grant a request has arrived at the latest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArrivalWithin {
    /// Within this; a permit older than that may not be sent under.
    Limited(Duration),
    /// Nobody knows: only the response tells.
    Unbounded,
}

impl From<Duration> for ArrivalWithin {
    fn from(within: Duration) -> Self {
        Self::Limited(within)
    }
}

/// What to do while the store cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OnStoreError {
    /// Send nothing: callers wait until their deadline and get an error.
    #[default]
    Refuse,
    /// Send without counting, and say so.
    Allow,
}

impl Budget {
    /// Starts a budget; its name is part of its key in the store.
    pub fn builder(name: impl Into<String>) -> BudgetBuilder {
        BudgetBuilder {
            name: name.into(),
            limits: Vec::new(),
            count_from: CountFrom::default(),
            arrival_within: ArrivalWithin::Limited(USUAL_ARRIVAL),
            rtt_floor: Duration::ZERO,
            on_store_error: OnStoreError::default(),
            strangers: false,
            metrics_by_key: false,
        }
    }

    /// A builder with all that this budget has, to change some of it.
    ///
    /// ```
    /// use paceline::{ArrivalWithin, Budget, Limit, Quota};
    ///
    /// let budget = Budget::builder("keap").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
    /// let slow = budget.to_builder().arrival_within(ArrivalWithin::Unbounded).build()?;
    /// assert_eq!(slow.limits(), budget.limits());
    /// # Ok::<(), paceline::Error>(())
    /// ```
    pub fn to_builder(&self) -> BudgetBuilder {
        BudgetBuilder::clone(&self.0)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Its limits, in the order they were given.
    pub fn limits(&self) -> &[Limit] {
        &self.0.limits
    }

    /// A short name of its limits and their numbers: equal ones have the same. Processes that go by different ones change a
    /// budget's limits to and fro, which `paceline inspect` shows.
    ///
    /// ```
    /// use paceline::{Budget, Limit, Quota};
    ///
    /// let of = |n| Budget::builder("keap").limit(Limit::sliding_window("spike", Quota::per_second(n))).build();
    /// assert_eq!(of(5)?.definition(), of(5)?.definition());
    /// assert_ne!(of(5)?.definition(), of(10)?.definition());
    /// # Ok::<(), paceline::Error>(())
    /// ```
    pub fn definition(&self) -> String {
        let mut limits: Vec<_> = self.0.limits.iter().map(|limit| format!("{}: {limit}\n", limit.name())).collect();
        limits.sort_unstable();
        // FNV-1a: the same in every process, version and language.
        let hash = limits
            .concat()
            .bytes()
            .fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619));
        format!("{hash:08x}")
    }

    /// When a unit starts to age.
    pub fn count_from(&self) -> CountFrom {
        self.0.count_from
    }

    /// How long after its grant a request has arrived at the latest.
    pub fn arrival_within(&self) -> ArrivalWithin {
        self.0.arrival_within
    }

    /// The part of every round trip that is pure travel.
    pub fn rtt_floor(&self) -> Duration {
        self.0.rtt_floor
    }

    /// What to do while the store cannot be reached.
    pub fn on_store_error(&self) -> OnStoreError {
        self.0.on_store_error
    }

    /// Whether others may use the same key.
    pub fn strangers(&self) -> bool {
        self.0.strangers
    }

    /// Whether metrics tell partitions apart.
    pub fn metrics_by_key(&self) -> bool {
        self.0.metrics_by_key
    }
}

impl BudgetBuilder {
    /// Adds a limit. All limits of a budget are decided together.
    pub fn limit(mut self, limit: Limit) -> Self {
        self.limits.push(limit);
        self
    }

    /// When a unit starts to age; at the response by default.
    pub fn count_from(mut self, count_from: CountFrom) -> Self {
        self.count_from = count_from;
        self
    }

    /// How long after its grant a request has arrived at the latest; 500 ms by default.
    pub fn arrival_within(mut self, within: impl Into<ArrivalWithin>) -> Self {
        self.arrival_within = within.into();
        self
    }

    /// What you know to be pure travel in every round trip, there and back; nothing by default.
    pub fn rtt_floor(mut self, floor: Duration) -> Self {
        self.rtt_floor = floor;
        self
    }

    /// What to do while the store cannot be reached; refuse by default.
    pub fn on_store_error(mut self, policy: OnStoreError) -> Self {
        self.on_store_error = policy;
        self
    }

    /// Whether others may use the same key. Then a limit that is new in the store is tried out with one request first, more
    /// with each answer, and for two of its periods no faster than its rate: of what is sent all at once, all that others left
    /// no room for would be rejected. Not by default; a budget of a preset, by default.
    pub fn strangers(mut self, may_come: bool) -> Self {
        self.strangers = may_come;
        self
    }

    /// Whether metrics tell partitions apart: each has series of its own, with its name as label `key`. Not by default: there may
    /// be any number of them, and their names may be people's.
    pub fn metrics_by_key(mut self, apart: bool) -> Self {
        self.metrics_by_key = apart;
        self
    }

    /// Checks everything.
    ///
    /// # Errors
    /// A configuration error that says, one a line, all that is wrong.
    pub fn build(self) -> Result<Budget, Error> {
        let flaws = self.flaws(&title("budget", &self.name));
        if flaws.is_empty() {
            return Ok(Budget(Arc::new(self)));
        }
        let lines: Vec<_> = flaws.into_iter().map(|BudgetFlaw { flaw, .. }| flaw.text).collect();
        Err(Error::config(lines.join("\n")))
    }

    pub(crate) fn into_limits(self) -> Vec<Limit> {
        self.limits
    }

    /// All that is wrong, in full sentences about what has this title.
    pub(crate) fn flaws(&self, title: &str) -> Vec<BudgetFlaw> {
        let mut flaws = Vec::new();
        for Flaw { setting, text } in self.own_flaws() {
            let text = format!("{title}: {text}");
            flaws.push(BudgetFlaw { limit: None, flaw: Flaw { setting, text } });
        }
        let mut names = HashSet::new();
        for (index, limit) in self.limits.iter().enumerate() {
            let mut of_limit = limit.flaws();
            if !names.insert(limit.name()) {
                of_limit.push(Flaw::new("name", "another limit has this name; give each its own"));
            }
            for Flaw { setting, text } in of_limit {
                let text = format!("{title}, {}: {text}", limit_title(index, limit.name()));
                flaws.push(BudgetFlaw { limit: Some(index), flaw: Flaw { setting, text } });
            }
        }
        flaws
    }

    fn own_flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if let Err(error) = check_name("name", &self.name) {
            flaws.push(Flaw::new("name", error.to_string()));
        }
        if self.limits.is_empty() {
            flaws.push(Flaw::new("limit", "there are no limits; add at least one"));
        }
        if self.limits.len() > MAX_LIMITS {
            let text = format!("there are {} limits; write {MAX_LIMITS} at most", self.limits.len());
            flaws.push(Flaw::new("limit", text));
        }
        // A floor must leave something of the time that a request travels at most.
        let mut floor_end = MAX_ARRIVAL;
        if let ArrivalWithin::Limited(within) = self.arrival_within {
            if (MIN_ARRIVAL..=MAX_ARRIVAL).contains(&within) {
                floor_end = within;
            } else {
                let text = format!("arrival_within is {}; write 10ms to 1h, or \"unbounded\"", human(within));
                flaws.push(Flaw::new("arrival_within", text));
            }
        }
        if self.rtt_floor >= floor_end {
            let text = format!("rtt_floor is {}; write less than {}", human(self.rtt_floor), human(floor_end));
            flaws.push(Flaw::new("rtt_floor", text));
        }
        flaws
    }
}

/// A flaw of a budget, or of the limit at this index.
#[derive(Debug)]
pub(crate) struct BudgetFlaw {
    pub(crate) limit: Option<usize>,
    pub(crate) flaw: Flaw,
}

/// How a message calls a limit: by its name if that can be read, else by its place.
pub(crate) fn limit_title(index: usize, name: &str) -> String {
    match check_name("name", name) {
        Ok(()) => format!("limit {name}"),
        Err(_) => format!("limit number {}", index + 1),
    }
}

/// How a message calls a budget.
pub(crate) fn title(what: &str, name: &str) -> String {
    match check_name("name", name) {
        Ok(()) => format!("{what} {name}"),
        Err(_) => format!("{what} {}", shown(name)),
    }
}
