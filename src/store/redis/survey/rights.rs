//! Which of the commands that a client or an operator needs its user may run.

use super::super::{keys, link::Link};
use crate::Error;

/// No budget has this name, so nothing stands there.
const NOBODY: &str = "!";
/// How many commands an operator needs beyond a program's.
pub(super) const FOR_ORDERS: usize = 4;

/// Whether its user may read what is ours.
pub(super) async fn may_look(link: &Link) -> Result<bool, Error> {
    link.allows(redis::cmd("hget").arg(keys::state(NOBODY)).arg("")).await
}

/// Redis looks at a user's rights before anything else but the number of arguments. So a command whose arguments are
/// wrong in some other way, or whose key does not exist, tells whether it is allowed, on every version and without any
/// right to ask for rights; and it changes nothing but the server's own list of refusals (`ACL LOG`).
pub(super) async fn missing(link: &Link) -> Result<Vec<&'static str>, Error> {
    let (state, line) = (keys::state(NOBODY), keys::line(NOBODY));
    let (state, line, wake) = (state.as_str(), line.as_str(), keys::wake(NOBODY));
    let tries: [(&'static str, &[&str]); 18] = [
        ("eval", &["", "-"]),
        ("evalsha", &["", "-"]),
        ("info", &["server"]),
        ("publish", &[&wake, ""]),
        ("time", &[]),
        ("get", &[keys::MARKER]),
        ("set", &[keys::MARKER, "", "-"]),
        ("pttl", &[keys::MARKER]),
        ("pexpire", &[keys::MARKER, "-"]),
        ("hget", &[state, ""]),
        ("hmget", &[state, ""]),
        ("hset", &[state, "", "", "-"]),
        ("hdel", &[state, ""]),
        ("hscan", &[state, "0"]),
        ("zadd", &[line, "-", ""]),
        ("zrem", &[line, ""]),
        ("zrangebylex", &[line, "-", "-"]),
        ("zlexcount", &[line, "-", "-"]),
    ];
    let mut missing = refused(link, &tries).await?;
    match link.subscribe(&wake).await {
        Ok(_) => {}
        Err(error) if error.is_transient() => return Err(error),
        Err(_) => missing.push("subscribe"),
    }
    Ok(missing)
}

/// The same of what orders, their trail and a list of all budgets need beyond that.
pub(super) async fn missing_for_orders(link: &Link) -> Result<Vec<&'static str>, Error> {
    let (state, trail) = (keys::state(NOBODY), keys::audit(NOBODY));
    let tries: [(&'static str, &[&str]); FOR_ORDERS] = [
        ("scan", &["-"]),
        ("persist", &[&state]),
        ("xadd", &[&trail, "-", "", ""]),
        ("xrevrange", &[&trail, "+", "-"]),
    ];
    refused(link, &tries).await
}

async fn refused(link: &Link, tries: &[(&'static str, &[&str])]) -> Result<Vec<&'static str>, Error> {
    let mut refused = Vec::new();
    for (command, arguments) in tries {
        if !link.allows(redis::cmd(command).arg(*arguments)).await? {
            refused.push(*command);
        }
    }
    Ok(refused)
}
