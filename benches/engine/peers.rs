//! What paceline is measured against, and how.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use redis::{AsyncConnectionConfig, IntoConnectionInfo, aio::MultiplexedConnection, io::tcp::TcpSettings};

use crate::support::RedisServer;

/// The smallest script that keeps a rate for a fleet: one timestamp that moves on with every permit (GCRA), by the
/// server's clock.
pub const PACE: &str = "
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now) + tonumber(ARGV[1])
if due - now > tonumber(ARGV[2]) then return due - now end
redis.call('SET', KEYS[1], string.format('%.0f', due), 'PX', 1000)
return 0";

/// Less than any limiter does: a counter that goes up.
pub const COUNTER: &str = "return redis.call('INCR', KEYS[1])";

/// What many limiters do: one small script for each permit.
#[derive(Clone)]
pub struct SmallScript {
    connection: MultiplexedConnection,
    hash: Arc<str>,
}

impl SmallScript {
    pub async fn connect(url: &str, text: &str) -> Self {
        let info = url.into_connection_info().expect("an address");
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = redis::Client::open(info).expect("an address");
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.expect("a connection");
        let hash: String =
            redis::cmd("SCRIPT").arg("LOAD").arg(text).query_async(&mut connection).await.expect("a hash");
        Self { connection, hash: hash.into() }
    }

    pub async fn call(mut self) {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&*self.hash).arg(1).arg("small").arg(0).arg(1_000_000);
        let _: u64 = command.query_async(&mut self.connection).await.expect("a count");
    }
}

/// What a run came to.
pub struct Rate {
    pub calls: u64,
    took: Duration,
    cpu: f64,
}

impl Rate {
    pub fn per_second(&self) -> f64 {
        self.calls as f64 / self.took.as_secs_f64()
    }

    /// Redis CPU for each call, in microseconds.
    pub fn cpu_us(&self) -> f64 {
        self.cpu * 1e6 / self.calls as f64
    }
}

/// Calls as fast as so many callers can.
pub async fn rate<F, T>(server: &RedisServer, callers: usize, run: Duration, call: F) -> Rate
where
    F: Fn() -> T + Clone + Send + 'static,
    T: Future<Output = ()> + Send,
{
    let (stop, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let cpu = cpu_seconds(server);
    let start = Instant::now();
    let tasks: Vec<_> = (0..callers)
        .map(|_| {
            let (stop, calls, call) = (stop.clone(), calls.clone(), call.clone());
            tokio::spawn(async move {
                let mut mine = 0;
                while !stop.load(Ordering::Relaxed) {
                    call().await;
                    mine += 1;
                }
                calls.fetch_add(mine, Ordering::Relaxed);
            })
        })
        .collect();
    tokio::time::sleep(run).await;
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await.expect("a caller");
    }
    let took = start.elapsed();
    Rate { calls: calls.load(Ordering::Relaxed), took, cpu: cpu_seconds(server) - cpu }
}

/// CPU time that Redis has used so far.
fn cpu_seconds(server: &RedisServer) -> f64 {
    let info = server.command(&["INFO", "cpu"]);
    let field = |name: &str| -> f64 {
        let line = info.lines().find_map(|line| line.strip_prefix(name)).expect("INFO cpu names it");
        line.trim_start_matches(':').trim().parse().expect("a number")
    };
    field("used_cpu_user:") + field("used_cpu_sys:")
}
