//! What a budget tells of itself as metrics, by the facade of the crate `metrics`: their names, their units, and nothing of
//! what they are counted by. The guide's page on observing is the same table for users.
//!
//! No value of a scope is ever a label, and no partition unless the budget says so: there may be any number of them, and they
//! name people. All partitions of a budget share one [`Telemetry`]. What counts adds up over them, and so do gauges that only
//! rise and fall by what changed. Free units would not, so they are told where there is one number: of the budget itself, or of
//! a partition that is told apart, and of limits without a scope.

use std::time::Duration;

use self::facade::{Counter, Gauge, Histogram, counter, gauge, histogram};
use crate::Budget;

/// Bounds of histogram buckets, in seconds, for all of paceline's metrics whose names end in `_seconds`: from the fastest
/// exchange to the longest wait that is worth telling apart. The Grafana dashboard needs histograms, and exporters make
/// summaries unless told otherwise.
///
/// ```
/// use metrics_exporter_prometheus::{Matcher, PrometheusBuilder};
/// use paceline::{Budget, Limit, Limiter, MemoryStore, Quota, SECONDS_BUCKETS};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let seconds = Matcher::Prefix("paceline_".to_owned());
/// let prometheus = PrometheusBuilder::new().set_buckets_for_metric(seconds, SECONDS_BUCKETS)?.install_recorder()?;
///
/// let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
/// let limiter = Limiter::new(MemoryStore::new(), budget); // after the recorder, or it has nobody to tell
/// limiter.acquire(1).await?.complete();
/// assert!(prometheus.render().contains(r#"paceline_permits_total{budget="api"} 1"#));
/// # Ok(())
/// # }
/// ```
#[cfg(feature = "metrics")]
pub const SECONDS_BUCKETS: &[f64] =
    &[0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0];

/// Why calls got no permit: they did not want to wait, or what their error says in a word. A mistake in what a call asks for is
/// its own, and counts nowhere.
const REASONS: [&str; 8] =
    [NOT_NOW, "never_fits", "cooling", "paused", "deadline", "credential", "queue_full", "store"];
pub(crate) const NOT_NOW: &str = "not_now";

