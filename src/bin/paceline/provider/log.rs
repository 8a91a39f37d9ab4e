//! The exact log of arrivals: the witness. It shares no code with the limiter beside it, so that a mistake there shows.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::rule::Rule;

/// Arrivals that are kept one by one: 24 bytes each, so 96 MiB at most. Later ones are counted, and said to be missing.
const MAX_ARRIVALS: usize = 1 << 22;
/// Callers that are told apart by their name; later ones are counted together.
const MAX_CLIENTS: usize = 256;
/// The name that the later ones share.
const OTHERS: &str = "(others)";

/// One call as it reached the provider.
struct Arrival {
    at: Duration,
    path_rules: u16,
    accepted: bool,
}

/// All arrivals of one act.
#[derive(Default)]
pub struct Log {
    arrivals: Vec<Arrival>,
    clients: BTreeMap<String, Count>,
    total: Count,
    held: Duration,
    answered: u32,
}

/// How many calls were let in and how many were not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Count {
    pub accepted: u64,
    pub rejected: u64,
}

/// What the log says of a whole act; what `GET /_stats` answers.
#[derive(Clone, Debug, Serialize)]
pub struct Stats {
    pub sent: u64,
    pub accepted: u64,
    pub rejected: u64,
    /// One entry for each second since the first arrival.
    pub seconds: Vec<Count>,
    pub clients: BTreeMap<String, Count>,
    pub limits: Vec<RuleStats>,
    /// From a call's setting out to its answer's being back, for accepted calls.
    pub mean_hold_ms: Option<f64>,
    /// Arrivals beyond what the log keeps: above zero, the figures per limit and per second are of a part only.
    pub unlogged: u64,
}

/// What the log says of one limit.
#[derive(Clone, Debug, Serialize)]
pub struct RuleStats {
    pub limit: String,
    pub quota: u64,
    pub per_ms: u64,
    /// The most accepted calls in any half-open window.
    pub worst_accepted: u64,
    /// The most calls, accepted or not, in any half-open window.
    pub worst_sent: u64,
    /// The part of the quota that accepted calls used, from the first to the last; none for an act too short.
    pub share: Option<f64>,
}

impl Log {
    /// Notes a call to which the rules in the bit set `path_rules` apply. `at` never goes back.
    pub fn arrived(&mut self, at: Duration, client: &str, path_rules: u16, accepted: bool) {
        self.total.add(accepted);
        if self.arrivals.len() < MAX_ARRIVALS {
            self.arrivals.push(Arrival { at, path_rules, accepted });
        }
        let known = self.clients.len() < MAX_CLIENTS || self.clients.contains_key(client);
        self.clients.entry(if known { client } else { OTHERS }.to_owned()).or_default().add(accepted);
    }

    /// Notes how long an accepted call was under way in all.
    pub fn answered(&mut self, held: Duration) {
        self.held += held;
        self.answered = self.answered.saturating_add(1);
    }

    pub fn stats(&self, rules: &[Rule]) -> Stats {
        Stats {
            sent: self.total.accepted + self.total.rejected,
            accepted: self.total.accepted,
            rejected: self.total.rejected,
            seconds: self.series(Duration::from_secs(1)),
            clients: self.clients.clone(),
            limits: rules.iter().enumerate().map(|(index, rule)| self.rule_stats(index, rule)).collect(),
            mean_hold_ms: (self.answered > 0).then(|| self.held.as_secs_f64() * 1000.0 / f64::from(self.answered)),
            unlogged: self.total.accepted + self.total.rejected - self.arrivals.len() as u64,
        }
    }

    /// The calls in each step of time since the first arrival.
    pub fn series(&self, step: Duration) -> Vec<Count> {
        let mut series = Vec::new();
        for arrival in &self.arrivals {
            let index = ((arrival.at - self.arrivals[0].at).as_nanos() / step.as_nanos()) as usize;
            if series.len() <= index {
                series.resize(index + 1, Count::default());
            }
            series[index].add(arrival.accepted);
        }
        series
    }

