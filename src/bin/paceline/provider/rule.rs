//! One limit of the practice provider, as a person writes it: `50/1s`, or `/slow:5/1s` for one part of the paths.

use std::{fmt, str::FromStr, time::Duration};

use super::meter::{Kind, Term};
use crate::args;

/// The limiter keeps the time of each accepted call of a window: 8 bytes each, so 8 MiB a limit at most.
const MAX_QUOTA: u64 = 1 << 20;

/// At most `quota` accepted calls in any half-open window `(t - per, t]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    prefix: Option<String>,
    pub quota: u64,
    pub per: Duration,
}

impl Rule {
    /// A rule for every path.
    pub fn new(quota: u64, per: Duration) -> Self {
        Self { prefix: None, quota, per }
    }

    /// As the provider counts it.
    pub fn term(&self) -> Term {
        Term::new(self.to_string(), Kind::Sliding, self.quota, self.per)
    }

    /// A prefix means whole segments: `/slow` is about `/slow` and `/slow/7`, not about `/slower`.
    pub fn applies_to(&self, path: &str) -> bool {
        let Some(prefix) = &self.prefix else { return true };
        path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for Rule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (prefix, rate) = match text.rsplit_once(':') {
            Some((prefix, rate)) => (Some(prefix.trim_end_matches('/')), rate),
            None => (None, text),
        };
        if prefix.is_some_and(|prefix| !prefix.starts_with('/')) {
            return Err("a path starts with `/`, as in `/slow:5/1s`".into());
        }
        let (quota, per) = rate.split_once('/').ok_or("write a quota and its window, as in `5/1s`")?;
        let quota = quota.parse().ok().filter(|quota| (1..=MAX_QUOTA).contains(quota));
        Ok(Self {
            prefix: prefix.map(str::to_owned),
            quota: quota.ok_or_else(|| format!("the quota is a whole number from 1 to {MAX_QUOTA}"))?,
            per: args::window(per)?,
        })
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(prefix) = &self.prefix {
            write!(f, "{prefix}:")?;
        }
        write!(f, "{}/{}", self.quota, humantime::format_duration(self.per))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_reads_as_it_is_written() {
        for text in ["5/1s", "600/1m", "/slow:5/250ms"] {
            assert_eq!(text.parse::<Rule>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "5", "0/1s", "5/0s", "-1/1s", "1.5/1s", "5/1", "slow:5/1s", "5/999years", "99999999999/1s"] {
            assert!(text.parse::<Rule>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_prefix_means_whole_segments() {
        let rule: Rule = "/slow/:5/1s".parse().unwrap();
        assert!(rule.applies_to("/slow") && rule.applies_to("/slow/7"));
        assert!(!rule.applies_to("/slower") && !rule.applies_to("/"));
    }
}