/// Names and values.
type Labels = Vec<(&'static str, String)>;

/// The handles of one budget, shared by its partitions: taken once, since to look one up costs more than to count.
#[derive(Debug)]
pub(crate) struct Telemetry {
    pub(crate) permits: Counter,
    pub(crate) waits: Histogram,
    pub(crate) waiting: Gauge,
    pub(crate) uncounted: Counter,
    pub(crate) throttled: Counter,
    pub(crate) exchanges: Counter,
    pub(crate) exchange: Histogram,
    pub(crate) store_errors: Counter,
    pub(crate) resumes: Counter,
    /// Calls that got no permit, by the reason.
    refused: Vec<(&'static str, Counter)>,
    limits: Vec<OfLimit>,
}

/// What is told of one limit, whatever its tiers and the values of its scope.
#[derive(Debug)]
pub(crate) struct OfLimit {
    name: String,
    pub(crate) cooldowns: Counter,
    pub(crate) in_flight: Gauge,
    pub(crate) free: Gauge,
}

impl Telemetry {
    /// Of a budget and all of its partitions, or of one partition that is told apart.
    pub(crate) fn new(budget: &Budget, key: Option<&str>) -> Self {
        let mut of = vec![("budget", budget.name().to_owned())];
        of.extend(key.map(|key| ("key", key.to_owned())));
        let and = |name, value: &str| [&of[..], &[(name, value.to_owned())]].concat();
        let limit = |name: &str| {
            let of = and("limit", name);
            let free = gauge("paceline_free_units", "Units free in the store, as the last exchange said", &of);
            // Nobody has asked yet.
            free.set(f64::NAN);
            OfLimit {
                free,
                name: name.to_owned(),
                cooldowns: counter("paceline_cooldowns_total", "Cooldowns that responses to this process began", &of),
                in_flight: gauge("paceline_in_flight_units", "Units that this process holds in flight", &of),
            }
        };
        let refused =
            |reason: &str| counter("paceline_refused_total", "Calls that got no permit", &and("reason", reason));
        Self {
            permits: counter("paceline_permits_total", "Permits granted", &of),
            waits: histogram("paceline_wait_seconds", "How long those waited that got a permit", &of),
            waiting: gauge("paceline_waiting_callers", "Callers of this process that wait for a permit", &of),
            uncounted: counter(
                "paceline_uncounted_total",
                "Calls let through uncounted while the store was out of reach",
                &of,
            ),
            throttled: counter("paceline_throttled_total", "Responses that said: too many requests", &of),
            exchanges: counter("paceline_exchanges_total", "Calls to the store", &of),
            exchange: histogram("paceline_exchange_seconds", "How long the store took to answer a call", &of),
            store_errors: counter("paceline_store_errors_total", "Calls to the store that failed", &of),
            resumes: counter(
                "paceline_resumes_total",
                "Times that the store was told again what it had forgotten",
                &of,
            ),
            refused: REASONS.map(|reason| (reason, refused(reason))).into(),
            limits: budget.limits().iter().map(|known| limit(known.name())).collect(),
        }
    }

    /// A limit by its name.
    pub(crate) fn limit(&self, name: &str) -> Option<&OfLimit> {
        self.limits.iter().find(|limit| limit.name == name)
    }

    /// A call got no permit.
    pub(crate) fn refuse(&self, reason: &str) {
        if let Some((_, calls)) = self.refused.iter().find(|(known, _)| *known == reason) {
            calls.increment(1);
        }
    }

    /// Nobody exchanges any more, so what was free is no longer known.
    pub(crate) fn forget_free(&self) {
        self.limits.iter().for_each(|limit| limit.free.set(f64::NAN));
    }
}

/// Microseconds as metrics tell them.
pub(crate) fn seconds(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64()
}

#[cfg(feature = "metrics")]
mod facade {
    //! The crate `metrics`. What nobody has installed a recorder for does nothing.

    use metrics::Unit;
    pub(crate) use metrics::{Counter, Gauge, Histogram};

    use super::Labels;

    pub(super) fn counter(name: &'static str, what: &'static str, of: &Labels) -> Counter {
        metrics::describe_counter!(name, Unit::Count, what);
        metrics::counter!(name, of)
    }

    pub(super) fn gauge(name: &'static str, what: &'static str, of: &Labels) -> Gauge {
        metrics::describe_gauge!(name, Unit::Count, what);
        metrics::gauge!(name, of)
    }

    pub(super) fn histogram(name: &'static str, what: &'static str, of: &Labels) -> Histogram {
        metrics::describe_histogram!(name, Unit::Seconds, what);
        metrics::histogram!(name, of)
    }
}

#[cfg(not(feature = "metrics"))]
mod facade {
    //! Nothing, under the same names.

    use super::Labels;

    #[derive(Debug)]
    pub(crate) struct Counter;
    #[derive(Debug)]
    pub(crate) struct Gauge;
    #[derive(Debug)]
    pub(crate) struct Histogram;

    impl Counter {
        pub(crate) fn increment(&self, _: u64) {}
    }

    impl Gauge {
        pub(crate) fn increment(&self, _: f64) {}
        pub(crate) fn decrement(&self, _: f64) {}
        pub(crate) fn set(&self, _: f64) {}
    }

    impl Histogram {
        pub(crate) fn record(&self, _: f64) {}
    }

    pub(super) fn counter(_: &str, _: &str, _: &Labels) -> Counter {
        Counter
    }

    pub(super) fn gauge(_: &str, _: &str, _: &Labels) -> Gauge {
        Gauge
    }

    pub(super) fn histogram(_: &str, _: &str, _: &Labels) -> Histogram {
        Histogram
    }
}
