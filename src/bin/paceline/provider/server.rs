//! The practice provider as an HTTP server. It is library code for the demo and a command of its own for tests.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{get, post},
    serve::ListenerExt,
};
use tokio::net::TcpListener;

use super::{
    delay::Delay,
    keap,
    log::{Count, Log, Stats},
    rule::Rule,
    window::{Usage, Window},
};

/// By this header a caller says who it is, so that the log can tell how fairly the callers were treated.
pub const REPLICA_HEADER: &str = "x-paceline-replica";
/// The log holds the rules of an arrival as a bit set of this many.
pub const MAX_RULES: usize = 16;
/// A request's body is read to its end and thrown away; a longer one closes the connection.
const MAX_BODY: usize = 1 << 20;
/// A caller's name is cut here.
const MAX_NAME: usize = 64;

/// A provider with its limits, its network and its log. Clones are the same provider.
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    rules: Vec<Rule>,
    delay: Delay,
    born: Instant,
    /// One lock around both: a call is judged and noted at one instant, and instants rise.
    act: Mutex<Act>,
}

struct Act {
    windows: Vec<Window>,
    log: Log,
}

impl Act {
    fn new(rules: &[Rule]) -> Self {
        Self { windows: rules.iter().map(Window::new).collect(), log: Log::default() }
    }
}

impl Provider {
    /// At most [`MAX_RULES`] rules.
    pub fn new(rules: Vec<Rule>, delay: Delay) -> Self {
        let act = Mutex::new(Act::new(&rules));
        Self(Arc::new(Inner { rules, delay, born: Instant::now(), act }))
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
        self.act().log.stats(&self.0.rules)
    }

    pub fn series(&self, step: Duration) -> Vec<Count> {
        self.act().log.series(step)
    }

    /// Starts a new act: an empty log, and a provider that nobody has called for a whole window.
    pub fn reset(&self) {
        *self.act() = Act::new(&self.0.rules);
    }

    /// One call's whole way: there, judged, and back.
    async fn handle(self, path: String, client: String) -> Response {
        let started = Instant::now();
        self.0.delay.travel().await;
        let (accepted, usages) = self.judge(&path, &client);
        self.0.delay.travel().await;
        if accepted {
            self.act().log.answered(started.elapsed());
        }
        keap::answer(accepted, &usages)
    }

    /// The instant at which a call counts, in every rule of its path or, rejected, in none.
    fn judge(&self, path: &str, client: &str) -> (bool, Vec<Usage>) {
        let mut act = self.act();
        let Act { windows, log } = &mut *act;
        let now = self.0.born.elapsed();
        let applies: Vec<bool> = self.0.rules.iter().map(|rule| rule.applies_to(path)).collect();
        let path_rules = applies.iter().rev().fold(0, |bits, &applies| bits << 1 | u16::from(applies));
        let mut mine: Vec<&mut Window> =
            windows.iter_mut().zip(applies).filter_map(|(window, applies)| applies.then_some(window)).collect();
        mine.iter_mut().for_each(|window| window.move_to(now));
        let accepted = mine.iter().all(|window| window.has_room());
        if accepted {
            mine.iter_mut().for_each(|window| window.count(now));
        }
        log.arrived(now, client, path_rules, accepted);
        (accepted, mine.iter().map(|window| window.usage()).collect())
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

async fn call(State(provider): State<Provider>, uri: Uri, headers: HeaderMap, body: Body) -> Response {
    if to_bytes(body, MAX_BODY).await.is_err() {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    }
    let name = headers.get(REPLICA_HEADER).and_then(|name| name.to_str().ok()).unwrap_or("(unnamed)");
    let client = name.chars().take(MAX_NAME).collect();
    // A task of its own: a call that was sent arrives and counts, also when its caller has hung up meanwhile.
    let handled = tokio::spawn(provider.handle(uri.path().to_owned(), client)).await;
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
                    provider.clone().handle(path.into(), format!("c{caller}")).await;
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
            provider.clone().handle("/".into(), "a".into()).await;
        }
        assert_eq!((provider.stats().accepted, provider.stats().rejected), (1, 1));
        provider.reset();
        assert_eq!(provider.stats().sent, 0);
        assert_eq!(provider.handle("/".into(), "a".into()).await.status(), 200);
    }
}
