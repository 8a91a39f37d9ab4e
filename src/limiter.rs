//! What callers hold: one budget on one store.

mod core;

use std::{
    fmt,
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::Ordering},
    time::Duration,
};

use tokio::sync::broadcast;
use tracing::{Instrument, Span, field::Empty};

use self::core::Core;
use crate::{
    Budget, Cost, Decision, Denial, Error, Event, Limit, Permit, Report, Store,
    session::{
        class::{Class, Route, Selection},
        desk::Desk,
    },
    telemetry::NOT_NOW,
    trace,
};

/// One budget on one store. Clones are cheap and share everything.
///
/// ```
/// use std::time::Duration;
/// use paceline::{Budget, Decision, Limit, Limiter, MemoryStore, Quota};
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), paceline::Error> {
/// let budget = Budget::builder("keap").limit(Limit::sliding_window("spike", Quota::per_second(2))).build()?;
/// let limiter = Limiter::new(MemoryStore::new(), budget);
///
/// let permit = limiter.acquire(1).await?; // wait for a turn ...
/// permit.complete(); // ... send the request, read the response, and say so
///
/// let unsent = limiter.acquire_within(1, Duration::from_secs(5)).await?;
/// unsent.cancel(); // it was never sent: given back
///
/// match limiter.try_acquire(1).await? {
///     Decision::Granted(permit) => permit.complete(),
///     Decision::Denied(denial) => println!("{} binds for {:?}", denial.limit(), denial.retry_after()),
/// }
/// assert!(limiter.acquire(3).await.unwrap_err().is_never_fits());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Limiter {
    handle: Arc<Handle>,
}

/// What clones share.
struct Handle {
    core: Arc<Core>,
    desk: Arc<Desk>,
    selection: Selection,
    route: Arc<Route>,
    /// The cost that was asked for first, nearly always the one that is asked for next; and the last other one.
    first: OnceLock<Known>,
    last: Mutex<Option<Known>>,
}

/// A cost and what it comes to on the route.
type Known = (Cost, Arc<Class>);

impl Limiter {
    /// A limiter of this budget on this store.
    pub fn new(store: impl Store, budget: Budget) -> Self {
        let core = Arc::new(Core::new(Arc::new(store), budget));
        let desk = core.desk_of_the_budget();
        let selection = Selection::default();
        // Nothing is selected by name, so nothing can be missing.
        let route = desk.route(&selection).unwrap_or_else(|_| Arc::new(Route { id: 0, limits: Vec::new() }));
        Self::of(core, desk, selection, route)
    }

    /// The same limits for one partition of the budget: a tenant, an account. Its units are its own.
    ///
    /// # Errors
    /// The key is empty or too long. It is written into the store, so it must not be a secret.
    pub fn for_key(&self, key: &str) -> Result<Self, Error> {
        let desk = self.handle.core.desk_of(key)?;
        self.with(desk, self.handle.selection.clone())
    }

    /// A handle whose requests concern this value of a scope (an endpoint, a recipient): limits with that scope apply.
    ///
    /// # Errors
    /// No limit has such a scope, or the value is empty or too long.
    pub fn scoped(&self, scope: &str, value: &str) -> Result<Self, Error> {
        self.with(self.handle.desk.clone(), self.handle.selection.scoped(&self.handle.core.budget, scope, value)?)
    }

    /// A handle whose requests ask for these limits only: those of one route.
    ///
    /// # Errors
    /// The budget has no such limit.
    pub fn only(&self, limits: &[&str]) -> Result<Self, Error> {
        self.with(self.handle.desk.clone(), self.handle.selection.only(&self.handle.core.budget, limits)?)
    }

    /// A handle whose requests are of this tier: limits whose quota depends on the tier apply with the amount of this one.
    ///
    /// ```
    /// # use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), paceline::Error> {
    /// let burst = Limit::sliding_window("burst", Quota::per_second(1)).tiers([("S", 3), ("M", 10)]).scope("operation");
    /// let limiter = Limiter::new(MemoryStore::new(), Budget::builder("api").limit(burst).build()?);
    /// let reports = limiter.scoped("operation", "GET /reports")?.tier("S")?;
    /// assert!(reports.acquire(4).await.unwrap_err().is_never_fits());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// No limit has such a tier.
    pub fn tier(&self, tier: &str) -> Result<Self, Error> {
        self.with(self.handle.desk.clone(), self.handle.selection.tier(&self.handle.core.budget, tier)?)
    }

