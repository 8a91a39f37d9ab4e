//! What a provider sees: when requests arrived. It shares no code with the limiter.

use std::{collections::HashMap, time::Duration};

/// Arrivals by route, in microseconds.
#[derive(Debug, Default, Clone)]
pub struct Upstream(HashMap<&'static str, Vec<u64>>);

impl Upstream {
    pub fn arrive(&mut self, route: &'static str, at_us: u64) {
        self.0.entry(route).or_default().push(at_us);
    }

    /// All arrivals on these routes, in order.
    pub fn arrivals(&self, routes: &[&str]) -> Vec<u64> {
        let mut all: Vec<u64> = routes.iter().filter_map(|r| self.0.get(r)).flatten().copied().collect();
        all.sort_unstable();
        all
    }

    /// The most arrivals in any half-open window of that length.
    pub fn worst(arrivals: &[u64], window: Duration) -> usize {
        let (mut first, mut worst) = (0, 0);
        for (i, at) in arrivals.iter().enumerate() {
            while arrivals[first] + window.as_micros() as u64 <= *at {
                first += 1;
            }
            worst = worst.max(i - first + 1);
        }
        worst
    }
}
