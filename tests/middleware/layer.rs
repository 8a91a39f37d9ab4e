//! The same through tower, in front of hyper's client, over HTTP/1.1 and HTTP/2.

use http::{Request, Response};
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use paceline::{BoxError, Limiter, MemoryStore, PaceLayer, Pacer, Preset};
use tower::{Service, ServiceBuilder, ServiceExt};

use super::{
    SECOND, pacer,
    server::{Server, answer, ok},
    used,
};

#[tokio::test]
async fn a_tower_service_is_paced_over_both_versions_of_http() {
    for http2 in [false, true] {
        let server = Server::start(|_, _| ok()).await;
        let (pacer, limiter) = pacer(5);
        let client = Client::builder(TokioExecutor::new()).http2_only(http2).build_http::<Empty<bytes::Bytes>>();
        let service = ServiceBuilder::new().layer(PaceLayer::new(pacer)).service(client);
        let started = std::time::Instant::now();
        let calls = (0..8).map(|_| {
            let request = Request::get(&server.url).body(Empty::new()).unwrap();
            service.clone().oneshot(request)
        });
        for response in futures::future::join_all(calls).await {
            let body = response.unwrap().into_body().collect().await.unwrap().to_bytes();
            assert_eq!(body, "ok");
        }
        assert!(started.elapsed() >= SECOND, "8 calls at 5 a second took {:?}", started.elapsed());
        assert_eq!(server.hits().len(), 8);
        let (used, in_flight) = used(&limiter).await;
        assert!(used <= 5 && in_flight == 0, "{used} {in_flight}");
    }
}

#[tokio::test]
async fn being_ready_waits_for_nothing_and_an_error_is_ours() {
    let server = Server::start(|_, _| answer(429, &[("retry-after", "60")], "")).await;
    let (pacer, _limiter) = pacer(50);
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let mut service = ServiceBuilder::new().layer(PaceLayer::new(pacer.wait(SECOND))).service(client);
    let request = || Request::get(&server.url).body(Empty::<bytes::Bytes>::new()).unwrap();
    assert_eq!(service.ready().await.unwrap().call(request()).await.unwrap().status(), 429);
    let ready = tokio::time::timeout(SECOND / 10, service.ready()).await;
    let error = ready.expect("it waits in poll_ready").unwrap().call(request()).await.unwrap_err();
    let own = error.downcast_ref::<paceline::Error>().expect("its own error");
    assert!(own.is_cooling() && own.is_too_late(), "{own}");
    assert_eq!(server.hits().len(), 1);
}

#[tokio::test]
async fn a_connection_that_nobody_takes_costs_nothing() {
    let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (pacer, limiter) = pacer(5);
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let service = ServiceBuilder::new().layer(PaceLayer::new(pacer)).service(client);
    let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Empty::new()).unwrap();
    service.oneshot(request).await.unwrap_err();
    assert_eq!(used(&limiter).await, (0, 0));
}

#[tokio::test]
async fn a_request_that_names_only_a_path_is_routed_by_its_host() {
    let preset = Preset::customerio();
    let limiter = Limiter::new(MemoryStore::new(), preset.budget("customerio", &[]).unwrap().build().unwrap());
    let answer = |_: Request<()>| async { Ok::<_, BoxError>(Response::new(Full::<bytes::Bytes>::default())) };
    let layer = PaceLayer::new(Pacer::new(limiter.clone()).preset(preset));
    let service = ServiceBuilder::new().layer(layer).service(tower::service_fn(answer));
    let request = Request::put("/api/v1/customers/7").header("host", "track.customer.io").body(()).unwrap();
    service.oneshot(request).await.unwrap();
    limiter.flush().await.unwrap();
    let limits = limiter.inspect().await.unwrap().unwrap().limits;
    let used: Vec<_> = limits.iter().filter(|limit| limit.used > 0).map(|limit| limit.name.as_str()).collect();
    assert_eq!(used, ["ingress"]);
}
