//! A bad network between processes and their store: it delays, loses, repeats and delivers late, and now and then the
//! store behind it forgets everything.

use std::{
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use paceline::{
    Clock, Error, Look, ManualClock, MemoryStore, Store, StoreFuture,
    exchange::{Reply, Request},
};
use tokio::{
    sync::{Notify, oneshot, watch},
    time::{Instant, sleep, timeout},
};

/// Nobody waits longer for an answer, as the link to Redis does.
const ANSWER: Duration = Duration::from_secs(1);
/// As the store on Redis does it.
const LOOK_EVERY: Duration = Duration::from_millis(400);
const SETTLE: Duration = Duration::from_secs(1);

/// What the network does to exchanges; shares are of one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// The longest delay each way.
    pub delay: Duration,
    pub lost_requests: f64,
    pub lost_replies: f64,
    /// Delivered once more, up to three seconds later.
    pub repeated: f64,
    /// Delivered only after the sender gave up.
    pub late: f64,
    /// From when on, and for how long, no reply comes through.
    pub silence: Option<(Duration, Duration)>,
}

/// The store and the network before it.
#[derive(Debug)]
pub struct Network {
    store: Mutex<MemoryStore>,
    /// Every store that comes after a loss goes on by the same time.
    time: ManualClock,
    /// Names stay unique when the store forgets, so they come from where nothing is forgotten.
    names: MemoryStore,
    weather: Weather,
    start: Instant,
    random: Mutex<fastrand::Rng>,
    marker: Mutex<Option<(String, Instant)>>,
}

impl Network {
    pub fn new(weather: Weather, mut random: fastrand::Rng) -> Arc<Self> {
        let names = MemoryStore::new();
        let time = ManualClock::at_unix_us(names.clock().now_us());
        // A store that has been in use for long: nobody waits for it.
        let born = Instant::now().checked_sub(SETTLE).expect("the clock runs for a second");
        Arc::new(Self {
            store: Mutex::new(MemoryStore::with_clock(time.clone())),
            time,
            names,
            weather,
            start: Instant::now(),
            marker: Mutex::new(Some((format!("{:x}", random.u64(..)), born))),
            random: Mutex::new(random),
        })
    }

    /// FLUSHALL.
    pub fn forget(&self) {
        *self.store.lock().unwrap() = MemoryStore::with_clock(self.time.clone());
        *self.marker.lock().unwrap() = None;
    }

    fn chance(&self, share: f64) -> bool {
        self.random.lock().unwrap().f64() < share
    }

    fn up_to(&self, longest: Duration) -> Duration {
        Duration::from_micros(self.random.lock().unwrap().u64(0..=longest.as_micros() as u64))
    }

    fn silent(&self) -> bool {
        let now = self.start.elapsed();
        self.weather.silence.is_some_and(|(from, long)| from <= now && now < from + long)
    }

    async fn run(&self, address: &str, request: &Request) -> Result<Reply, Error> {
        let behind = self.names.clock().now_us() - self.time.now_us();
        self.time.advance(Duration::from_micros(behind));
        let store = self.store.lock().unwrap().clone();
        store.exchange(address, request).await
    }

    fn look(&self) -> Look {
        let mut marker = self.marker.lock().unwrap();
        let random = || format!("{:x}", self.random.lock().unwrap().u64(..));
        let (name, born) = marker.get_or_insert_with(|| (random(), Instant::now()));
        let settle = SETTLE.saturating_sub(born.elapsed());
        Look { node: name.clone(), settle_us: settle.as_micros() as u64 }
    }

    async fn carry(self: Arc<Self>, address: String, request: Request, reply: oneshot::Sender<Result<Reply, Error>>) {
        let weather = self.weather;
        if self.chance(weather.lost_requests) {
            return forever(reply).await;
        }
        let late = if self.chance(weather.late) { ANSWER * 3 } else { Duration::ZERO };
        sleep(self.up_to(weather.delay + late)).await;
        let answer = self.run(&address, &request).await;
        if self.chance(weather.repeated) {
            let (network, after) = (self.clone(), self.up_to(ANSWER * 3));
            tokio::spawn(async move {
                sleep(after).await;
                _ = network.run(&address, &request).await;
            });
        }
        if self.chance(weather.lost_replies) || self.silent() {
            return forever(reply).await;
        }
        sleep(self.up_to(weather.delay)).await;
        _ = reply.send(answer);
    }
}

/// Holds on to what must not be seen to be dropped, for as long as anyone may wait for it.
async fn forever<T>(held: T) {
    sleep(ANSWER * 2).await;
    drop(held);
}

/// What one process has of the store.
#[derive(Debug, Clone)]
pub struct Wire(Arc<Process>);

#[derive(Debug)]
struct Process {
    network: Arc<Network>,
    node: watch::Sender<String>,
    dead: AtomicBool,
}

impl Wire {
    pub fn new(network: Arc<Network>) -> Self {
        let node = watch::Sender::new(network.look().node);
        let wire = Self(Arc::new(Process { network, node, dead: AtomicBool::new(false) }));
        tokio::spawn(watch_node(Arc::downgrade(&wire.0)));
        wire
    }

    /// `kill -9`: nothing that it sends from now on leaves the machine.
    pub fn die(&self) {
        self.0.dead.store(true, Ordering::Relaxed);
    }

    async fn seen(&self) -> Result<Look, Error> {
        let network = &self.0.network;
        sleep(network.up_to(network.weather.delay)).await;
        if self.0.dead.load(Ordering::Relaxed) || network.silent() {
            sleep(ANSWER).await;
            return Err(unreachable());
        }
        let look = network.look();
        sleep(network.up_to(network.weather.delay)).await;
        self.0.node.send_if_modified(|known| {
            let changed = *known != look.node;
            known.clone_from(&look.node);
            changed
        });
        Ok(look)
    }
}

async fn watch_node(process: Weak<Process>) {
    loop {
        sleep(LOOK_EVERY).await;
        let Some(process) = process.upgrade() else { return };
        if !process.dead.load(Ordering::Relaxed) {
            _ = Wire(process).seen().await;
        }
    }
}

fn unreachable() -> Error {
    Error::out_of_reach("the simulated store", "no answer within 1 s")
}

impl Store for Wire {
    fn exchange<'a>(&'a self, address: &'a str, request: &'a Request) -> StoreFuture<'a, Reply> {
        Box::pin(async move {
            if self.0.dead.load(Ordering::Relaxed) {
                return std::future::pending().await;
            }
            let (sender, reply) = oneshot::channel();
            tokio::spawn(self.0.network.clone().carry(address.to_owned(), request.clone(), sender));
            timeout(ANSWER, reply).await.ok().and_then(Result::ok).unwrap_or_else(|| Err(unreachable()))
        })
    }

    fn inspect<'a>(&'a self, _: &'a str) -> StoreFuture<'a, Option<paceline::Report>> {
        Box::pin(async { Ok(None) })
    }

    fn look(&self) -> StoreFuture<'_, Look> {
        Box::pin(self.seen())
    }

    fn node(&self) -> watch::Receiver<String> {
        self.0.node.subscribe()
    }

    fn enroll(&self, bell: &Arc<Notify>) -> String {
        self.0.network.names.enroll(bell)
    }

    fn clock(&self) -> &Clock {
        self.0.network.names.clock()
    }
}
