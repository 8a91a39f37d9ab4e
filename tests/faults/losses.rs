//! Redis forgets, or goes away and comes back empty.

use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::load::{Load, QUOTA, WINDOW, budget};
use crate::support::{Mode, Proxy, RedisServer};

const SECOND: Duration = Duration::from_secs(1);
/// The machine has two cores for everything that runs on it.
const SLACK: Duration = Duration::from_millis(400);

/// Sees that grants come back in time after each of five losses.
async fn five_losses(server: &mut RedisServer, mut lose: impl FnMut(&mut RedisServer)) {
    let urls = vec![server.url().to_owned(); 4];
    let load = Load::start(&urls, &budget("losses"), 4).await;
    sleep(SECOND + WINDOW * 2).await;
    assert!(load.upstream.count() > QUOTA, "the load does not run");
    let mut pauses = Vec::new();
    for _ in 0..5 {
        tokio::task::block_in_place(|| lose(server));
        let back = Instant::now();
        sleep(WINDOW + SECOND + SLACK).await;
        // What had been granted before arrives within a moment; what counts is that it goes on.
        let next = load.upstream.first_after(back + Duration::from_millis(50));
        pauses.push(next.map(|at| at - back));
    }
    let most = WINDOW + SECOND + SLACK;
    assert!(pauses.iter().all(|pause| pause.is_some_and(|pause| pause <= most)), "grants resumed after {pauses:?}");
    load.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_flushed_five_times_loses_nothing() {
    five_losses(&mut RedisServer::own(), |server| _ = server.command(&["FLUSHALL"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_killed_and_comes_back_empty_five_times_loses_nothing() {
    five_losses(&mut RedisServer::own(), RedisServer::restart_empty).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_stands_still_for_a_while_is_survived() {
    let server = RedisServer::own();
    let load = Load::start(&vec![server.url().to_owned(); 3], &budget("still"), 4).await;
    sleep(SECOND * 2).await;
    server.stop_process();
    sleep(SECOND * 2).await;
    server.cont();
    let before = load.upstream.count();
    sleep(SECOND * 2).await;
    assert!(load.upstream.count() > before, "nothing is granted any more");
    load.finish().await;
}

/// A fleet whose way to Redis does all this, one after the other.
async fn through(modes: &[(Mode, Duration)]) -> u64 {
    let server = RedisServer::own();
    let proxies = [Proxy::start(server.port()).await, Proxy::start(server.port()).await];
    let urls: Vec<_> = proxies.iter().map(Proxy::url).chain([server.url().to_owned()]).collect();
    let load = Load::start(&urls, &budget("proxy"), 4).await;
    sleep(SECOND * 2).await;
    for (mode, long) in modes {
        proxies.iter().for_each(|proxy| proxy.set(*mode));
        sleep(*long).await;
    }
    proxies.iter().for_each(|proxy| proxy.set(Mode::Pass));
    // Whoever was given up meanwhile comes back with a pause.
    sleep(SECOND * 2).await;
    load.finish().await;
    proxies.iter().map(Proxy::cuts).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_that_are_cut_off_spend_nothing_twice() {
    let cuts = through(&[(Mode::CutReplies(7), SECOND * 3)]).await;
    assert!(cuts > 5, "only {cuts} replies were cut");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_way_to_redis_is_safe() {
    through(&[(Mode::Delay(Duration::from_millis(40)), SECOND * 2)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replies_that_vanish_for_most_of_a_lease_are_safe() {
    through(&[(Mode::SwallowReplies, SECOND * 4)]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_to_redis_that_is_gone_for_longer_than_a_lease_is_safe() {
    through(&[(Mode::BlackHole, SECOND * 6)]).await;
}
