//! What a trace shows of a request, and what it does not.

use std::{cell::RefCell, collections::BTreeMap, fmt::Debug, sync::Once};

use http::Request;
use http_body_util::Empty;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use paceline::{Budget, Limit, Limiter, MemoryStore, PaceLayer, Pacer, Quota, RedisStore, Store, reqwest_client};
use tower::{Service, ServiceBuilder};
use tracing::{
    Event, Instrument, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    registry::LookupSpan,
};

use super::{
    SECOND,
    server::{Server, answer, ok},
    support::{RedisServer, redis_url, unique},
};

/// Nobody may learn of any of these.
const SECRETS: [&str; 4] = ["a-token", "a-tenant", "a-recipient", "a-contact"];

thread_local! {
    /// What this thread saw: a test and all of its tasks run on one.
    static SEEN: RefCell<Seen> = RefCell::default();
}

/// Spans of paceline and of the test, in the order of their start, and all that any span or event of paceline says.
struct Traces;

#[derive(Default)]
struct Seen {
    spans: Vec<Shown>,
    by_id: BTreeMap<u64, usize>,
    words: String,
}

#[derive(Debug, Clone)]
struct Shown {
    name: &'static str,
    parent: Option<&'static str>,
    fields: BTreeMap<&'static str, String>,
}

impl Traces {
    /// Listens on this thread from now on. One listener for all of them: with one for each, whether a span is shown at all
    /// could be decided by a thread that has none.
    fn listen() -> Self {
        static ONCE: Once = Once::new();
        ONCE.call_once(|| {
            tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Self)).unwrap();
            tracing::callsite::rebuild_interest_cache();
        });
        SEEN.take();
        Self
    }

    fn named(&self, name: &str) -> Vec<Shown> {
        SEEN.with_borrow(|seen| seen.spans.iter().filter(|span| span.name == name).cloned().collect())
    }

    #[track_caller]
    fn keep_secrets(&self) {
        let words = SEEN.with_borrow(|seen| seen.words.clone());
        let told: Vec<_> = SECRETS.iter().filter(|secret| words.contains(*secret)).collect();
        assert!(told.is_empty() && words.contains("throttled"), "{told:?} in\n{words}");
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Traces {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let target = attributes.metadata().target();
        if !target.starts_with("paceline") && !target.starts_with("middleware") {
            return;
        }
        let parent = context.span(id).and_then(|span| Some(span.parent()?.name()));
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        SEEN.with_borrow_mut(|seen| {
            seen.by_id.insert(id.into_u64(), seen.spans.len());
            seen.words += &format!("{} {:?}\n", attributes.metadata().name(), fields.0);
            seen.spans.push(Shown { name: attributes.metadata().name(), parent, fields: fields.0 });
        });
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
        let mut fields = Fields::default();
        record.record(&mut fields);
        SEEN.with_borrow_mut(|seen| {
            seen.words += &format!("{:?}\n", fields.0);
            if let Some(&place) = seen.by_id.get(&id.into_u64()) {
                seen.spans[place].fields.extend(fields.0);
            }
        });
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("paceline") {
            let mut fields = Fields::default();
            event.record(&mut fields);
            SEEN.with_borrow_mut(|seen| seen.words += &format!("{:?}\n", fields.0));
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<&'static str, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

/// A pacer of a partition and a scope that name people.
fn private(store: impl Store) -> (Pacer, String) {
    let recipient = Limit::sliding_window("recipient", Quota::per_second(50)).scope("recipient");
    let budget = Budget::builder(unique("traces")).limit(recipient).build().unwrap();
    let name = budget.name().to_owned();
    let limiter = Limiter::new(store, budget).scoped("recipient", "a-recipient").unwrap();
    (Pacer::new(limiter).key(|_| Some("a-tenant".to_owned())), name)
}

/// Its first answer is 429.
async fn provider() -> Server {
    Server::start(|number, _| if number == 0 { answer(429, &[("retry-after", "0.1")], "a-contact") } else { ok() })
        .await
}

fn expected<'a>(server: &'a Server, budget: &'a str, status: &'a str) -> BTreeMap<&'static str, &'a str> {
    BTreeMap::from([
        ("otel.kind", "client"),
        ("otel.name", "GET"),
        ("budget", budget),
        ("http.request.method", "GET"),
        ("server.address", "127.0.0.1"),
        ("server.port", server.url.rsplit(':').next().unwrap()),
        ("http.response.status_code", status),
    ])
}

/// The same of one that was told no.
fn rejected<'a>(server: &'a Server, budget: &'a str) -> BTreeMap<&'static str, &'a str> {
    let mut fields = expected(server, budget, "429");
    fields.extend([("error.type", "429"), ("otel.status_code", "ERROR")]);
    fields
}

fn fields(span: &Shown) -> BTreeMap<&'static str, &str> {
    span.fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test]
