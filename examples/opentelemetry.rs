//! Traces for OpenTelemetry: the trace of an order shows how long each of its requests waited for its turn, and what came of it.
//!
//! `API_URL=http://127.0.0.1:8080 cargo run --example opentelemetry --features reqwest`. They go to the collector at
//! `OTEL_EXPORTER_OTLP_ENDPOINT` (`http://localhost:4318`). With `PACELINE_REDIS_URL` the budget is shared.

use std::{env, error::Error};

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::{Resource, trace::SdkTracerProvider};
use paceline::{Budget, Limit, Limiter, MemoryStore, Pacer, Quota, RedisStore, reqwest_client};
use tracing::Instrument;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The exporter sends by a reqwest that was built without a TLS of its own choice.
    _ = rustls::crypto::ring::default_provider().install_default();
    let exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpJson).build()?;
    let service = Resource::builder().with_service_name("orders").build();
    let traces = SdkTracerProvider::builder().with_resource(service).with_batch_exporter(exporter).build();
    // paceline's spans are of level debug. Those of the exporter's own requests would be exported, too, and so on.
    let shown = EnvFilter::new("off,paceline=debug,opentelemetry=info");
    tracing_subscriber::registry()
        .with(tracing_opentelemetry::layer().with_tracer(traces.tracer("orders")).with_filter(shown))
        .init();

    let url = env::var("API_URL").map_err(|_| "set API_URL to where the requests go")?;
    let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
    let limiter = match env::var("PACELINE_REDIS_URL") {
        Ok(redis) => Limiter::new(RedisStore::connect(&redis).await?, budget),
        Err(_) => Limiter::new(MemoryStore::new(), budget),
    };
    let client = reqwest_client(Pacer::new(limiter.clone()))?;

    let orders = (1..=3).map(|number| {
        let (client, url) = (&client, format!("{url}/orders/{number}"));
        let order = async move {
            let status = client.get(url).send().await?.status();
            println!("order {number}: {status}");
            Ok::<_, reqwest_middleware::Error>(())
        };
        // What is sent and waited for in here is part of its trace.
        order.instrument(tracing::info_span!("order", number))
    });
    let ended = futures::future::try_join_all(orders).await;
    limiter.flush().await?;
    // What has not been sent to the collector yet is now, above all of orders that failed.
    traces.shutdown()?;
    ended?;
    Ok(())
}
