//! What Prometheus reads: `--metrics ADDR`.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use metrics_exporter_prometheus::PrometheusBuilder;
use paceline::SECONDS_BUCKETS;

use crate::{Failure, provider::listen};

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Where nobody asks, what was observed is added up so often.
const UPKEEP: Duration = Duration::from_secs(5);

/// Serves the metrics of this process for as long as it runs. Limiters that were made before tell nothing.
pub async fn serve(address: SocketAddr) -> Result<(), Failure> {
    let (listener, address) = listen(address).await.map_err(|why| format!("metrics: {why}"))?;
    let prometheus = PrometheusBuilder::new().set_buckets(SECONDS_BUCKETS)?.install_recorder()?;
    crate::tell(format_args!("metrics: http://{address}/metrics"));
    let page = prometheus.clone();
    let router = Router::new().route("/metrics", get(async move || ([(CONTENT_TYPE, TEXT)], page.render())));
    tokio::spawn(async move { axum::serve(listener, router).await });
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            prometheus.run_upkeep();
        }
    });
    Ok(())
}
