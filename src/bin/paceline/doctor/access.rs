//! Who else may use it: whether it wants a password, and whence it can be reached.

use std::net::IpAddr;

use paceline::Survey;

use super::finding::{Check, Finding};

const ACCESS: Check =
    Check { name: "access", why: "Whoever gets in may pause a budget, raise its quotas or delete what was granted." };

pub async fn access(survey: &Survey) -> Vec<Finding> {
    let open = survey.is_open().await;
    let (bind, protected) = (survey.setting("bind").await, survey.setting("protected-mode").await);
    vec![finding(open, bind.as_deref(), protected.as_deref(), survey.place())]
}

/// `open` to who gives no password; where it listens not every user may ask, but it was reached at `place`.
fn finding(open: Option<bool>, bind: Option<&str>, protected: Option<&str>, place: &str) -> Finding {
    let mend = "give the default user a password (requirepass) or switch it off, as deploy/redis/users.acl does; or let \
                it listen on this host only (bind 127.0.0.1 -::1)";
    match (open, bind, protected) {
        (None, ..) => ACCESS.unknown("a login without a password"),
        (Some(false), ..) => ACCESS.ok("nobody gets in without a password"),
        // Without a password, protected mode turns away whoever comes from elsewhere.
        (_, _, Some("yes")) => ACCESS.ok("no password, and protected-mode lets in this host only"),
        (_, Some(bind), _) if bind.split_whitespace().all(|word| is_here(word.trim_start_matches('-'))) => {
            ACCESS.ok(format!("no password, and it listens on this host only (bind {bind})"))
        }
        (_, Some(bind), _) => ACCESS.warning(format!("no password, and other hosts may reach it (bind {bind})"), mend),
        (_, None, _) if is_here(host(place)) => ACCESS.unknown("CONFIG GET"),
        (_, None, _) => ACCESS.warning("no password, and it was reached over the network", mend),
    }
}

fn host(place: &str) -> &str {
    place.rsplit_once(':').map_or(place, |(host, _)| host)
}

/// Loopback, or a socket in the file system.
fn is_here(host: &str) -> bool {
    host == "localhost" || host.starts_with('/') || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{super::finding::Status, *};

    #[test]
    fn no_password_matters_where_others_can_reach_it() {
        let (here, far) = ("127.0.0.1:6379", "db.internal:6379");
        for (open, bind, protected, place, status) in [
            (Some(false), Some("*"), Some("no"), far, Status::Ok),
            (Some(true), Some("* -::*"), Some("no"), here, Status::Warning),
            (Some(true), Some("* -::*"), Some("yes"), here, Status::Ok),
            (Some(true), Some("127.0.0.1 -::1"), Some("no"), here, Status::Ok),
            (Some(true), Some("127.0.0.1 10.0.0.5"), Some("no"), here, Status::Warning),
            (Some(true), Some(""), Some("no"), "/run/redis.sock", Status::Ok),
            (Some(true), None, None, far, Status::Warning),
            (Some(true), None, None, here, Status::Unknown),
            (Some(true), None, None, "::1:6379", Status::Unknown),
            (None, Some("*"), Some("no"), far, Status::Unknown),
        ] {
            let found = finding(open, bind, protected, place);
            assert_eq!(found.status, status, "{open:?} {bind:?} {protected:?} {place}: {}", found.seen);
        }
    }
}
