//! Budgets in a Redis, shared by all processes that use it.

mod codec;
mod keys;
mod link;
mod orders;
mod report;
mod scripts;
mod survey;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Weak},
    time::Duration,
};

use redis::{Value, aio::PubSub};
use tokio::sync::{Notify, watch};
use tracing::{Instrument, field::Empty};

pub use self::survey::{Keys, Survey};
use self::{link::Link, scripts::Scripts};
use super::{Look, SETTLE_US, Store, StoreFuture, bells::Bells, split};
use crate::{
    Error, Report,
    clock::{Clock, ManualClock},
    exchange::{Reply, Request},
    name::encode_value,
    trace,
};

/// A marker that nobody looks at for a month is dropped.
const MARKER_KEPT_MS: u64 = 30 * 86_400_000;
/// A process looks so often whether its node forgot: more than twice while a budget holds back after a loss.
const LOOK_EVERY: Duration = Duration::from_millis(400);
/// Wake-ups only save time: a listener that fails comes back after so long.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);

/// Budgets in a Redis. Clones share one connection; make one for each process.
///
/// ```no_run
/// # async fn example() -> Result<(), paceline::Error> {
/// let store = paceline::RedisStore::connect("redis://user:password@127.0.0.1:6379/0").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisStore(Arc<Shared>);

struct Shared {
    link: Link,
    scripts: Scripts,
    clock: Clock,
    test_clock: Option<ManualClock>,
    trust: bool,
    /// Random: sessions are called after it, and it listens on a channel of that name.
    name: String,
    bells: Bells,
    node: watch::Sender<String>,
}

impl RedisStore {
    /// Connects to `redis://user:password@host:port/database`, or `rediss://` for TLS, and looks whether it can be used.
    ///
    /// # Errors
    /// The address is wrong, or the server cannot be reached, refuses the password or is no Redis.
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::open(url, None, false).await
    }

    /// Connects, and takes the word of a Redis that was empty a moment ago that nothing was used: for tests, and for
    /// those who know.
    ///
    /// # Errors
    /// As [`RedisStore::connect`].
    pub async fn connect_trusting(url: &str) -> Result<Self, Error> {
        Self::open(url, None, true).await
    }

    /// Connects for an operator, who looks and orders: [`RedisStore::inspect`], [`RedisStore::budgets`], [`RedisStore::audit`],
    /// [`RedisStore::order`]. Unlike [`RedisStore::connect`] this writes nothing, so that a replica can be looked at, too, and
    /// by a user who may only read. A limiter on such a store would hear no wake-ups.
    ///
    /// # Errors
    /// As [`RedisStore::connect`].
    pub async fn connect_to_look(url: &str) -> Result<Self, Error> {
        let store = Self::new(url, None, false)?;
        store.0.link.allows(&redis::cmd("TIME")).await?;
        Ok(store)
    }

    /// Connects, and lets a test move the time that scripts see.
    #[doc(hidden)]
    pub async fn connect_with_clock(url: &str, clock: ManualClock) -> Result<Self, Error> {
        Self::open(url, Some(clock), true).await
    }

    /// Nothing is sent yet.
    fn new(url: &str, test_clock: Option<ManualClock>, trust: bool) -> Result<Self, Error> {
        let store = Self(Arc::new(Shared {
            link: Link::new(url)?,
            scripts: Scripts::new(),
            clock: test_clock.clone().map_or_else(Clock::running, Clock::from),
            test_clock,
            trust,
            name: format!("{:016x}", fastrand::u64(..)),
            bells: Bells::default(),
            node: watch::Sender::default(),
        }));
        tokio::spawn(watch_node(Arc::downgrade(&store.0)));
        Ok(store)
    }

    async fn open(url: &str, test_clock: Option<ManualClock>, trust: bool) -> Result<Self, Error> {
        let store = Self::new(url, test_clock, trust)?;
        let look = store.0.look().await?;
        store.0.node.send_replace(look.node);
        // Before the first exchange: a wake-up that nobody hears is lost.
        let listener = store.0.subscribe().await;
        tokio::spawn(listen(Arc::downgrade(&store.0), listener));
        Ok(store)
    }

    /// One round trip to Redis, on the connection that exchanges use.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn ping(&self) -> Result<Duration, Error> {
        let start = std::time::Instant::now();
        self.0.link.command(&redis::cmd("PING")).await?;
        Ok(start.elapsed())
    }

    /// Whether it is a replica: what that shows may be a little old, and it takes no orders. `false` where its user may not ask.
    ///
    /// # Errors
    /// Redis cannot be reached.
    pub async fn is_replica(&self) -> Result<bool, Error> {
        Ok(self.0.info("replication", "role").await? == "slave")
    }

    /// What Redis knows of a budget, or of one partition of it; `None`: nothing.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn inspect(&self, budget: &str, key: Option<&str>) -> Result<Option<Report>, Error> {
        self.0.inspect(&address(budget, key)?).await
    }

    /// The budgets that Redis knows, with their partitions: name and key.
    ///
    /// # Errors
    /// Redis cannot be used.
    pub async fn budgets(&self) -> Result<Vec<(String, Option<String>)>, Error> {
        let keys = self.0.keys(keys::ALL_STATES).await?;
        let found = keys.iter().filter_map(|key| keys::address(key)).map(split);
        Ok(found.map(|(budget, key)| (budget.to_owned(), key)).collect())
    }
}

