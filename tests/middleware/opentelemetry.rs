//! What an OpenTelemetry collector gets of the example.

use std::sync::{Arc, Mutex};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::Value;
use tokio::{net::TcpListener, process::Command};

use super::{
    SECOND,
    examples::example,
    server::{Server, answer, ok},
    support::RedisServer,
};

type Exports = Arc<Mutex<Vec<Value>>>;

/// A collector on loopback: where it is, and what came.
async fn collector() -> (String, Exports) {
    let exports = Exports::default();
    let keep = async |State(exports): State<Exports>, Json(export): Json<Value>| {
        exports.lock().unwrap().push(export);
        Json(serde_json::json!({}))
    };
    let app = Router::new().route("/v1/traces", post(keep)).with_state(exports.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    (url, exports)
}

fn items<'a>(of: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    of[name].as_array().into_iter().flatten()
}

/// An attribute as text.
fn attribute(span: &Value, name: &str) -> Option<String> {
    let found = items(span, "attributes").find(|attribute| attribute["key"] == name)?;
    let value = found["value"].as_object()?.values().next()?;
    Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[tokio::test]
async fn a_collector_gets_each_orders_wait_and_what_came_of_it() {
    let redis = RedisServer::own();
    // The first request is told no, and sent again.
    let api = Server::start(|number, _| if number == 0 { answer(429, &[("retry-after", "0.1")], "") } else { ok() });
    let (api, (collector, exports)) = tokio::join!(api, collector());
    let mut process = Command::new(example("opentelemetry"));
    process
        .env("API_URL", &api.url)
        .env("PACELINE_REDIS_URL", redis.url())
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector);
    let ended = tokio::time::timeout(30 * SECOND, process.kill_on_drop(true).output()).await.expect("it ends").unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));

    let exports = exports.lock().unwrap().clone();
    let resources: Vec<_> = exports.iter().flat_map(|export| items(export, "resourceSpans")).collect();
    assert!(resources.iter().all(|of| attribute(&of["resource"], "service.name").as_deref() == Some("orders")));
    let scopes = resources.iter().flat_map(|of| items(of, "scopeSpans"));
    let spans: Vec<_> = scopes.flat_map(|scope| items(scope, "spans")).collect();
    let named = |name: &str| spans.iter().filter(|span| span["name"] == name).copied().collect::<Vec<_>>();
    let is_child =
        |child: &Value, of: &Value| child["parentSpanId"] == of["spanId"] && child["traceId"] == of["traceId"];

    let (orders, requests, waits) = (named("order"), named("GET"), named("acquire"));
    assert_eq!((orders.len(), requests.len(), waits.len()), (3, 4, 4), "{spans:#?}");
    assert!(requests.iter().all(|request| orders.iter().any(|order| is_child(request, order))), "{spans:#?}");
    assert!(requests.iter().all(|request| waits.iter().any(|wait| is_child(wait, request))), "{spans:#?}");
    for request in &requests {
        let said = |name| attribute(request, name);
        // A client's span, and by status an error from 400 on, as OpenTelemetry has it: 3 and 2.
        assert_eq!(request["kind"], 3, "{request:#}");
        assert_eq!((said("http.request.method").as_deref(), said("budget").as_deref()), (Some("GET"), Some("api")));
        assert_eq!(said("server.port").as_deref(), api.url.rsplit(':').next());
        let is_rejected = said("http.response.status_code").as_deref() == Some("429");
        assert_eq!(said("error.type").as_deref(), is_rejected.then_some("429"), "{request:#}");
        assert_eq!(request["status"]["code"] == 2, is_rejected, "{request:#}");
    }
    let resent = requests.iter().filter(|request| attribute(request, "http.request.resend_count").is_some());
    let rejected = requests.iter().filter(|request| attribute(request, "error.type").is_some());
    assert_eq!((resent.count(), rejected.count()), (1, 1));

    let exchanges = named("exchange");
    assert!(!exchanges.is_empty());
    for exchange in exchanges {
        let said = |name| attribute(exchange, name).unwrap_or_default();
        assert_eq!((exchange["kind"].as_i64(), exchange["parentSpanId"].as_str()), (Some(3), Some("")), "{exchange:#}");
        assert_eq!((&*said("db.system.name"), &*said("db.operation.name")), ("redis", "EVALSHA"));
        assert_eq!(Some(&*said("server.port")), redis.url().rsplit(':').next());
    }
    // A path may hold a secret.
    assert!(!exports.iter().any(|export| export.to_string().contains("/orders")));
}
