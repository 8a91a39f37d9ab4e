//! What is ours in a Redis: the user's rights, the scripts, the keys.

use std::time::Duration;

use paceline::{Keys, Survey};

use super::{
    finding::{Check, Finding},
    info::Info,
    memory::bytes,
};

const RIGHTS: Check = Check {
    name: "rights",
    why: "A command that the user may not run on our keys (pl:1:*) and channels (pl:1:wake:*) fails within a script.",
};

/// Without these it is slower to notice things, and right all the same.
const HELPFUL: [&str; 2] = ["info", "subscribe"];

const ORDERS: Check = Check {
    name: "orders",
    why: "An operator's user may list all budgets, order, and read the trail; a program's needs none of that.",
};

const SCRIPTS: Check =
    Check { name: "scripts", why: "A script that is not in the cache is sent whole and compiled anew." };

/// Calls by a hash that was unknown, in percent of all: the cache is emptied again and again.
const FORGETFUL: u64 = 5;
/// Fewer say nothing.
const ENOUGH_CALLS: u64 = 1000;

const SLOW: Check =
    Check { name: "slow scripts", why: "Redis serves nobody else meanwhile; a script of ours takes some 20 us." };

const TOO_SLOW: Duration = Duration::from_millis(5);

const KEYS: Check = Check {
    name: "keys",
    why: "What stands below pl: is ours alone: it is of the types and names of lua/README.md, small, and ends by itself.",
};

/// A budget takes some 16 to 64 KiB a limit; this is thousands of scope values.
const LARGE: u64 = 4 << 20;
/// So many names are printed, each at most this long.
const NAMED: usize = 3;
const NAME: usize = 60;

pub fn rights(missing: Vec<&str>) -> Vec<Finding> {
    if missing.is_empty() {
        return vec![RIGHTS.ok("this user may run every command that is needed")];
    }
    let seen = format!("this user may not run {}", missing.join(", "));
    let mend = format!("give it +{} on ~pl:1:* and &pl:1:wake:*, as lua/README.md says", missing.join(" +"));
    let harmless = missing.iter().all(|command| HELPFUL.contains(command));
    vec![if harmless { RIGHTS.warning(seen, mend) } else { RIGHTS.broken(seen, mend) }]
}

/// A user that may do a part of it was meant to do all of it; one that may do none of it is a program's.
pub fn orders(missing: Vec<&str>) -> Vec<Finding> {
    let named = missing.join(", ");
    vec![match missing.len() {
        0 => ORDERS.ok("this user may give orders and list all budgets"),
        Survey::FOR_ORDERS.. => ORDERS.ok(format!("this user may give none, as befits a program's ({named})")),
        _ => ORDERS.warning(
            format!("this user may not run {named}, so of orders, `list` and `audit` some fail"),
            format!("for an operator give it +{} on ~pl:1:*, as lua/README.md says", missing.join(" +")),
        ),
    }]
}

pub async fn scripts(info: &Info, survey: &Survey) -> Vec<Finding> {
    let calls = info.part("cmdstat_evalsha", "calls");
    let unknown = info.part("errorstat_NOSCRIPT", "count");
    let flushes = info.part("cmdstat_script|flush", "calls");
    let used = format!("{calls} calls by hash, {unknown} of them unknown; SCRIPT FLUSH was called {flushes} times");
    vec![match survey.cached_scripts().await {
        _ if calls >= ENOUGH_CALLS && unknown * 100 > calls * FORGETFUL => {
            SCRIPTS.warning(used, "see who calls SCRIPT FLUSH, or restarts it")
        }
        Some((cached, all)) => SCRIPTS.ok(format!("{cached} of {all} are cached; {used}")),
        None => SCRIPTS.unknown("SCRIPT EXISTS"),
    }]
}

pub fn slow(scripts: Option<Vec<Duration>>) -> Vec<Finding> {
    let Some(scripts) = scripts else { return vec![SLOW.unknown("SLOWLOG GET")] };
    let slow: Vec<_> = scripts.into_iter().filter(|took| *took > TOO_SLOW).collect();
    vec![match slow.iter().max() {
        None => SLOW.ok("none in the slow log that took longer than 5 ms"),
        Some(worst) => SLOW.warning(
            format!("{} in the slow log, the worst {:.1} ms", slow.len(), worst.as_secs_f64() * 1000.0),
            "see what else its machine does (swap, snapshots, neighbours); SLOWLOG RESET clears it",
        ),
    }]
}

