//! Between a limiter and an HTTP client: which limits a request takes from, and what its response teaches.
//!
//! [`Pacer`] knows no client. `PaceMiddleware` puts it in front of reqwest, `PaceLayer` in front of any tower service.

#[cfg(any(feature = "reqwest", feature = "tower"))]
mod body;
#[cfg(feature = "reqwest")]
mod retry;
#[cfg(any(feature = "reqwest", feature = "tower"))]
mod trace;
mod turn;

#[cfg(feature = "reqwest")]
pub mod reqwest;
#[cfg(feature = "tower")]
pub mod tower;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::{HeaderMap, Method, Uri, header::HOST};

use crate::{Cost, Dialect, Error, Limiter, Preset, Route};

pub use turn::{Turn, Verdict};

/// Handles for routes are kept for the next request; more than so many are not worth it.
const MAX_HANDLES: usize = 4096;

/// A request, as far as its turn depends on it.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Where it goes.
    pub uri: &'a Uri,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

impl Target<'_> {
    /// Where it goes to: a request that names only a path says so in its `Host`.
    fn host(&self) -> &str {
        let named = || self.headers.get(HOST).and_then(|host| host.to_str().ok());
        self.uri.host().or_else(named).unwrap_or_default()
    }
}

/// Paces the requests of one provider: finds which limits each takes from, waits for its turn, reads its response and tells
/// the whole fleet what it says. Clones share it.
///
/// ```
/// use http::{HeaderMap, Method, StatusCode};
/// use paceline::{Limiter, MemoryStore, Pacer, Preset, Target};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), paceline::Error> {
/// let keap = Preset::keap();
/// let limiter = Limiter::new(MemoryStore::new(), keap.budget("keap", &[])?.build()?);
/// let pacer = Pacer::new(limiter).preset(keap);
///
/// let (method, uri) = (Method::GET, "https://api.infusionsoft.com/crm/rest/v1/contacts".parse().unwrap());
/// let turn = pacer.turn(Target { method: &method, uri: &uri, headers: &HeaderMap::new() }).await?;
/// // ... send it with any client, and when its response is in:
/// let verdict = turn.answered(StatusCode::OK, &HeaderMap::new(), b"{}");
/// assert!(!verdict.again && verdict.said.throttled.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Pacer {
    settings: Arc<Settings>,
    shared: Arc<Shared>,
}

#[derive(Clone)]
struct Settings {
    limiter: Limiter,
    preset: Option<Preset>,
    dialect: Dialect,
    wait: Option<Duration>,
    #[cfg(feature = "reqwest")]
    tries: u32,
    key: Option<Arc<Reads<String>>>,
    cost: Option<Arc<Reads<Cost>>>,
    on_verdict: Option<Arc<Hears>>,
}