async fn each_attempt_is_a_span_of_the_callers_trace_by_opentelemetrys_names() {
    let traces = Traces::listen();
    let server = provider().await;
    let (pacer, budget) = private(RedisStore::connect(redis_url()).await.unwrap());
    let client = reqwest_client(pacer).unwrap();
    let url = format!("{}/a-contact?key=a-token", server.url);
    let request = client.get(url).header("authorization", "Bearer a-token").send();
    let response = request.instrument(tracing::info_span!("order")).await.unwrap();
    assert_eq!((response.status(), server.hits().len()), (200.try_into().unwrap(), 2));

    let [first, second] = &traces.named("request")[..] else { panic!("{:?}", traces.named("request")) };
    assert_eq!((first.parent, second.parent), (Some("order"), Some("order")));
    assert_eq!(fields(first), rejected(&server, &budget));
    let mut again = expected(&server, &budget, "200");
    again.insert("http.request.resend_count", "1");
    assert_eq!(fields(second), again);

    let waits = traces.named("acquire");
    assert!(waits.len() == 2 && waits.iter().all(|wait| wait.parent == Some("request")), "{waits:?}");
    let exchanges = traces.named("exchange");
    assert!(!exchanges.is_empty(), "no exchange was shown");
    for exchange in exchanges {
        // One serves many callers, so it is nobody's child.
        assert_eq!(exchange.parent, None);
        assert_eq!((&*exchange.fields["db.system.name"], &*exchange.fields["budget"]), ("redis", &*budget));
        assert_eq!((&*exchange.fields["db.operation.name"], exchange.fields.get("error.type")), ("EVALSHA", None));
    }
    traces.keep_secrets();
}

#[tokio::test]
async fn a_tower_service_does_so_too_wherever_its_future_runs() {
    let traces = Traces::listen();
    let server = provider().await;
    let (pacer, budget) = private(MemoryStore::new());
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
    let mut service = ServiceBuilder::new().layer(PaceLayer::new(pacer)).service(client);
    let request = Request::get(format!("{}/a-contact?key=a-token", server.url)).header("authorization", "a-token");
    let call = {
        let _order = tracing::info_span!("order").entered();
        service.call(request.body(Empty::new()).unwrap())
    };
    assert_eq!(tokio::spawn(call).await.unwrap().unwrap().status(), 429);
    let [span] = &traces.named("request")[..] else { panic!("{:?}", traces.named("request")) };
    assert_eq!((span.parent, fields(span)), (Some("order"), rejected(&server, &budget)));
    assert_eq!(traces.named("acquire")[0].parent, Some("request"));
    traces.keep_secrets();
}

/// Why the only span of that name failed.
#[track_caller]
fn failure(traces: &Traces, name: &str) -> String {
    let [span] = &traces.named(name)[..] else { panic!("{:?}", traces.named(name)) };
    assert_eq!(span.fields["otel.status_code"], "ERROR", "{span:?}");
    span.fields["error.type"].clone()
}

