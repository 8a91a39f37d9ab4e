//! Real processes that die or stand still with permits out.

use std::{
    env,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use paceline::{Limiter, RedisStore};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

use super::load::{QUOTA, Upstream, WINDOW, budget};
use crate::support::RedisServer;

const SECOND: Duration = Duration::from_secs(1);
const LEASE: Duration = Duration::from_secs(5);
/// Tell the test below, run as a child process, where Redis and the upstream are, and for how long it holds permits.
const REDIS: &str = "PACELINE_TEST_CHILD_REDIS";
const UPSTREAM: &str = "PACELINE_TEST_CHILD_UPSTREAM";
const HOLD_MS: &str = "PACELINE_TEST_CHILD_HOLD_MS";

/// One replica: does nothing unless a test below runs it. Ends with its upstream.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_replica() {
    let (Ok(redis), Ok(upstream)) = (env::var(REDIS), env::var(UPSTREAM)) else { return };
    let hold = env::var(HOLD_MS).ok().and_then(|ms| ms.parse().ok()).map(Duration::from_millis);
    let limiter = Limiter::new(RedisStore::connect_trusting(&redis).await.unwrap(), budget("replicas"));
    let callers = (0..4).map(|_| {
        let (limiter, upstream) = (limiter.clone(), upstream.clone());
        tokio::spawn(async move {
            let mut wire = TcpStream::connect(upstream).await.unwrap();
            loop {
                let permit = limiter.acquire(1).await.unwrap();
                if permit.check().is_err() {
                    permit.cancel();
                    continue;
                }
                if wire.write_all(b".").await.is_err() || wire.read_u8().await.is_err() {
                    return;
                }
                if let Some(hold) = hold {
                    sleep(hold).await;
                }
                permit.complete();
            }
        })
    });
    futures::future::join_all(callers).await;
}

/// Answers every byte with one, after a while, and notes when it came.
async fn serve(upstream: Upstream) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let upstream = upstream.clone();
            tokio::spawn(async move {
                while socket.read_u8().await.is_ok() {
                    upstream.arrive();
                    sleep(Duration::from_millis(fastrand::u64(0..20))).await;
                    if socket.write_all(b".").await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

struct Replica(Child);

impl Replica {
    fn start(redis: &str, upstream: &str, hold: Option<Duration>) -> Self {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "processes::a_replica"]).env(REDIS, redis).env(UPSTREAM, upstream);
        if let Some(hold) = hold {
            child.env(HOLD_MS, hold.as_millis().to_string());
        }
        Self(child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn signal(&self, name: &str) {
        let id = self.0.id().to_string();
        assert!(Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &id]).status().unwrap().success());
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replicas_that_die_or_stand_still_past_their_lease_never_exceed_the_quota() {
    let server = RedisServer::own();
    let upstream = Upstream::default();
    let address = serve(upstream.clone()).await;
    let mut replicas: Vec<_> = (0..3).map(|_| Replica::start(server.url(), &address, None)).collect();
    sleep(SECOND * 2).await;
    let stopped = replicas.pop().unwrap();
    stopped.signal("STOP");
    drop(replicas.pop());
    replicas.push(Replica::start(server.url(), &address, None));
    sleep(LEASE + SECOND).await;
    stopped.signal("CONT");
    sleep(SECOND * 2).await;
    upstream.assert_never_exceeded();
    let most = 10.0 / WINDOW.as_secs_f64() * QUOTA as f64;
    assert!(upstream.count() as f64 > most / 2.0, "{} of about {most}: they waited for the dead", upstream.count());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_killed_replica_held_is_whole_again_after_lease_and_window() {
    let server = RedisServer::own();
    let upstream = Upstream::default();
    let address = serve(upstream.clone()).await;
    // It holds each permit for long, so that four are out when it dies.
    let replica = Replica::start(server.url(), &address, Some(SECOND * 60));
    while upstream.count() < 4 {
        sleep(SECOND / 20).await;
    }
    drop(replica);
    let killed = Instant::now();
    let limiter = Limiter::new(RedisStore::connect(server.url()).await.unwrap(), budget("replicas"));
    loop {
        // Any exchange sees to those whose lease ended.
        _ = limiter.try_acquire(1).await.map(|decision| match decision {
            paceline::Decision::Granted(permit) => permit.cancel(),
            paceline::Decision::Denied(_) => {}
        });
        limiter.flush().await.unwrap();
        let report = limiter.inspect().await.unwrap().unwrap();
        if report.limits[0].free == QUOTA as u64 && report.sessions.len() == 1 {
            break;
        }
        assert!(killed.elapsed() < LEASE + WINDOW + SECOND / 2, "{report:?}");
        sleep(SECOND / 20).await;
    }
}
