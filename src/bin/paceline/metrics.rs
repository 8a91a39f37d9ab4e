//! What Prometheus reads: `--metrics ADDR`.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, http::header::CONTENT_TYPE, routing::get};
use clap::Args;
use metrics_exporter_prometheus::PrometheusBuilder;
use paceline::SECONDS_BUCKETS;

use crate::{Failure, provider::listen};

/// Says where, for commands that run for long.
pub const VARIABLE: &str = "PACELINE_METRICS";

#[derive(Args)]
pub struct Endpoint {
    /// Serve metrics for Prometheus at http://ADDR/metrics while it runs, as in 127.0.0.1:9464
    #[arg(long, value_name = "ADDR", env = VARIABLE)]
    metrics: Option<SocketAddr>,
}

impl Endpoint {
    /// Serves them from now on, if that was asked for. Limiters that were made before tell nothing.
    pub async fn open(&self) -> Result<(), Failure> {
        match self.metrics {
            Some(address) => serve(address).await,
            None => Ok(()),
        }
    }
}

const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Where nobody asks, what was observed is added up so often.
const UPKEEP: Duration = Duration::from_secs(5);

async fn serve(address: SocketAddr) -> Result<(), Failure> {
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