    /// A handle for requests of this route of a preset: its limits, its tier, its operation. The partition and the values of
    /// other scopes stay. Making one takes a few microseconds and a look at all routes in use, so keep it for all requests
    /// of an equal route.
    ///
    /// # Errors
    /// The budget has no such limit: it is not one of that preset.
    pub fn on(&self, route: &crate::Route) -> Result<Self, Error> {
        let selection =
            self.handle.selection.on(&self.handle.core.budget, route.limits(), route.tier(), route.scopes())?;
        self.with(self.handle.desk.clone(), selection)
    }

    /// The limits that requests of this handle may take from, each with the quota of their tier. A cost takes from those that
    /// count its units.
    ///
    /// ```
    /// # use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), paceline::Error> {
    /// let channel = Limit::sliding_window("channel", Quota::per_second(1)).scope("channel");
    /// let budget = Budget::builder("chat").limit(channel).limit(Limit::concurrency("open", 9)).build()?;
    /// let limiter = Limiter::new(MemoryStore::new(), budget);
    /// let names = |limiter: &Limiter| limiter.limits().map(|limit| limit.name().to_owned()).collect::<Vec<_>>();
    /// assert_eq!(names(&limiter), ["open"]);
    /// assert_eq!(names(&limiter.scoped("channel", "C042")?), ["channel", "open"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn limits(&self) -> impl Iterator<Item = &Limit> {
        self.handle.route.limits.iter().map(|applied| applied.limit())
    }

    fn with(&self, desk: Arc<Desk>, selection: Selection) -> Result<Self, Error> {
        let route = desk.route(&selection)?;
        Ok(Self::of(self.handle.core.clone(), desk, selection, route))
    }

    fn of(core: Arc<Core>, desk: Arc<Desk>, selection: Selection, route: Arc<Route>) -> Self {
        let (first, last) = (OnceLock::new(), Mutex::default());
        Self { handle: Arc::new(Handle { core, desk, selection, route, first, last }) }
    }

    /// Waits for its turn, as long as that takes.
    ///
    /// # Errors
    /// The cost can never fit, too many wait already, or the store has been out of reach for 30 s.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the line; a permit already on its way goes back as never sent.
    pub async fn acquire(&self, cost: impl Into<Cost>) -> Result<Permit, Error> {
        let span = self.span(None);
        let class = self.class(&span, cost.into())?;
        self.wait(&span, class, None).await
    }

    /// Waits for its turn until a deadline. One that cannot be met is refused at once.
    ///
    /// # Errors
    /// As [`Limiter::acquire`], and `is_too_late`.
    ///
    /// # Cancel safety
    /// As [`Limiter::acquire`].
    pub async fn acquire_within(&self, cost: impl Into<Cost>, within: Duration) -> Result<Permit, Error> {
        let span = self.span(Some(within));
        let class = self.class(&span, cost.into())?;
        self.wait(&span, class, Some(within)).await
    }

    /// A permit if there is one now, without waiting for a turn. Those who wait go first.
    ///
    /// # Errors
    /// The cost can never fit, or the store cannot be used.
    ///
    /// # Cancel safety
    /// As [`Limiter::acquire`].
    pub async fn try_acquire(&self, cost: impl Into<Cost>) -> Result<Decision, Error> {
        let span = self.span(Some(Duration::ZERO));
        let class = self.class(&span, cost.into())?;
        let asked = pin!(self.handle.desk.try_acquire(&self.handle.route, class)).instrument(span.clone()).await;
        Ok(match asked.inspect_err(|error| self.refused(&span, error))? {
            Ok(grant) => Decision::Granted(Permit::new(grant)),
            Err((limit, retry_after)) => {
                self.handle.desk.telemetry.refuse(NOT_NOW);
                Decision::Denied(Denial { limit, retry_after })
            }
        })
    }

    async fn wait(&self, span: &Span, class: Arc<Class>, within: Option<Duration>) -> Result<Permit, Error> {
        // Pinned where it is made: it is large, and each move of it is a copy.
        let asked = pin!(self.handle.desk.acquire(&self.handle.route, class, within)).instrument(span.clone()).await;
        asked.map(Permit::new).inspect_err(|error| self.refused(span, error))
    }

    /// Of a call for a permit, in the caller's trace. `within`: how long it may take.
    fn span(&self, within: Option<Duration>) -> Span {
        tracing::debug_span!(
            "acquire",
            budget = self.budget().name(),
            within = within.map(tracing::field::debug),
            error.type = Empty,
            otel.status_code = Empty,
        )
    }

    /// A call gets no permit: so say the metrics and its span.
    fn refused(&self, span: &Span, error: &Error) {
        self.handle.desk.telemetry.refuse(error.word());
        trace::failed(span, error.word());
    }

    /// Tells the store all that is done. Call it before a process ends: what it does not know of counts as in flight
    /// until the lease ends, 5 s later.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn flush(&self) -> Result<(), Error> {
        self.handle.desk.flush().await
    }

    /// Nobody in the fleet sends under the limits of this handle for a while: the provider said so. A later call may extend
    /// it, never shorten it; 31 days at most.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use paceline::{Budget, Decision, Limit, Limiter, MemoryStore, Quota};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), paceline::Error> {
    /// # let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
    /// # let limiter = Limiter::new(MemoryStore::new(), budget);
    /// limiter.cool_down(Duration::from_secs(30)).await?;
    /// limiter.cool_down(Duration::from_secs(3)).await?; // shortens nothing
    /// let Decision::Denied(denial) = limiter.try_acquire(1).await? else { panic!("it cools down") };
    /// assert!(denial.retry_after() > Duration::from_secs(29));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The store cannot be used; it is told as soon as it can.
    pub async fn cool_down(&self, time: Duration) -> Result<(), Error> {
        self.handle.desk.cool_down(&self.handle.route, time).await
    }

    /// What happens to this budget (of this partition) from now on, as this process sees it. A listener that is more than 64
    /// events behind is told how many it missed; nothing ever waits for it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use paceline::{Budget, Event, Limit, Limiter, MemoryStore, Quota};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), paceline::Error> {
    /// # let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
    /// # let limiter = Limiter::new(MemoryStore::new(), budget);
    /// let mut events = limiter.events();
    /// limiter.acquire(1).await?.throttled(Some(Duration::from_secs(30))); // 429, Retry-After: 30
    ///
    /// let Ok(Event::Cooldown { limit, wait, .. }) = events.recv().await else { panic!("it cools down") };
    /// assert_eq!((&*limit, wait), ("spike", Some(Duration::from_secs(30))));
    /// # Ok(())
    /// # }
    /// ```
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.handle.desk.news.listen()
    }

    /// What the store knows of this budget (of this partition) now; `None`: nothing.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn inspect(&self) -> Result<Option<Report>, Error> {
        self.handle.core.store.inspect(&self.handle.desk.address).await
    }

    /// Exchanges that this process made for this budget (of this partition) so far.
    pub fn exchanges(&self) -> u64 {
        self.handle.desk.exchanges()
    }

    /// Calls let through without counting, because the store was out of reach and the budget says `"allow"`.
    pub fn uncounted(&self) -> u64 {
        self.handle.desk.uncounted.load(Ordering::Relaxed)
    }

    /// The budget.
    pub fn budget(&self) -> &Budget {
        &self.handle.core.budget
    }

    /// What a cost comes to.
    fn class(&self, span: &Span, cost: Cost) -> Result<Arc<Class>, Error> {
        self.handle.core.watch();
        self.handle.class(cost).inspect_err(|error| self.refused(span, error))
    }
}

impl Handle {
    fn class(&self, cost: Cost) -> Result<Arc<Class>, Error> {
        if let Some((_, class)) = self.first.get().filter(|(known, _)| *known == cost) {
            return Ok(class.clone());
        }
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, class)) = last.as_ref().filter(|(known, _)| *known == cost) {
            return Ok(class.clone());
        }
        let class = Arc::new(Class::new(self.core.budget.name(), &self.route, &cost)?);
        if let Err(known) = self.first.set((cost, class.clone())) {
            *last = Some(known);
        }
        Ok(class)
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("budget", &self.handle.core.budget.name())
            .field("store", &self.handle.core.store)
            .finish()
    }
}