/// Where a budget, or a partition of it, stands.
fn address(budget: &str, key: Option<&str>) -> Result<String, Error> {
    Ok(match key {
        Some(key) => format!("{budget}/{}", encode_value("partition key", key)?),
        None => budget.to_owned(),
    })
}

impl Store for RedisStore {
    fn exchange<'a>(&'a self, address: &'a str, request: &'a Request) -> StoreFuture<'a, Reply> {
        Box::pin(self.0.exchange(address, request))
    }

    fn inspect<'a>(&'a self, address: &'a str) -> StoreFuture<'a, Option<Report>> {
        Box::pin(self.0.inspect(address))
    }

    fn look(&self) -> StoreFuture<'_, Look> {
        Box::pin(async {
            let look = self.0.look().await?;
            self.0.seen(&look.node);
            Ok(look)
        })
    }

    fn node(&self) -> watch::Receiver<String> {
        self.0.node.subscribe()
    }

    fn enroll(&self, bell: &Arc<Notify>) -> String {
        self.0.bells.enroll(&self.0.name, bell)
    }

    fn clock(&self) -> &Clock {
        &self.0.clock
    }
}

impl Shared {
    fn test_time(&self) -> Option<String> {
        self.test_clock.as_ref().map(|clock| clock.now_us().to_string())
    }

    async fn exchange(&self, address: &str, request: &Request) -> Result<Reply, Error> {
        let (host, port) = self.link.address();
        let span = tracing::debug_span!(
            "exchange",
            otel.kind = "client",
            db.system.name = "redis",
            db.operation.name = "EVALSHA",
            server.address = host,
            server.port = port,
            budget = split(address).0,
            seq = request.seq,
            asks = request.asks.len(),
            completes = request.completes.len(),
            error.type = Empty,
            otel.status_code = Empty,
        );
        let answered = self.ask(address, request).instrument(span.clone()).await;
        answered.inspect_err(|error| trace::failed(&span, error.word()))
    }

    async fn ask(&self, address: &str, request: &Request) -> Result<Reply, Error> {
        let (state, line) = (keys::state(address), keys::line(address));
        let body = codec::request(request);
        let time = self.test_time();
        let mut args = vec![body.as_slice()];
        args.extend(time.as_ref().map(|time| time.as_bytes()));
        // The marker matters to who would be the first of a budget. A test that sets the clock sets the node, too.
        let first = request.acked == 0 || request.resume.is_some();
        let keys = [state.as_str(), &line, keys::MARKER];
        let keys = if first && time.is_none() { &keys[..] } else { &keys[..2] };
        let value = self.link.run(&self.scripts.exchange, keys, &args).await?;
        codec::reply(&value).map_err(|why| self.link.nonsense(&format!("budget {}: {why}", split(address).0)))
    }

    /// A page at a time: meanwhile others have their exchanges, so it is no picture of one moment.
    async fn inspect(&self, address: &str) -> Result<Option<Report>, Error> {
        let (state, line) = (keys::state(address), keys::line(address));
        let time = self.test_time().unwrap_or_default();
        let (mut cursor, mut pages) = ("0".to_owned(), report::Pages::default());
        loop {
            let args = [time.as_bytes(), cursor.as_bytes()];
            let value = self.link.run(&self.scripts.inspect, &[&state, &line], &args).await?;
            let nonsense = |why: String| self.link.nonsense(&format!("budget {}: {why}", split(address).0));
            cursor = match pages.read(&value).map_err(nonsense)? {
                Some(next) if next == "0" => return Ok(Some(pages.report(split(address)))),
                Some(next) => next,
                None => return Ok(None),
            };
        }
    }

