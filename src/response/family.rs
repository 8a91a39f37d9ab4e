//! The usual header families, where no dialect says what to look for: `X-RateLimit-*`, `X-Rate-Limit-*`, `RateLimit-*`,
//! also behind a vendor's name. One word says what a header tells, the others which limit: `X-RateLimit-Limit` is the
//! quota of "requests", `X-RateLimit-Remaining-Minute` what is left of "minute".

use std::{collections::BTreeMap, time::Duration};

use http::HeaderMap;

use super::{
    Seen,
    answer::Answer,
    ietf::{self, Windows},
    signal::{Limit, Place, Signal},
};

/// As many limits as a budget may have. An answer that shows more is not to be believed.
const MOST: usize = 16;

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
enum Tells {
    Quota,
    Used,
    Remaining,
    Reset,
}

/// All that the usual headers say.
pub(super) fn seen(answer: &Answer) -> Vec<Seen> {
    let mut seen = Vec::new();
    for signal in signals(answer.headers) {
        seen.extend(signal.seen(answer));
        if let [Place::Header(name)] = &signal.quota[..] {
            let windows = Windows::parse(&answer.list(name)).map(|windows| windows.policies).unwrap_or_default();
            seen.extend(windows.iter().filter_map(|policy| {
                Some(Seen { quota: Some(policy.quota), ..Seen::nothing(&ietf::window_name(policy.window?)) })
            }));
        }
    }
    seen
}

fn signals(headers: &HeaderMap) -> Vec<Signal> {
    let mut families: BTreeMap<String, Signal> = BTreeMap::new();
    for name in headers.keys() {
        let Some((family, tells)) = classify(name.as_str()) else { continue };
        let signal = families.entry(family).or_default();
        let places = match tells {
            Tells::Quota => &mut signal.quota,
            Tells::Used => &mut signal.used,
            Tells::Remaining => &mut signal.remaining,
            Tells::Reset => &mut signal.reset,
        };
        places.push(Place::Header(name.as_str().to_owned()));
    }
    let named = families.into_iter().map(|(name, signal)| {
        let period = period(&name);
        Signal { limits: vec![Limit { name, period }], ..signal }
    });
    named.take(MOST).collect()
}

/// The limit that a header is about, and what it tells.
fn classify(name: &str) -> Option<(String, Tells)> {
    let words = ["ratelimit", "rate-limit"].iter().find_map(|family| {
        let (before, rest) = name.split_once(family)?;
        let rest = if rest.is_empty() { "limit" } else { rest.strip_prefix('-')? };
        (before.is_empty() || before.ends_with('-')).then_some(rest)
    })?;
    // This one is a list of the drafts.
    if name == "ratelimit" {
        return None;
    }
    let mut tells = None;
    let mut family = Vec::new();
    for word in words.split('-') {
        let told = match word {
            "limit" | "quota" | "max" => Tells::Quota,
            "used" => Tells::Used,
            "remaining" | "left" => Tells::Remaining,
            "reset" => Tells::Reset,
            // What the plain family counts anyway, and how a reset is meant, which its number shows.
            "requests" | "request" | "after" | "time" | "ms" => continue,
            other => {
                family.push(other);
                continue;
            }
        };
        if tells.replace(told).is_some() {
            return None;
        }
    }
    let family = if family.is_empty() { "requests".to_owned() } else { family.join("-") };
    (family.len() <= 64).then_some((family, tells?))
}

/// The length of the window that a name tells.
fn period(name: &str) -> Option<Duration> {
    let seconds = match name {
        "second" => 1,
        "minute" => 60,
        "hour" => 3_600,
        "day" => 86_400,
        _ => return None,
    };
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_limit_and_what_it_says() {
        let read = |name| classify(name).map(|(family, tells)| format!("{family} {tells:?}"));
        for (name, want) in [
            ("x-ratelimit-limit", "requests Quota"),
            ("x-rate-limit-remaining", "requests Remaining"),
            ("ratelimit-reset", "requests Reset"),
            ("x-ratelimit-reset-after", "requests Reset"),
            ("x-rate-limit-time-reset-ms", "requests Reset"),
            ("x-rate-limit-requests-left", "requests Remaining"),
            ("x-rate-limit", "requests Quota"),
            ("x-ratelimit-limit-tokens", "tokens Quota"),
            ("x-ratelimit-remaining-minute", "minute Remaining"),
            ("x-ratelimit-complexity-reset", "complexity Reset"),
            ("anthropic-ratelimit-input-tokens-remaining", "input-tokens Remaining"),
            ("x-hubspot-ratelimit-max", "requests Quota"),
            ("x-ratelimit-used", "requests Used"),
        ] {
            assert_eq!(read(name).as_deref(), Some(want), "{name}");
        }
        for name in [
            "ratelimit",
            "ratelimit-policy",
            "x-ratelimit-bucket",
            "x-ratelimit-limit-reset",
            "x-xratelimit-limit",
            "x-ratelimited",
            "x-ratelimit-retry-after",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }
}
