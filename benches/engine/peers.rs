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

/// What many limiters do: one small script for each permit.
#[derive(Clone)]
pub struct SmallScript {
    connection: MultiplexedConnection,
    hash: Arc<str>,
}

impl SmallScript {
    pub async fn connect(url: &str) -> Self {
        let info = url.into_connection_info().expect("an address");
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let client = redis::Client::open(info).expect("an address");
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await.expect("a connection");
        let text =
            "local n = redis.call('INCR', KEYS[1])\nif n == 1 then redis.call('PEXPIRE', KEYS[1], 1000) end\nreturn n";
        let hash: String =
            redis::cmd("SCRIPT").arg("LOAD").arg(text).query_async(&mut connection).await.expect("a hash");
        Self { connection, hash: hash.into() }
    }

    pub async fn call(mut self) {
        let mut command = redis::cmd("EVALSHA");
        command.arg(&*self.hash).arg(1).arg("small");
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
