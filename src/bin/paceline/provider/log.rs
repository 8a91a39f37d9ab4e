//! The exact log of arrivals: the witness. It shares no code with the limiter beside it, so that a mistake there shows.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;

use super::meter::{Kind, Term};

/// Arrivals that are kept one by one, for each limit that they count in: 32 bytes each, so 128 MiB at most. Later ones
/// are counted, and said to be missing.
const MAX_ARRIVALS: usize = 1 << 22;
/// Callers that are told apart by their name; later ones are counted together.
const MAX_CLIENTS: usize = 256;
/// The name that the later ones share.
const OTHERS: &str = "(others)";

/// One call as it reached the provider.
#[derive(Clone, Copy)]
struct Arrival {
    at: Duration,
    units: u64,
    accepted: bool,
}

/// What one limit saw.
struct Counted {
    term: Term,
    arrivals: Vec<Arrival>,
    pause: Option<Pause>,
}

/// A caller was told to wait: nobody has a reason to come in this time.
#[derive(Clone, Copy)]
struct Pause {
    from: Duration,
    until: Duration,
}

/// All arrivals of one act.
#[derive(Default)]
pub struct Log {
    arrivals: Vec<Arrival>,
    kept: usize,
    limits: Vec<Counted>,
    clients: BTreeMap<String, Count>,
    total: Count,
    strangers: u64,
    too_early: u64,
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
    /// Calls that came when a rejected one had been told to wait, and those on their way had had the time to arrive.
    pub too_early: u64,
    /// One entry for each second since the first arrival.
    pub seconds: Vec<Count>,
    pub clients: BTreeMap<String, Count>,
    /// Calls of a stranger who draws from the same budget, of those that were accepted.
    pub strangers: u64,
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
    pub accepted: u64,
    /// Calls that this limit had no room for.
    pub rejected: u64,
    /// The most units of accepted calls in any half-open window.
    pub worst_accepted: u64,
    /// The most units of calls, accepted or not, in any half-open window.
    pub worst_sent: u64,
    /// The part of the quota that accepted calls used, from the first to the last; none for an act too short.
    pub share: Option<f64>,
}

impl Log {
    /// Notes a limit from now on, and gives its number.
    pub fn limit(&mut self, term: Term) -> usize {
        self.limits.push(Counted { term, arrivals: Vec::new(), pause: None });
        self.limits.len() - 1
    }

    /// Notes a call that takes so many units of these limits. `at` never goes back.
    pub fn arrived(&mut self, at: Duration, client: &str, takes: &[(usize, u64)], accepted: bool) {
        self.total.add(accepted);
        if self.kept < MAX_ARRIVALS {
            self.kept += 1 + takes.len();
            self.arrivals.push(Arrival { at, units: 1, accepted });
            for (limit, units) in takes {
                self.limits[*limit].arrivals.push(Arrival { at, units: *units, accepted });
            }
        }
        let early = |pause: Pause| (pause.from..pause.until).contains(&at);
        self.too_early += u64::from(takes.iter().any(|(limit, _)| self.limits[*limit].pause.is_some_and(early)));
        let known = self.clients.len() < MAX_CLIENTS || self.clients.contains_key(client);
        self.clients.entry(if known { client } else { OTHERS }.to_owned()).or_default().add(accepted);
    }

    /// Notes a call of a stranger, who is in no other figure.
    pub fn stranger(&mut self, accepted: bool) {
        self.strangers += u64::from(accepted);
    }

    /// Notes that a call was told to wait because of a limit. Those that are on their way arrive within `grace`.
    pub fn told(&mut self, at: Duration, limit: usize, wait: Duration, grace: Duration) {
        let pause = &mut self.limits[limit].pause;
        let from = pause.filter(|pause| at < pause.until).map_or(at + grace, |pause| pause.from);
        let until = pause.map_or(Duration::ZERO, |pause| pause.until).max(at + wait);
        *pause = Some(Pause { from, until });
    }

    /// Notes how long an accepted call was under way in all.
    pub fn answered(&mut self, held: Duration) {
        self.held += held;
        self.answered = self.answered.saturating_add(1);
    }

