//! The address of a Redis, which may hold a password.

use std::fmt;

const SCHEMES: [&str; 4] = ["redis", "rediss", "unix", "redis+unix"];

/// The address of a Redis. Printing it leaves the password out.
///
/// ```
/// let config = paceline::Config::parse(
///     "[redis]\nurl = 'redis://me:secret@db.example:6379/2'\n[budget.a]\nlimit = [{ name = 'b', kind = 'concurrency', quota = 1 }]",
/// )?;
/// let url = config.redis_url().unwrap();
/// assert_eq!(url.to_string(), "redis://***@db.example:6379/2");
/// assert_eq!(url.as_str(), "redis://me:secret@db.example:6379/2");
/// # Ok::<(), paceline::ConfigErrors>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl RedisUrl {
    /// An address whose form is right; the reason why it is not never repeats any of it.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        let mend = "write redis://[user:password@]host[:port][/database], rediss:// for TLS or unix:///path";
        match fault(url) {
            Some(fault) => Err(format!("url {fault}; {mend}")),
            None => Ok(Self(url.to_owned())),
        }
    }

    /// The whole address, with the password.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without user and password, and without the query, which may hold them too.
impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let url = self.0.split('?').next().unwrap_or_default();
        match (url.split_once("://"), url.rsplit_once('@')) {
            (Some((scheme, _)), Some((_, place))) => write!(f, "{scheme}://***@{place}"),
            _ => f.write_str(url),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

fn fault(url: &str) -> Option<&'static str> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Some("has no scheme");
    };
    if !SCHEMES.contains(&scheme) {
        return Some("has a scheme that is not one of Redis");
    }
    if url.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Some("has a space in it");
    }
    if scheme.ends_with("unix") {
        return (!rest.starts_with('/')).then_some("has no path");
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    // The colons of an IPv6 address stand in brackets.
    let (host, port) = match place.rfind(':') {
        Some(colon) if !place.ends_with(']') => (&place[..colon], Some(&place[colon + 1..])),
        _ => (place, None),
    };
    if host.is_empty() {
        return Some("has no host");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return Some(
            "has a port that is not a number up to 65535 (a special character in a password is percent-encoded)",
        );
    }
    let database = path.split(['?', '#']).next().unwrap_or_default().trim_matches('/');
    if !database.is_empty() && database.parse::<u32>().is_err() {
        return Some("has a database that is not a number");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_forms_are_right() {
        for url in [
            "redis://localhost",
            "redis://127.0.0.1:6379/",
            "redis://[::1]:6379/3",
            "redis://[::1]",
            "rediss://user:p%40ss@db.example:6380/0?protocol=resp3",
            "rediss://db.example/#insecure",
            "unix:///run/redis.sock",
            "redis+unix:///run/redis.sock?db=1",
        ] {
            assert_eq!(RedisUrl::parse(url).map(|url| url.0), Ok(url.to_owned()));
        }
    }

    #[test]
    fn a_wrong_one_is_refused_and_not_repeated() {
        for (url, fault) in [
            ("", "has no scheme"),
            ("localhost:6379", "has no scheme"),
            ("http://:secret@host", "has a scheme that is not one of Redis"),
            ("redis://", "has no host"),
            ("redis://:secret@:6379", "has no host"),
            ("redis://:secret@host:70000", "has a port that"),
            ("redis://user:sec/ret@host", "has a port that"),
            ("redis://:secret@host/zero", "has a database that"),
            ("redis://:secret@ho st", "has a space in it"),
            ("unix://run", "has no path"),
        ] {
            let why = RedisUrl::parse(url).unwrap_err();
            assert!(why.starts_with(&format!("url {fault}")), "{url}: {why}");
            assert!(!why.contains("secret"));
        }
    }

    #[test]
    fn a_password_is_never_printed() {
        for url in ["redis://:p@ss@host", "rediss://user:pass@host", "unix:///sock?pass=pass", "redis://pass@host"] {
            let url = RedisUrl::parse(url).unwrap();
            assert!(!format!("{url} {url:?}").contains("ss@"), "{url}");
            assert!(!format!("{url} {url:?}").contains("pass"), "{url}");
        }
    }
}