    /// All keys of a pattern, each once, in order; some hundreds at a time, so that nobody is held up.
    async fn keys(&self, pattern: &str) -> Result<BTreeSet<String>, Error> {
        let (mut found, mut cursor) = (BTreeSet::new(), "0".to_owned());
        loop {
            let mut scan = redis::cmd("SCAN");
            scan.arg(&cursor).arg("MATCH").arg(pattern).arg("COUNT").arg(250);
            let (next, page): (String, Vec<String>) = redis::from_redis_value(self.link.command(&scan).await?)
                .map_err(|_| self.link.nonsense("its answer to SCAN is no list of keys"))?;
            found.extend(page);
            if next == "0" {
                return Ok(found);
            }
            cursor = next;
        }
    }

    async fn look(&self) -> Result<Look, Error> {
        let random = format!("{:016x}", fastrand::u64(..));
        let kept = MARKER_KEPT_MS.to_string();
        let args = [random.as_bytes(), kept.as_bytes()];
        let value = self.link.run(&self.scripts.node, &[keys::MARKER], &args).await?;
        let (marker, age_us) = codec::look(&value).map_err(|why| self.link.nonsense(&why))?;
        let settle_us = if self.trust { 0 } else { SETTLE_US.saturating_sub(age_us) };
        Ok(Look { node: format!("{marker} {}", self.run_id().await?), settle_us })
    }

    /// Listens for wake-ups; they only save time, so nothing fails without them.
    async fn subscribe(&self) -> Option<PubSub> {
        self.link.subscribe(&keys::wake(&self.name)).await.ok()
    }

    /// Which run of the server this is; nothing where a user may not ask.
    async fn run_id(&self) -> Result<String, Error> {
        Ok(self.info("server", "run_id").await?.chars().take(64).collect())
    }

    /// A field of a section of `INFO`; nothing where a user may not ask.
    async fn info(&self, section: &str, field: &str) -> Result<String, Error> {
        let mut info = redis::cmd("INFO");
        info.arg(section);
        let text = match self.link.command(&info).await {
            Ok(Value::BulkString(bytes)) => String::from_utf8_lossy(&bytes).into_owned(),
            Ok(Value::VerbatimString { text, .. }) => text,
            Err(error) if error.is_transient() => return Err(error),
            _ => return Ok(String::new()),
        };
        let pairs = text.lines().filter_map(|line| line.trim_end().split_once(':'));
        let mut found = pairs.filter(|(name, _)| *name == field).map(|(_, value)| value.to_owned());
        Ok(found.next().unwrap_or_default())
    }

    /// Tells the sessions when the node is another than before.
    fn seen(&self, node: &str) {
        self.node.send_if_modified(|known| {
            let changed = known != node;
            if changed {
                tracing::warn!("Redis was restarted, emptied or failed over: sessions resume");
                node.clone_into(known);
            }
            changed
        });
    }
}

/// Looks at the node again and again while any session uses it.
async fn watch_node(store: Weak<Shared>) {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(store) = store.upgrade() else { return };
        if store.node.receiver_count() == 0 {
            continue;
        }
        // One that cannot be reached tells nothing: the sessions' own exchanges say so.
        if let Ok(look) = store.look().await {
            store.seen(&look.node);
        }
    }
}

/// Rings the bells of the sessions that scripts wake.
async fn listen(store: Weak<Shared>, mut listener: Option<PubSub>) {
    use futures_util::StreamExt;
    loop {
        if let Some(mut listener) = listener {
            let mut messages = listener.on_message();
            loop {
                let message = tokio::time::timeout(LISTEN_AGAIN, messages.next()).await;
                let Some(shared) = store.upgrade() else { return };
                match message {
                    Ok(Some(message)) => {
                        let session = message.get_payload::<String>().unwrap_or_default();
                        shared.bells.ring(&session);
                    }
                    Ok(None) => break,
                    // Quiet: look whether the store is still in use.
                    Err(_) => {}
                }
            }
        }
        tokio::time::sleep(LISTEN_AGAIN).await;
        let Some(shared) = store.upgrade() else { return };
        listener = shared.subscribe().await;
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisStore").field(&self.0.link).finish()
    }
}