    pub fn stats(&self) -> Stats {
        Stats {
            sent: self.total.accepted + self.total.rejected,
            accepted: self.total.accepted,
            rejected: self.total.rejected,
            too_early: self.too_early,
            seconds: self.series(Duration::from_secs(1)),
            clients: self.clients.clone(),
            strangers: self.strangers,
            limits: self.limits.iter().map(Counted::stats).collect(),
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
}

impl Counted {
    fn stats(&self) -> RuleStats {
        let accepted: Vec<_> = self.arrivals.iter().filter(|arrival| arrival.accepted).copied().collect();
        RuleStats {
            limit: self.term.name.clone(),
            quota: self.term.quota,
            per_ms: self.term.per.as_millis() as u64,
            accepted: accepted.len() as u64,
            rejected: (self.arrivals.len() - accepted.len()) as u64,
            worst_accepted: most_in_any_window(&accepted, self.term.per),
            worst_sent: most_in_any_window(&self.arrivals, self.term.per),
            share: match self.term.kind {
                Kind::Bucket { refill } => share_of_bucket(&accepted, &self.term, refill),
                Kind::Open => None,
                Kind::Sliding | Kind::Fixed(_) => share_used(&accepted, self.term.quota, self.term.per),
            },
        }
    }
}

impl Count {
    fn add(&mut self, accepted: bool) {
        if accepted { self.accepted += 1 } else { self.rejected += 1 }
    }
}

/// The most units of these arrivals, whose times rise, in any window `(t - per, t]`.
fn most_in_any_window(arrivals: &[Arrival], per: Duration) -> u64 {
    let mut first = 0;
    let (mut inside, mut most) = (0, 0);
    for arrival in arrivals {
        inside += arrival.units;
        while arrival.at - arrivals[first].at >= per {
            inside -= arrivals[first].units;
            first += 1;
        }
        most = most.max(inside);
    }
    most
}

/// How much of the quota was used from the first accepted call to the last: of two calls `k * quota` places apart, the
/// later one comes `k` windows later if all of it is used, and never earlier. So this cannot pass 1 in a sliding window,
/// and neither the rush at the start nor where the act happens to end shifts it.
fn share_used(accepted: &[Arrival], quota: u64, per: Duration) -> Option<f64> {
    let before_last: u64 = accepted.iter().rev().skip(1).map(|arrival| arrival.units).sum();
    let windows = before_last / quota;
    let mut before = 0;
    let last = accepted.iter().find(|arrival| {
        let reached = before >= windows * quota;
        before += arrival.units;
        reached
    })?;
    let took = last.at - accepted[0].at;
    (windows > 0).then(|| windows as f64 * per.as_secs_f64() / took.as_secs_f64())
}

/// How much was used of what a full bucket held at the first call and what came back until the last.
fn share_of_bucket(accepted: &[Arrival], term: &Term, refill: u64) -> Option<f64> {
    let (first, last) = (accepted.first()?, accepted.last()?);
    let used: u64 = accepted.iter().map(|arrival| arrival.units).sum();
    let came = (last.at - first.at).as_secs_f64() / term.per.as_secs_f64() * refill as f64;
    (used > term.quota).then(|| used as f64 / (term.quota as f64 + came))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(times: &[u64]) -> Vec<Arrival> {
        times.iter().map(|ms| Arrival { at: Duration::from_millis(*ms), units: 1, accepted: true }).collect()
    }

    #[test]
    fn a_window_holds_its_end_and_not_its_start() {
        assert_eq!(most_in_any_window(&at(&[0, 1000, 1001, 1999]), SECOND), 3);
        assert_eq!(most_in_any_window(&at(&[0, 999]), SECOND), 2);
        assert_eq!(most_in_any_window(&[], SECOND), 0);
    }

    #[test]
    fn the_share_is_that_of_the_steady_pace() {
        let bursts = |every: u64| at(&(0..50).map(|call| every * (call / 5)).collect::<Vec<_>>());
        assert_eq!(share_used(&bursts(1000), 5, SECOND), Some(1.0));
        assert_eq!(share_used(&bursts(2000), 5, SECOND), Some(0.5));
        assert_eq!(share_used(&bursts(1000)[..6], 5, SECOND), Some(1.0));
        assert_eq!(share_used(&bursts(1000)[..5], 5, SECOND), None, "no call tells how long a window took");
        assert_eq!(share_used(&[], 5, SECOND), None);
        let tokens: Vec<_> = bursts(1000).into_iter().map(|arrival| Arrival { units: 20, ..arrival }).collect();
        assert_eq!(share_used(&tokens, 100, SECOND), Some(1.0));
    }

    #[test]
    fn the_share_of_a_bucket_is_of_what_it_held_and_what_came_back() {
        let term = Term::new("b", Kind::Bucket { refill: 2 }, 10, SECOND);
        let times: Vec<_> = [0; 10].into_iter().chain((1..=10).map(|n| n * 500)).collect();
        assert_eq!(share_of_bucket(&at(&times), &term, 2), Some(1.0));
        assert_eq!(share_of_bucket(&at(&times[..8]), &term, 2), None);
    }

    #[test]
    fn a_client_beyond_the_bound_is_counted_with_the_others() {
        let mut log = Log::default();
        for client in 0..MAX_CLIENTS + 10 {
            log.arrived(Duration::ZERO, &client.to_string(), &[], true);
        }
        let stats = log.stats();
        assert_eq!(stats.clients.len(), MAX_CLIENTS + 1);
        assert_eq!(stats.clients[OTHERS].accepted, 10);
        assert_eq!(stats.sent, (MAX_CLIENTS + 10) as u64);
    }

    #[test]
    fn the_series_starts_at_the_first_arrival() {
        let mut log = Log::default();
        log.arrived(SECOND * 7, "a", &[], true);
        log.arrived(SECOND * 9, "a", &[], false);
        let (accepted, rejected) = (Count { accepted: 1, rejected: 0 }, Count { accepted: 0, rejected: 1 });
        assert_eq!(log.series(SECOND), [accepted, Count::default(), rejected]);
    }

    #[test]
    fn who_comes_before_the_time_that_was_told_is_seen() {
        let mut log = Log::default();
        let limit = log.limit(Term::new("l", Kind::Sliding, 1, SECOND));
        log.told(SECOND, limit, 2 * SECOND, SECOND / 10);
        for ms in [1050, 1100, 2999, 3000] {
            log.arrived(Duration::from_millis(ms), "a", &[(limit, 1)], true);
        }
        assert_eq!(log.stats().too_early, 2);
    }
}
