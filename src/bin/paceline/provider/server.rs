//! The practice provider as an HTTP server. It is library code for the demo and a command of its own for tests.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::net::TcpListener;

use super::{
    act::Act,
    delay::Delay,
    house::{self, Call, House},
    keap::Rules,
    log::{Count, Stats},
    rule::Rule,
    setup::{Period, Setup},
};

/// By this header a caller says who it is, so that the log can tell how fairly the callers were treated.
pub const REPLICA_HEADER: &str = "x-paceline-replica";
/// So many limits of one's own.
pub const MAX_RULES: usize = 16;
/// A request's body is read to its end and thrown away; a longer one closes the connection.
const MAX_BODY: usize = 1 << 20;
/// A caller's name is cut here.
const MAX_NAME: usize = 64;
/// When a call is told to wait, its fleet knows so much later, the way back and the way there aside.
const NEWS: Duration = Duration::from_millis(250);

/// A provider with its limits, its network and its log. Clones are the same provider.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    house: Box<dyn House>,
    delay: Delay,
    /// What somebody else uses of its budget.
    stranger: f64,
    born: (Instant, Duration),
    /// One lock around both: a call is judged and noted at one instant, and instants rise.
    act: Mutex<Act>,
}

impl Provider {
    /// Sliding windows of one's own, at most [`MAX_RULES`] of them.
    pub fn new(rules: Vec<Rule>, delay: Delay) -> Self {
        Self::of(Box::new(Rules(rules)), delay, 0.0)
    }

    /// One that is like a provider of this name, with periods of another length; a stranger uses a share of its budget.
    pub fn like(name: &str, periods: Vec<Period>, delay: Delay, stranger: f64) -> Option<Self> {
        let setup = Setup { periods, ..Setup::default() };
        Some(Self::of(house::named(name, setup)?, delay, stranger))
    }

    /// One that is like a provider; a stranger uses a share of its budget.
    pub fn of(house: Box<dyn House>, delay: Delay, stranger: f64) -> Self {
        let act = Mutex::new(Act::new(&*house));
        let born = (Instant::now(), SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        Self(Arc::new(Inner { house, delay, stranger, born, act }))
    }

    /// Serves until the future is dropped, on a listener that [`listen`] gave.
    pub async fn serve(self, listener: TcpListener) -> io::Result<()> {
        let router = Router::new()
            .route("/_stats", get(async |State(provider): State<Self>| Json(provider.stats())))
            .route("/_reset", post(async |State(provider): State<Self>| provider.reset()))
            .fallback(call)
            .with_state(self);
        // Without it the kernel holds small answers back, a delay that is in no log.
        let listener = listener.tap_io(|tcp| drop(tcp.set_nodelay(true)));
        axum::serve(listener, router).await
    }

    pub fn stats(&self) -> Stats {
        self.act().log.stats()
    }

    pub fn series(&self, step: Duration) -> Vec<Count> {
        self.act().log.series(step)
    }

    /// Starts a new act: an empty log, and a provider that nobody has called for a whole window.
    pub fn reset(&self) {
        *self.act() = Act::new(&*self.0.house);
    }

    /// One call's whole way: there, judged, and back.
    async fn handle(self, mut call: Call, client: String) -> Response {
        let Inner { house, delay, stranger, born, .. } = &*self.0;
        let started = Instant::now();
        delay.travel().await;
        let (answer, charges, takes, accepted) = {
            let mut act = self.act();
            let now = born.1 + born.0.elapsed();
            call.number = act.came();
            let charges = house.charges(&call);
            let (judged, takes) = act.judge(now, &client, &charges, *stranger);
            let answer = house.answer(&call, &judged);
            if let (Some(wait), Some(hit)) = (answer.told, judged.hit.and_then(|hit| takes.get(hit))) {
                act.log.told(now, hit.0, wait, 2 * delay.most + NEWS);
            }
            (answer, charges, takes, judged.accepted())
        };
        delay.travel().await;
        if accepted {
            let mut act = self.act();
            act.log.answered(started.elapsed());
            act.give_back(&takes, &charges);
        }
        answer.response
    }

    fn act(&self) -> MutexGuard<'_, Act> {
        self.0.act.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens on an address, `127.0.0.1:0` for a free port.
pub async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), String> {
    let failed = |why: io::Error| format!("cannot listen on {address}: {why}; choose another address");
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    Ok((listener, address))
}

async fn call(State(provider): State<Provider>, method: Method, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return StatusCode::PAYLOAD_TOO_LARGE.into_response() };
    let name = headers.get(REPLICA_HEADER).and_then(|name| name.to_str().ok()).unwrap_or("(unnamed)");
    let client = name.chars().take(MAX_NAME).collect();
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_owned();
    let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
    let call = Call { method: method.to_string(), host, path, query, body, number: 0 };
    // A task of its own: a call that was sent arrives and counts, also when its caller has hung up meanwhile.
    let handled = tokio::spawn(provider.handle(call, client)).await;
    handled.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Some 400 calls through the limiter as fast as they go, on a network whose delays shuffle them; the log, which
    /// shares no code with the limiter, says what came of it.
    async fn stats_after_a_storm(rules: &[&str], path: &'static str) -> Stats {
        let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
        let provider = Provider::new(rules, "0ms..5ms".parse().unwrap());
        let callers = (0..8).map(|caller| {
            let provider = provider.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    provider.clone().handle(Call::to("GET", path), format!("c{caller}")).await;
                }
            })
        });
        for caller in callers.collect::<Vec<_>>() {
            caller.await.unwrap();
        }
        provider.stats()
    }

    #[tokio::test]
    async fn no_window_accepts_more_than_its_quota() {
        let stats = stats_after_a_storm(&["20/50ms", "60/200ms", "/slow:7/50ms"], "/slow/1").await;
        assert_eq!(stats.sent, 400);
        assert!(stats.accepted > 7 && stats.rejected > 0);
        assert_eq!(stats.accepted, stats.clients.values().map(|client| client.accepted).sum::<u64>());
        for limit in &stats.limits {
            assert!(limit.worst_accepted <= limit.quota, "{limit:?}");
        }
        assert_eq!(stats.limits[2].worst_accepted, 7, "the tightest limit is used to its brim");
        assert!(stats.limits[2].worst_sent > 7);
    }

    #[tokio::test]
    async fn a_limit_of_one_path_leaves_the_others_alone() {
        let stats = stats_after_a_storm(&["1000/1s", "/slow:1/1s"], "/fast").await;
        assert_eq!((stats.accepted, stats.limits[1].worst_sent), (400, 0));
    }

    #[tokio::test]
    async fn a_reset_starts_with_an_idle_provider() {
        let provider = Provider::new(vec!["1/1h".parse().unwrap()], "0ms".parse().unwrap());
        for _ in 0..2 {
            provider.clone().handle(Call::to("GET", "/"), "a".into()).await;
        }
        assert_eq!((provider.stats().accepted, provider.stats().rejected), (1, 1));
        provider.reset();
        assert_eq!(provider.stats().sent, 0);
        assert_eq!(provider.handle(Call::to("GET", "/"), "a".into()).await.status(), 200);
    }
}
