//! What a provider sees: when requests arrived. It shares no code with the limiter.

use std::{collections::HashMap, time::Duration};

/// One request as the upstream sees it, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Arrival {
    pub at_us: u64,
    pub units: u64,
    /// When the upstream was done with it.
    pub done_us: u64,
}

/// Arrivals by route.
#[derive(Debug, Default, Clone)]
pub struct Upstream(HashMap<&'static str, Vec<Arrival>>);

impl Upstream {
    pub fn arrive(&mut self, route: &'static str, at_us: u64) {
        self.take(route, Arrival { at_us, units: 1, done_us: at_us });
    }

    pub fn take(&mut self, route: &'static str, arrival: Arrival) {
        self.0.entry(route).or_default().push(arrival);
    }

    /// All arrivals on these routes, in order.
    pub fn arrivals(&self, routes: &[&str]) -> Vec<Arrival> {
        let mut all: Vec<Arrival> = routes.iter().filter_map(|r| self.0.get(r)).flatten().copied().collect();
        all.sort_unstable();
        all
    }

    /// The most units in any half-open window of that length.
    pub fn worst(arrivals: &[Arrival], window: Duration) -> u64 {
        let (mut first, mut inside, mut worst) = (0, 0, 0);
        for arrival in arrivals {
            inside += arrival.units;
            while arrivals[first].at_us + window.as_micros() as u64 <= arrival.at_us {
                inside -= arrivals[first].units;
                first += 1;
            }
            worst = worst.max(inside);
        }
        worst
    }

    /// The most units between two edges, of which one is at `edge_us`.
    pub fn worst_between_edges(arrivals: &[Arrival], window: Duration, edge_us: i64) -> u64 {
        let mut windows: HashMap<i64, u64> = HashMap::new();
        for arrival in arrivals {
            let window = (arrival.at_us as i64 - edge_us).div_euclid(window.as_micros() as i64);
            *windows.entry(window).or_default() += arrival.units;
        }
        windows.into_values().max().unwrap_or(0)
    }

    /// The lowest level of a bucket of `burst` that regains `refill` in every `per`, in units; below zero is a 429.
    pub fn lowest_level(arrivals: &[Arrival], burst: u64, refill: u64, per: Duration) -> f64 {
        // In units times the period, so that each step is exact.
        let per = per.as_micros() as i128;
        let full = i128::from(burst) * per;
        let (mut level, mut last, mut lowest) = (full, 0, full);
        for arrival in arrivals {
            level = full.min(level + i128::from(arrival.at_us - last) * i128::from(refill));
            last = arrival.at_us;
            level -= i128::from(arrival.units) * per;
            lowest = lowest.min(level);
        }
        lowest as f64 / per as f64
    }

    /// The most units at a time.
    pub fn most_at_once(arrivals: &[Arrival]) -> u64 {
        let mut steps: Vec<(u64, i64)> = Vec::new();
        for arrival in arrivals {
            steps.push((arrival.at_us, arrival.units as i64));
            steps.push((arrival.done_us, -(arrival.units as i64)));
        }
        // Who is done at the same time as another comes is done before.
        steps.sort_unstable();
        let (mut now, mut most) = (0, 0);
        for (_, change) in steps {
            now += change;
            most = most.max(now);
        }
        most as u64
    }
}
