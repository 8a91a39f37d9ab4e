//! What kind of server it is, and what it keeps through restarts and fail-overs.

use std::time::Duration;

use paceline::{Budget, Config, Survey};

use super::{
    finding::{Check, Finding},
    info::Info,
    wire::window,
};
use crate::figures::count;

const VERSION: Check = Check { name: "version", why: "The scripts use what Redis has since 6.2; any Valkey will do." };

/// What the scripts need.
const OLDEST: (u64, u64) = (6, 2);

const ROLE: Check = Check {
    name: "role",
    why: "Only one primary at a time may grant: a replica cannot be written, and two primaries grant everything twice.",
};

/// Windows from here on outlast the processes that a deployment ends.
const LONG: Duration = Duration::from_secs(3600);

const CLUSTER: Check = Check {
    name: "cluster",
    why: "Redirects are not followed and Sentinels are not asked: one standalone Redis it is.",
};

const PERSISTENCE: Check = Check {
    name: "persistence",
    why: "After a restart each living process tells what it holds and used lately. What ended ones used of an hour or a \
          day is known only if Redis kept it.",
};

const REPLICATION: Check = Check {
    name: "replication",
    why: "Replicas lag, so a fail-over forgets the last grants; and a primary that is cut off goes on granting beside \
          its successor, unless it must see a replica.",
};

/// Seconds for which a primary may go on without a word from its replicas. Longer than this, and Sentinels as they are
/// commonly set may have made another one primary.
const LAG: u64 = 2;

pub fn version(info: &Info) -> Vec<Finding> {
    if let Some(version) = info.text("valkey_version") {
        return vec![VERSION.ok(format!("Valkey {version}"))];
    }
    let Some(version) = info.text("redis_version") else { return vec![VERSION.unknown("INFO")] };
    let mut numbers = version.split('.').map_while(|number| number.parse().ok());
    let numbers = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let seen = format!("Redis {version}");
    vec![if numbers < OLDEST { VERSION.broken(seen, "update it to 6.2 or newer") } else { VERSION.ok(seen) }]
}

pub fn role(info: &Info) -> Vec<Finding> {
    vec![match info.text("role") {
        None => ROLE.unknown("INFO"),
        Some("master") => ROLE.ok("a primary"),
        Some("slave") => ROLE.broken("a replica", "give the address of its primary"),
        Some(role) => {
            ROLE.broken(format!("its role is {role}"), "give the address of a Redis that is the only primary")
        }
    }]
}

pub fn cluster(info: &Info) -> Vec<Finding> {
    // Valkey has a name of its own for it.
    vec![match info.text("redis_mode").or(info.text("server_mode")) {
        None => CLUSTER.unknown("INFO"),
        Some("standalone") => CLUSTER.ok("standalone"),
        Some("sentinel") => CLUSTER.broken("a Sentinel", "give the address of the primary that it watches"),
        Some(mode) => CLUSTER.broken(format!("it runs in {mode} mode"), "use a Redis with cluster-enabled no"),
    }]
}

pub async fn persistence(info: &Info, survey: &Survey, config: Option<&Config>) -> Vec<Finding> {
    let failed = |what: &str| info.text(what).is_some_and(|status| status != "ok");
    let Some(log) = info.text("aof_enabled") else { return vec![PERSISTENCE.unknown("INFO")] };
    let (snapshots, sync) = (survey.setting("save").await, survey.setting("appendfsync").await);
    let stops = survey.setting("stop-writes-on-bgsave-error").await.is_some_and(|stops| stops == "yes");
    let snapshot_failed = failed("rdb_last_bgsave_status") && snapshots.as_deref() != Some("");
    let mend = "see its log; most often the disk is full or not its own to write";
    vec![if failed("aof_last_write_status") {
        PERSISTENCE.broken("it cannot write its append-only file, and refuses every grant", mend)
    } else if snapshot_failed && stops && snapshots.is_some() {
        PERSISTENCE.broken("its last snapshot failed, and it refuses every grant until one does not", mend)
    } else if snapshot_failed {
        PERSISTENCE.warning("its last snapshot failed", mend)
    } else if log == "1" {
        let sync = sync.map(|sync| format!(", appendfsync {sync}")).unwrap_or_default();
        PERSISTENCE.ok(format!("an append-only file{sync}"))
    } else {
        match snapshots.as_deref() {
            None => PERSISTENCE.unknown("CONFIG GET"),
            Some("") => nothing_kept(config.map(longest_window)),
            Some(points) => PERSISTENCE.warning(
                format!("snapshots only (save {points}): a restart brings back what was true at the last one"),
                "set appendonly yes: then it is a second old at most",
            ),
        }
    }]
}

