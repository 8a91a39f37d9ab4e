//! The two acts of the demo and what came of each.

use std::time::Duration;

use super::{Command, cast, replicas::Sent};
use crate::provider::Stats;

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// Each replica paces itself, as if it had the key to itself.
    Alone,
    /// All of them through paceline.
    Together,
}

impl Act {
    pub fn number(self) -> &'static str {
        match self {
            Self::Alone => "one",
            Self::Together => "two",
        }
    }

    pub fn story(self, demo: &Command) -> String {
        match self {
            Self::Alone => format!(
                "each replica paces itself. Its callers sleep {} between their calls,\n\
                 which would be right if it had the key to itself.",
                humantime::format_duration(Self::sleep(demo))
            ),
            Self::Together => "the same replicas and callers, each call through paceline.".into(),
        }
    }

    /// What a person would choose who thinks of one replica: its callers together keep to the quota.
    pub fn sleep(demo: &Command) -> Duration {
        let micros = demo.per.as_micros() * u128::from(demo.callers) / u128::from(demo.quota);
        // Nobody would write a finer one.
        Duration::from_millis((micros / 1000).max(1) as u64)
    }
}

/// What one act came to: the provider's own log, and what the replicas say of their waits.
pub struct Outcome {
    pub act: Act,
    pub sent: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// Calls that came although the provider had told to wait, and were not on their way by then.
    pub too_early: u64,
    /// How often the replicas waited because they were told 429.
    pub cooldowns: u64,
    /// What somebody else used of the same budget.
    pub strangers: u64,
    /// The most calls that reached the provider in any window of the quota's length.
    pub worst_window: u64,
    pub share: Option<f64>,
    /// The share that is possible at these delays when a unit is held until the answer is in, as paceline does, of what a
    /// stranger leaves.
    pub possible: Option<f64>,
    /// Jain's index of the accepted calls of each replica: 1 is all alike.
    pub fairness: f64,
    pub median_wait_ms: f64,
    pub worst_wait_ms: f64,
    /// Calls that got no turn, or no answer from the provider.
    pub lost: u64,
    pub exchanges: u64,
}

impl Outcome {
    pub fn new(act: Act, demo: &Command, stats: Stats, sent: Sent) -> Self {
        let (worst_window, share) = cast::of_the_limit(demo, &stats);
        let per_ms = demo.per.as_secs_f64() * 1000.0;
        let ours = 1.0 - demo.stranger.unwrap_or_default();
        let served: Vec<f64> = sent
            .names
            .iter()
            .map(|name| stats.clients.get(name).map_or(0.0, |client| client.accepted as f64))
            .collect();
        Self {
            act,
            sent: stats.sent,
            accepted: stats.accepted,
            rejected: stats.rejected,
            too_early: stats.too_early,
            cooldowns: sent.cooldowns,
            strangers: stats.strangers,
            worst_window,
            share,
            possible: stats.mean_hold_ms.filter(|_| act == Act::Together).map(|hold| ours * per_ms / (per_ms + hold)),
            fairness: jain(&served),
            median_wait_ms: sent.waits.quantile(0.5),
            worst_wait_ms: sent.waits.quantile(1.0),
            lost: sent.lost,
            exchanges: sent.exchanges,
        }
    }
}

/// Jain's fairness index: 1 when all are alike, 1/n when one has everything, 0 when nobody has anything.
fn jain(shares: &[f64]) -> f64 {
    let sum: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|share| share * share).sum();
    if squares == 0.0 { 0.0 } else { sum * sum / (shares.len() as f64 * squares) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fairness_is_one_when_all_are_alike_and_a_share_when_one_has_all() {
        assert_eq!(jain(&[3.0, 3.0, 3.0]), 1.0);
        assert_eq!(jain(&[3.0, 0.0, 0.0, 0.0]), 0.25);
        assert_eq!(jain(&[0.0, 0.0]), 0.0);
    }
}
