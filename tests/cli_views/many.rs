//! 10,000 partitions and a budget with 2,000 sessions: all are shown, and Redis never has much to do at once.
//!
//! What is held here is what a busy machine does not change: how many keys or fields a command of Redis handles, and CPU time
//! by a wide margin. How long it takes, and the longest that others wait meanwhile, `benches/operator.rs` measures.

use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime},
};

use paceline::{Budget, Limit, Limiter, ManualClock, Quota, RedisStore};

use crate::{json, paceline, said, support::RedisServer};

const PARTITIONS: usize = 10_000;
const SESSIONS: usize = 2_000;

/// So many keys or fields are asked for at once; where they stand, a command may meet a few more.
const PAGE: usize = 250;
/// CPU time of Redis for a whole list: 0.06 ms for each partition, and ten times that here.
const CPU: Duration = Duration::from_secs(6);

const COPY: &str = "for n = 1, ARGV[1] - 1 do redis.call('COPY', KEYS[1], (string.gsub(KEYS[1], '-0', '-' .. n))) end";

/// Gives the hash of a budget copies of its one session, with what names it.
const ENROL: &str = "
    local all = redis.call('HGETALL', KEYS[1])
    for i = 1, #all, 2 do
        local kind, name = string.match(all[i], '^([sw]):(.*)$')
        for n = 1, name and ARGV[1] - 1 or 0 do redis.call('HSET', KEYS[1], kind .. ':' .. name .. n, all[i + 1]) end
    end";

fn budget(name: &str) -> Budget {
    Budget::builder(name)
        .limit(Limit::sliding_window("hour", Quota::per_hour(3)))
        .limit(Limit::concurrency("open", 10))
        .build()
        .unwrap()
}

/// An hour ahead of whoever looks: time does not go back, so it stands still for them, and no session ends meanwhile.
fn ahead() -> ManualClock {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    ManualClock::at_unix_us((now + Duration::from_secs(3600)).as_micros() as u64)
}

/// What the server has done, from when it is asked first.
struct Bill<'a>(&'a RedisServer);

impl<'a> Bill<'a> {
    fn of(server: &'a RedisServer) -> Self {
        server.command(&["CONFIG", "RESETSTAT"]);
        Self(server)
    }

    /// How often it ran a command, those of scripts with it.
    fn calls(&self, command: &str) -> usize {
        let stats = self.0.command(&["INFO", "commandstats"]);
        let line = stats.lines().find_map(|line| line.strip_prefix(&format!("cmdstat_{command}:calls=")));
        line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
    }

    /// Its commands, in all.
    fn commands(&self) -> usize {
        let stats = self.0.command(&["INFO", "commandstats"]);
        let calls =
            stats.lines().filter_map(|line| line.split_once("calls=")?.1.split(',').next()?.parse::<usize>().ok());
        calls.sum()
    }
}

/// CPU time that a server has had.
fn cpu(server: &RedisServer) -> Duration {
    let info = server.command(&["INFO", "cpu"]);
    let part =
        |name: &str| -> f64 { info.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().parse().unwrap() };
    Duration::from_secs_f64(part("used_cpu_user:") + part("used_cpu_sys:"))
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_partitions_are_shown_and_redis_does_a_little_at_a_time() {
    let server = RedisServer::own();
    let store = RedisStore::connect_with_clock(server.url(), ahead()).await.unwrap();
    let limiter = Limiter::new(store, budget("keap")).for_key("tenant-0").unwrap();
    let held = limiter.acquire(1).await.unwrap();
    server.command(&["EVAL", COPY, "1", "pl:1:{keap/tenant-0}", &PARTITIONS.to_string()]);
    let keys: usize = server.command(&["DBSIZE"]).parse().unwrap();

    let (bill, before) = (Bill::of(&server), cpu(&server));
    let list = json(server.url(), &["list"]);
    let list = list.as_array().unwrap();
    let names: BTreeSet<_> = list.iter().map(|partition| partition["key"].as_str().unwrap()).collect();
    assert_eq!((list.len(), names.len()), (PARTITIONS, PARTITIONS));
    assert!(names.contains("tenant-9999") && list.iter().all(|partition| partition["sessions"] == 1));
    let took = cpu(&server) - before;
    println!("{took:?} of CPU time, {} commands", bill.commands());
    assert!(took < CPU, "{took:?}");
    // A look at one partition reads a handful of fields, whatever else stands there.
    let scans = bill.calls("scan");
    assert!((keys / PAGE / 2..=keys / PAGE + 2).contains(&scans), "{scans} for {keys} keys");
    assert_eq!((bill.calls("hscan"), bill.calls("hgetall"), bill.calls("keys")), (PARTITIONS, 0, 0));
    assert!(bill.commands() < 8 * PARTITIONS, "{}", bill.commands());

    let (shown, _, _) = said(&mut paceline(server.url(), &["list"]));
    assert!(shown.contains("keap/tenant-") && shown.ends_with("and 9960 more; --top 0 lists all of them\n"), "{shown}");
    let (shown, err, code) = said(&mut paceline(server.url(), &["inspect", "keap", "--key", "tenant-4711"]));
    assert!(code == 0 && shown.starts_with("budget keap, key tenant-4711\n"), "{shown}{err}");
    assert!(shown.contains(&std::process::id().to_string()), "{shown}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_with_many_sessions_is_read_a_page_at_a_time() {
    let server = RedisServer::own();
    let store = RedisStore::connect_with_clock(server.url(), ahead()).await.unwrap();
    let limiter = Limiter::new(store, budget("crowd"));
    let held = limiter.acquire(1).await.unwrap();
    server.command(&["EVAL", ENROL, "1", "pl:1:{crowd}", &SESSIONS.to_string()]);
    let fields: usize = server.command(&["HLEN", "pl:1:{crowd}"]).parse().unwrap();
    assert!(fields > 2 * SESSIONS);

    let bill = Bill::of(&server);
    let report = &json(server.url(), &["inspect", "crowd"])[0];
    let sessions = report["sessions"].as_array().unwrap().len() as u64 + report["more_sessions"].as_u64().unwrap();
    assert_eq!(sessions as usize, SESSIONS);
    let pages = bill.calls("hscan");
    assert!((fields / PAGE / 2..=fields / PAGE + 2).contains(&pages), "{pages} for {fields} fields");
    assert_eq!(bill.calls("hgetall"), 0);
    drop(held);
}