#[tokio::test]
async fn what_is_refused_or_lost_is_an_error_by_a_word_of_few() {
    let server = Server::start(|_, _| ok()).await;
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (pacer, _) = private(MemoryStore::new());
    let unfit = pacer.clone().cost(|_| Some(51.into()));

    let traces = Traces::listen();
    reqwest_client(unfit.clone()).unwrap().get(&server.url).send().await.unwrap_err();
    assert_eq!((failure(&traces, "request"), failure(&traces, "acquire")), ("never_fits".into(), "never_fits".into()));

    let traces = Traces::listen();
    reqwest_client(pacer.clone()).unwrap().get(format!("http://{nobody}")).send().await.unwrap_err();
    assert_eq!(failure(&traces, "request"), "connect");

    let traces = Traces::listen();
    let mute = Server::start_mute().await;
    let late = reqwest_client(pacer.clone()).unwrap().get(&mute).timeout(SECOND / 10);
    late.send().await.unwrap_err();
    assert_eq!(failure(&traces, "request"), "timeout");

    for (pacer, url, why) in [(unfit, &server.url, "never_fits"), (pacer, &format!("http://{nobody}"), "connect")] {
        let traces = Traces::listen();
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<bytes::Bytes>>();
        let mut service = ServiceBuilder::new().layer(PaceLayer::new(pacer)).service(client);
        service.call(Request::get(url).body(Empty::new()).unwrap()).await.unwrap_err();
        assert_eq!(failure(&traces, "request"), why);
    }

    // Callers may write any method, so that there is no end of them.
    let traces = Traces::listen();
    let (pacer, _) = private(MemoryStore::new());
    let odd = reqwest_client(pacer).unwrap().request("ORDER-4711".parse().unwrap(), &server.url);
    odd.send().await.unwrap();
    let [span] = &traces.named("request")[..] else { panic!("{:?}", traces.named("request")) };
    assert_eq!((&*span.fields["http.request.method"], &*span.fields["otel.name"]), ("_OTHER", "HTTP"));
}

#[tokio::test]
async fn an_exchange_that_redis_does_not_answer_is_an_error() {
    let redis = RedisServer::own();
    let (_, name) = private(MemoryStore::new());
    let budget = Budget::builder(name).limit(Limit::concurrency("open", 9)).build().unwrap();
    let limiter = Limiter::new(RedisStore::connect(redis.url()).await.unwrap(), budget);
    limiter.acquire(1).await.unwrap().complete();
    limiter.flush().await.unwrap();
    drop(redis);
    let traces = Traces::listen();
    limiter.acquire_within(1, SECOND / 2).await.unwrap_err();
    assert_eq!(failure(&traces, "acquire"), "store");
    let exchanges = traces.named("exchange");
    assert!(!exchanges.is_empty());
    for exchange in exchanges {
        assert_eq!((&*exchange.fields["error.type"], &*exchange.fields["otel.status_code"]), ("store", "ERROR"));
    }
}

#[tokio::test]
async fn no_error_and_no_debug_names_a_partition_or_a_value_of_a_scope() {
    let recipient = Limit::sliding_window("recipient", Quota::per_minute(1)).scope("recipient");
    let budget = Budget::builder("api").limit(recipient).build().unwrap();
    let limiter = Limiter::new(MemoryStore::new(), budget).for_key("a-tenant").unwrap();
    let limiter = limiter.scoped("recipient", "a-recipient").unwrap();
    let permit = limiter.acquire(1).await.unwrap();
    let told = [
        format!("{limiter:?} {permit:?} {:?}", Pacer::new(limiter.clone())),
        limiter.acquire(2).await.unwrap_err().to_string(),
        limiter.acquire_within(1, SECOND).await.unwrap_err().to_string(),
        format!("{:?}", limiter.try_acquire(1).await.unwrap()),
    ];
    for told in told {
        assert!(told.contains("api") || told.contains("recipient"), "{told}");
        assert!(!SECRETS.iter().any(|secret| told.contains(secret)), "{told}");
    }
}