pub fn keys(keys: Option<Keys>) -> Vec<Finding> {
    let Some(keys) = keys else { return vec![KEYS.unknown("SCAN, TYPE and PTTL")] };
    let mut findings = Vec::new();
    if !keys.newer.is_empty() {
        findings.push(KEYS.broken(
            format!("{} of a newer paceline, which this one leaves alone", names(&keys.newer)),
            "update the processes that are older",
        ));
    }
    if !keys.wrong_type.is_empty() {
        findings.push(KEYS.broken(
            format!("{} of another type than ours, so their budgets cannot be used", names(&keys.wrong_type)),
            "find out who wrote them, then delete them",
        ));
    }
    if !keys.other_layout.is_empty() {
        findings.push(KEYS.warning(
            format!("{} of another layout, which this version does not read", names(&keys.other_layout)),
            "let all processes be of one version, or delete what is left of the other",
        ));
    }
    if !keys.strays.is_empty() {
        findings.push(KEYS.warning(
            format!("{} below pl:1:, and none of ours", names(&keys.strays)),
            "find out who wrote them; nobody else should use this prefix",
        ));
    }
    if !keys.for_ever.is_empty() {
        findings.push(KEYS.warning(
            format!("{} without an expiry, so they stay when nobody uses them", names(&keys.for_ever)),
            "find out who took it away (PERSIST); a key in use gets one again, another may be deleted",
        ));
    }
    let large = keys.largest.as_ref().filter(|(size, _)| *size > LARGE);
    if let Some((size, key)) = large {
        findings.push(KEYS.warning(
            format!("{} takes {}", shown(key), bytes(*size)),
            "give a scope fewer values: each has a state of its own until it is unused",
        ));
    }
    if findings.is_empty() {
        let more = if keys.more { "; only a part of all keys was looked at" } else { "" };
        let largest = keys.largest.map(|(size, _)| format!(", the largest key {}", bytes(size))).unwrap_or_default();
        findings.push(KEYS.ok(format!("budgets and partitions: {}{largest}{more}", keys.budgets)));
    }
    findings
}

fn names(keys: &[String]) -> String {
    let named = keys.iter().take(NAMED).map(|key| shown(key)).collect::<Vec<_>>().join(", ");
    let (more, are) = match keys.len() {
        0..=1 => (String::new(), "is"),
        2..=NAMED => (String::new(), "are"),
        all => (format!(" and {} more", all - NAMED), "are"),
    };
    format!("{named}{more} {are}")
}

/// Whoever wrote it may have meant to write to a terminal.
fn shown(key: &str) -> String {
    key.chars().take(NAME).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Status, *};

    #[test]
    fn what_only_helps_may_be_missing() {
        assert_eq!(rights(vec![]).remove(0).status, Status::Ok);
        assert_eq!(rights(vec!["info", "subscribe"]).remove(0).status, Status::Warning);
        let broken = rights(vec!["info", "hset"]).remove(0);
        assert_eq!((broken.status, broken.seen.as_str()), (Status::Broken, "this user may not run info, hset"));
    }

    #[test]
    fn an_operator_needs_all_of_it_and_a_program_none() {
        let all = ["scan", "persist", "xadd", "xrevrange"];
        let status = |missing: &[&'static str]| orders(missing.to_vec()).remove(0).status;
        assert_eq!([&all[..0], &all].map(status), [Status::Ok; 2]);
        assert_eq!([&all[..1], &all[1..]].map(status), [Status::Warning; 2]);
    }

    #[test]
    fn a_name_is_cut_and_harmless_on_a_terminal() {
        assert_eq!(names(&["pl:1:\u{1b}[2J".to_owned()]), "pl:1:\\u{1b}[2J is");
        assert_eq!(names(&["a", "b", "c", "d"].map(str::to_owned)), "a, b, c and 1 more are");
        assert_eq!(shown(&"x".repeat(500)).len(), NAME);
    }

    #[test]
    fn scripts_that_are_slow_are_counted() {
        let took = |micros: &[u64]| Some(micros.iter().copied().map(Duration::from_micros).collect());
        assert_eq!(slow(took(&[5000])).remove(0).status, Status::Ok);
        let found = slow(took(&[100, 5100, 7000])).remove(0);
        assert_eq!((found.status, found.seen.as_str()), (Status::Warning, "2 in the slow log, the worst 7.0 ms"));
    }
}
