//! Whether what was granted is remembered: eviction and room.

use super::{
    finding::{Check, Finding},
    info::Info,
};

const EVICTION: Check = Check {
    name: "eviction",
    why: "Keys of ours have an expiry, so every policy but noeviction may drop them, and with them what was granted.",
};

const ROOM: Check = Check { name: "memory", why: "A Redis that is full refuses every grant until there is room." };

/// From here on, in percent of `maxmemory`, somebody should see to it.
const NEARLY_FULL: u64 = 80;

pub fn eviction(info: &Info) -> Vec<Finding> {
    let (Some(policy), Some(limit)) = (info.text("maxmemory_policy"), info.number("maxmemory")) else {
        return vec![EVICTION.unknown("INFO")];
    };
    let seen = format!("maxmemory-policy {policy}, maxmemory {}", amount(limit));
    let mend = "set maxmemory-policy noeviction; if a cache shares this Redis, give one of them a Redis of its own";
    vec![match (policy, limit) {
        ("noeviction", _) => EVICTION.ok(seen),
        (_, 0) => EVICTION.warning(seen, mend),
        _ => EVICTION.broken(seen, mend),
    }]
}

pub fn room(info: &Info) -> Vec<Finding> {
    let (Some(used), Some(limit)) = (info.number("used_memory"), info.number("maxmemory")) else {
        return vec![ROOM.unknown("INFO")];
    };
    let seen = format!("{} used of {}", bytes(used), amount(limit));
    let mend = "raise maxmemory, or see what else fills it";
    // Without a limit there is no share.
    let share = (u128::from(used) * 100).checked_div(u128::from(limit)).unwrap_or_default();
    vec![if share >= 100 {
        ROOM.broken(seen, mend)
    } else if share >= u128::from(NEARLY_FULL) {
        ROOM.warning(seen, mend)
    } else {
        ROOM.ok(seen)
    }]
}

/// A setting in bytes of which zero is none.
fn amount(limit: u64) -> String {
    if limit == 0 { "unlimited".to_owned() } else { bytes(limit) }
}

/// As people read it; rounded down.
pub fn bytes(number: u64) -> String {
    match number {
        0..1024 => format!("{number} bytes"),
        1024..1_048_576 => format!("{} KiB", number / 1024),
        1_048_576..1_073_741_824 => format!("{} MiB", number / 1_048_576),
        _ => format!("{} GiB", number / 1_073_741_824),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Status, *};

    #[test]
    fn any_policy_that_evicts_is_wrong_once_there_is_a_limit() {
        for policy in ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random", "volatile-lfu"] {
            let status = |limit: u64| {
                let lines = format!("maxmemory_policy:{policy} maxmemory:{limit}");
                eviction(&Info::of(&lines)).remove(0).status
            };
            assert_eq!((status(0), status(1 << 30)), (Status::Warning, Status::Broken), "{policy}");
        }
        assert_eq!(eviction(&Info::of("maxmemory_policy:noeviction maxmemory:5")).remove(0).status, Status::Ok);
        assert_eq!(eviction(&Info(None)).remove(0).status, Status::Unknown);
    }

    #[test]
    fn room_runs_out_by_degrees() {
        for (used, limit, status) in
            [(79, 100, Status::Ok), (80, 100, Status::Warning), (100, 100, Status::Broken), (u64::MAX, 0, Status::Ok)]
        {
            let info = Info::of(&format!("used_memory:{used} maxmemory:{limit}"));
            assert_eq!(room(&info).remove(0).status, status, "{used} of {limit}");
        }
    }
}
