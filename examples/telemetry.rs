//! What a program can see of its budgets: a trace on standard error, events as they come, metrics as Prometheus reads them.
//!
//! `cargo run --example telemetry --features metrics`

use std::time::Duration;

use metrics_exporter_prometheus::PrometheusBuilder;
use paceline::{Budget, Limit, Limiter, MemoryStore, Quota, SECONDS_BUCKETS};
use tracing::Instrument;
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let shown = EnvFilter::try_from_default_env().unwrap_or_else(|_| "paceline=debug,telemetry=info".into());
    // A line when a span ends: how long each order waited.
    let lines = tracing_subscriber::fmt().with_env_filter(shown).with_span_events(FmtSpan::CLOSE);
    lines.with_ansi(false).with_writer(std::io::stderr).init();
    // Before there is a limiter: each takes its handles once.
    let prometheus = PrometheusBuilder::new().set_buckets(SECONDS_BUCKETS)?.install_recorder()?;

    let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
    let limiter = Limiter::new(MemoryStore::new(), budget);
    let mut events = limiter.events();

    let calls = (0..8).map(|number| {
        let limiter = limiter.clone();
        let call = async move {
            let permit = limiter.acquire(1).await?;
            // ... send the request, read the response ...
            permit.complete();
            Ok::<_, paceline::Error>(())
        };
        // What is waited for is part of the caller's trace.
        call.instrument(tracing::info_span!("order", number))
    });
    futures::future::try_join_all(calls).await?;
    // 429, Retry-After: 1
    limiter.acquire(1).await?.throttled(Some(Duration::from_secs(1)));
    limiter.flush().await?;

    while let Ok(event) = events.try_recv() {
        println!("{event:?}");
    }
    // What a scrape of /metrics gets.
    println!("{}", prometheus.render());
    Ok(())
}