/// `longest` is not known without a configuration.
fn nothing_kept(longest: Option<Duration>) -> Finding {
    let seen = "nothing is kept: a restart costs a second, and what ended processes had used is forgotten";
    match longest {
        Some(longest) if longest < LONG => {
            PERSISTENCE.ok(format!("{seen}, which is of windows of {} at most", humantime::format_duration(longest)))
        }
        Some(longest) => PERSISTENCE.warning(
            format!("{seen}, also of windows of {}", humantime::format_duration(longest)),
            "set appendonly yes: then what is forgotten is a second at most",
        ),
        None => PERSISTENCE.warning(seen, "set appendonly yes if a limit counts by the hour or longer"),
    }
}

fn longest_window(config: &Config) -> Duration {
    config.budgets().flat_map(Budget::limits).filter_map(window).max().unwrap_or_default()
}

pub async fn replication(info: &Info, survey: &Survey) -> Vec<Finding> {
    if info.text("role") == Some("slave") {
        return Vec::new();
    }
    let Some(replicas) = info.number("connected_slaves") else { return vec![REPLICATION.unknown("INFO")] };
    let number = async |name| survey.setting(name).await.and_then(|set| set.parse().ok());
    let (wanted, lag) = (number("min-replicas-to-write").await, number("min-replicas-max-lag").await);
    vec![fence(replicas, info.number("min_slaves_good_slaves"), wanted, lag)]
}

/// `in_time` is told only where the primary must see replicas; how many, and of how many seconds ago, not every user may ask.
fn fence(replicas: u64, in_time: Option<u64>, wanted: Option<u64>, lag: Option<u64>) -> Finding {
    match (replicas, in_time) {
        (_, Some(in_time)) if in_time < wanted.unwrap_or(1) => REPLICATION.broken(
            format!("{} in time, fewer than min-replicas-to-write: it refuses every grant", count(in_time, "replica")),
            "bring its replicas back",
        ),
        (_, Some(in_time)) => {
            let seen = format!("{}, {in_time} in time", count(replicas, "replica"));
            match lag {
                None => REPLICATION.unknown("CONFIG GET"),
                Some(lag) if lag > LAG => REPLICATION.warning(
                    format!("{seen}; but cut off from them it grants for {lag} s more (min-replicas-max-lag)"),
                    format!(
                        "set min-replicas-max-lag {LAG}; if Sentinels watch it and it stays, down-after-milliseconds {} or more",
                        (lag + 2) * 1000
                    ),
                ),
                Some(_) => REPLICATION.ok(format!("{seen}; it grants only while it sees them")),
            }
        }
        (0, None) => REPLICATION.ok("no replica, so no fail-over: nothing is granted while it is away"),
        (_, None) => REPLICATION.warning(
            format!("{}, and it grants without seeing one", count(replicas, "replica")),
            "set min-replicas-to-write 1 and min-replicas-max-lag 2, and if Sentinels watch it \
             down-after-milliseconds 4000 or more",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Status, *};

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, status) in
            [("6.0.16", Status::Broken), ("6.2.0", Status::Ok), ("7.0.15", Status::Ok), ("10.0.0", Status::Ok)]
        {
            let finding = super::version(&Info::of(&format!("redis_version:{version}"))).remove(0);
            assert_eq!((finding.seen, finding.status), (format!("Redis {version}"), status));
        }
        let valkey = super::version(&Info::of("redis_version:7.2.4 valkey_version:8.1.0")).remove(0);
        assert_eq!((valkey.seen.as_str(), valkey.status), ("Valkey 8.1.0", Status::Ok));
    }

    #[test]
    fn the_mode_goes_by_either_name() {
        for info in ["redis_mode:standalone", "server_mode:standalone"] {
            assert_eq!(cluster(&Info::of(info))[0].status, Status::Ok, "{info}");
        }
        assert_eq!(cluster(&Info::of("server_mode:cluster"))[0].status, Status::Broken);
    }

    #[test]
    fn a_redis_that_keeps_nothing_forgets_long_windows() {
        let status = |longest: Option<u64>| nothing_kept(longest.map(Duration::from_secs)).status;
        assert_eq!([Some(0), Some(60)].map(status), [Status::Ok; 2]);
        assert_eq!([Some(86_400), None].map(status), [Status::Warning; 2]);
    }

    #[test]
    fn replicas_are_a_fence_only_if_they_must_be_seen() {
        for (replicas, in_time, wanted, lag, status) in [
            (0, None, Some(0), Some(10), Status::Ok),
            (2, None, Some(0), Some(2), Status::Warning),
            // Of no seconds ago is of any time.
            (2, None, Some(1), Some(0), Status::Warning),
            (2, Some(2), Some(1), Some(1), Status::Ok),
            (2, Some(2), Some(1), Some(2), Status::Ok),
            (2, Some(2), Some(1), Some(3), Status::Warning),
            // As Redis has it by default.
            (2, Some(2), Some(1), Some(10), Status::Warning),
            (2, Some(1), Some(2), Some(10), Status::Broken),
            (2, Some(0), None, None, Status::Broken),
            (2, Some(1), None, None, Status::Unknown),
        ] {
            let found = fence(replicas, in_time, wanted, lag);
            assert_eq!(found.status, status, "{replicas} {in_time:?} {wanted:?} {lag:?}");
        }
    }
}