/// Reads something from a request.
type Reads<T> = dyn Fn(Target<'_>) -> Option<T> + Send + Sync;

/// Hears what responses come to.
type Hears = dyn Fn(&Verdict) + Send + Sync;

/// A partition's key and a route.
type Place = (Option<String>, Option<Route>);

#[derive(Default)]
struct Shared {
    #[cfg(feature = "reqwest")]
    retries: retry::Balance,
    handles: Mutex<HashMap<Place, Limiter>>,
}

impl Pacer {
    /// Every request takes one unit of the limits of this handle; responses are read by the rules that hold of most
    /// providers ([`Dialect::generic`]).
    pub fn new(limiter: Limiter) -> Self {
        let settings = Settings {
            limiter,
            preset: None,
            dialect: Dialect::generic(),
            wait: None,
            #[cfg(feature = "reqwest")]
            tries: retry::TRIES,
            key: None,
            cost: None,
            on_verdict: None,
        };
        Self { settings: Arc::new(settings), shared: Arc::default() }
    }

    /// What a request takes, how its response is read and whether it may be sent again is up to this preset. The limiter's
    /// budget must be one of it.
    #[must_use]
    pub fn preset(self, preset: Preset) -> Self {
        self.with(|settings| {
            settings.dialect = preset.dialect().clone();
            settings.preset = Some(preset);
        })
    }

    /// How responses are read, without a preset.
    #[must_use]
    pub fn dialect(self, dialect: Dialect) -> Self {
        self.with(|settings| settings.dialect = dialect)
    }

    /// The longest that a request waits for its turn; as long as it takes, if this is not said.
    #[must_use]
    pub fn wait(self, longest: Duration) -> Self {
        self.with(|settings| settings.wait = Some(longest))
    }

    /// How often `PaceMiddleware` sends a request that is throttled in all, each time in its turn: 3, unless this says
    /// otherwise. 1 is never again.
    #[cfg(feature = "reqwest")]
    #[must_use]
    pub fn tries(self, tries: u32) -> Self {
        self.with(|settings| settings.tries = tries.max(1))
    }

    /// Reads from a request which partition of the budget it is about: a tenant with an account of its own.
    #[must_use]
    pub fn key(self, key: impl Fn(Target<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.key = Some(Arc::new(key)))
    }

    /// Reads from a request what it takes; where this says nothing, the preset does, or it is one.
    #[must_use]
    pub fn cost(self, cost: impl Fn(Target<'_>) -> Option<Cost> + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.cost = Some(Arc::new(cost)))
    }

    /// Hears what each response comes to, also of those that nobody gets because their request is sent again: for counts of
    /// one's own. It is called in the way of the response, so it should be quick.
    #[must_use]
    pub fn on_verdict(self, hears: impl Fn(&Verdict) + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.on_verdict = Some(Arc::new(hears)))
    }

    /// Waits for a request's turn. Dropping the future leaves the line.
    ///
    /// # Errors
    /// As [`Limiter::acquire`]; and the budget is not one of the preset.
    pub async fn turn(&self, target: Target<'_>) -> Result<Turn, Error> {
        let route = self.settings.preset.as_ref().map(|preset| {
            let uri = target.uri;
            preset.route(target.method.as_str(), target.host(), uri.path(), uri.query().unwrap_or_default())
        });
        let cost = self.settings.cost.as_ref().and_then(|cost| cost(target));
        let cost = cost.or_else(|| route.as_ref().map(|route| route.cost().clone())).unwrap_or_else(|| 1.into());
        let key = self.settings.key.as_ref().and_then(|key| key(target));
        let limiter = self.handle(key, route)?;
        let permit = match self.settings.wait {
            None => limiter.acquire(cost).await?,
            Some(longest) => limiter.acquire_within(cost, longest).await?,
        };
        let has = |name: &str| target.headers.contains_key(name);
        let may_repeat = match &self.settings.preset {
            Some(preset) => preset.retry().allows(target.method.as_str(), has),
            None => target.method.is_idempotent() || has("idempotency-key"),
        };
        Ok(Turn { permit, pacer: self.clone(), may_repeat })
    }

    /// A turn that may still be sent: a process that was held up since the grant waits for another.
    #[cfg(any(feature = "reqwest", feature = "tower"))]
    async fn turn_in_time(&self, target: Target<'_>) -> Result<Turn, Error> {
        loop {
            let turn = self.turn(target).await?;
            match turn.check() {
                Ok(()) => return Ok(turn),
                Err(_) => turn.unsent(),
            }
        }
    }

    /// Tells the store all that is done. Call it before a process ends.
    ///
    /// # Errors
    /// The store cannot be used.
    pub async fn flush(&self) -> Result<(), Error> {
        let handles: Vec<_> = self.handles().values().cloned().collect();
        for limiter in handles {
            limiter.flush().await?;
        }
        self.settings.limiter.flush().await
    }

    fn handle(&self, key: Option<String>, route: Option<Route>) -> Result<Limiter, Error> {
        if key.is_none() && route.is_none() {
            return Ok(self.settings.limiter.clone());
        }
        let place = (key, route);
        if let Some(known) = self.handles().get(&place) {
            return Ok(known.clone());
        }
        let mut limiter = self.settings.limiter.clone();
        if let Some(key) = &place.0 {
            limiter = limiter.for_key(key)?;
        }
        if let Some(route) = &place.1 {
            limiter = limiter.on(route)?;
        }
        let mut handles = self.handles();
        if handles.len() >= MAX_HANDLES {
            handles.clear();
        }
        handles.insert(place, limiter.clone());
        Ok(limiter)
    }

    /// A panic elsewhere leaves the map whole: it is changed in one step.
    fn handles(&self) -> MutexGuard<'_, HashMap<Place, Limiter>> {
        self.shared.handles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another setting; what is remembered belongs to the settings.
    fn with(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self.shared = Arc::default();
        self
    }
}

impl fmt::Debug for Pacer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pacer({:?})", self.settings.limiter)
    }
}
