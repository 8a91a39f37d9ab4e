//! tower: hyper's own client behind `PaceLayer`, which paces any service that sends HTTP requests.
//!
//! `KEAP_URL=http://127.0.0.1:8080 cargo run --example tower --features tower`. For https, give the client the connector of
//! hyper-rustls.

use std::env;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use paceline::{BoxError, Limiter, MemoryStore, PaceLayer, Pacer, Preset};
use tower::{ServiceBuilder, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let url = env::var("KEAP_URL").map_err(|_| "set KEAP_URL to where to send")?;

    let preset = Preset::keap();
    let limiter = Limiter::new(MemoryStore::new(), preset.budget("keap", &[])?.build()?);
    let pacer = Pacer::new(limiter.clone()).preset(preset);

    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    // Layers for retries go before it, so that each attempt waits for its turn.
    let client = ServiceBuilder::new().layer(PaceLayer::new(pacer)).service(client);

    let requests = (0..12).map(|page| {
        let request = Request::get(format!("{url}/crm/rest/v1/contacts?offset={}", page * 50)).body(Empty::new());
        let client = client.clone();
        async move { client.oneshot(request?).await }
    });
    for response in futures::future::join_all(requests).await {
        let (head, body) = response?.into_parts();
        println!("{}: {} bytes", head.status, body.collect().await?.to_bytes().len());
    }
    limiter.flush().await?;
    Ok(())
}