    fn rule_stats(&self, index: usize, rule: &Rule) -> RuleStats {
        let mine = || self.arrivals.iter().filter(|arrival| arrival.path_rules & (1 << index) != 0);
        let sent: Vec<Duration> = mine().map(|arrival| arrival.at).collect();
        let accepted: Vec<Duration> = mine().filter(|arrival| arrival.accepted).map(|arrival| arrival.at).collect();
        RuleStats {
            limit: rule.to_string(),
            quota: rule.quota,
            per_ms: rule.per.as_millis() as u64,
            worst_accepted: most_in_any_window(&accepted, rule.per),
            worst_sent: most_in_any_window(&sent, rule.per),
            share: share_used(&accepted, rule),
        }
    }
}

impl Count {
    fn add(&mut self, accepted: bool) {
        if accepted { self.accepted += 1 } else { self.rejected += 1 }
    }
}

/// The most of these rising times in any window `(t - per, t]`.
fn most_in_any_window(times: &[Duration], per: Duration) -> u64 {
    let mut first = 0;
    let mut most = 0;
    for (last, &end) in times.iter().enumerate() {
        while end - times[first] >= per {
            first += 1;
        }
        most = most.max(last - first + 1);
    }
    most as u64
}

/// How much of the quota was used from the first accepted call to the last: of two calls `k * quota` places apart, the
/// later one comes `k` windows later if all of it is used, and never earlier. So this cannot pass 1, and neither the
/// rush at the start nor where the act happens to end shifts it.
fn share_used(accepted: &[Duration], rule: &Rule) -> Option<f64> {
    let windows = accepted.len().checked_sub(1)? / rule.quota as usize;
    let took = accepted[windows * rule.quota as usize] - accepted[0];
    (windows > 0).then(|| windows as f64 * rule.per.as_secs_f64() / took.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn millis(times: &[u64]) -> Vec<Duration> {
        times.iter().copied().map(Duration::from_millis).collect()
    }

    #[test]
    fn a_window_holds_its_end_and_not_its_start() {
        assert_eq!(most_in_any_window(&millis(&[0, 1000, 1001, 1999]), SECOND), 3);
        assert_eq!(most_in_any_window(&millis(&[0, 999]), SECOND), 2);
        assert_eq!(most_in_any_window(&[], SECOND), 0);
    }

    #[test]
    fn the_share_is_that_of_the_steady_pace() {
        let rule = Rule::new(5, SECOND);
        let bursts = |every: Duration| (0..50).map(|call| every * (call / 5)).collect::<Vec<_>>();
        assert_eq!(share_used(&bursts(SECOND), &rule), Some(1.0));
        assert_eq!(share_used(&bursts(SECOND * 2), &rule), Some(0.5));
        assert_eq!(share_used(&bursts(SECOND)[..6], &rule), Some(1.0));
        assert_eq!(share_used(&bursts(SECOND)[..5], &rule), None, "no call tells how long a window took");
        assert_eq!(share_used(&[], &rule), None);
    }

    #[test]
    fn a_client_beyond_the_bound_is_counted_with_the_others() {
        let mut log = Log::default();
        for client in 0..MAX_CLIENTS + 10 {
            log.arrived(Duration::ZERO, &client.to_string(), 0, true);
        }
        let stats = log.stats(&[]);
        assert_eq!(stats.clients.len(), MAX_CLIENTS + 1);
        assert_eq!(stats.clients[OTHERS].accepted, 10);
        assert_eq!(stats.sent, (MAX_CLIENTS + 10) as u64);
    }

    #[test]
    fn the_series_starts_at_the_first_arrival() {
        let mut log = Log::default();
        log.arrived(SECOND * 7, "a", 0, true);
        log.arrived(SECOND * 9, "a", 0, false);
        let (accepted, rejected) = (Count { accepted: 1, rejected: 0 }, Count { accepted: 0, rejected: 1 });
        assert_eq!(log.series(SECOND), [accepted, Count::default(), rejected]);
    }
}
