//! What is counted, on both stores; and that the dashboard and the guide speak of what there is.
#![cfg(feature = "metrics")]

#[path = "metrics/counts.rs"]
mod counts;
#[cfg(feature = "redis")]
#[path = "metrics/names.rs"]
mod names;
#[cfg(feature = "redis")]
#[path = "metrics/store.rs"]
mod store;
mod support;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use paceline::{Budget, Limiter, SECONDS_BUCKETS, Store};

/// A limiter that is counted by itself, and what an exporter says of it.
fn counted(store: impl Store, budget: Budget) -> (Limiter, Metrics) {
    counted_with(|| Limiter::new(store, budget))
}

/// What is made there is counted by itself.
fn counted_with<T>(make: impl FnOnce() -> T) -> (T, Metrics) {
    let recorder = PrometheusBuilder::new().set_buckets(SECONDS_BUCKETS).unwrap().build_recorder();
    let metrics = Metrics(recorder.handle());
    (metrics::with_local_recorder(&recorder, make), metrics)
}

/// What an exporter says.
struct Metrics(PrometheusHandle);

impl Metrics {
    fn text(&self) -> String {
        self.0.render()
    }

    /// The value of one series, as in `paceline_permits_total{budget="api"}`.
    #[track_caller]
    fn value(&self, series: &str) -> f64 {
        let text = self.text();
        let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        value.unwrap_or_else(|| panic!("no {series} in\n{text}")).parse().unwrap()
    }
}
