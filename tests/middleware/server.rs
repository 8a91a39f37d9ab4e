//! A server on loopback that answers as a test says, and remembers what it was asked.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::HeaderMap,
    response::{IntoResponse, Response},
};
use tokio::net::TcpListener;

use super::SECOND;

/// One request that arrived.
#[derive(Debug, Clone)]
pub struct Hit {
    pub path: String,
    pub headers: HeaderMap,
    pub at: Instant,
}

/// Answers the `n`-th request, from 0.
pub type Answer = Arc<dyn Fn(usize, &Hit) -> Response + Send + Sync>;

#[derive(Clone)]
pub struct Server {
    pub url: String,
    hits: Arc<Mutex<Vec<Hit>>>,
}

impl Server {
    pub async fn start(answer: impl Fn(usize, &Hit) -> Response + Send + Sync + 'static) -> Self {
        let (answer, hits): (Answer, _) = (Arc::new(answer), Arc::<Mutex<Vec<Hit>>>::default());
        let log = hits.clone();
        let app = Router::new().fallback(move |request: Request| {
            let (answer, log) = (answer.clone(), log.clone());
            async move {
                let path = request.uri().path().to_owned();
                let hit = Hit { path, headers: request.headers().clone(), at: Instant::now() };
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(hit.clone());
                    log.len() - 1
                };
                answer(number, &hit)
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, hits }
    }

    /// Where connections are taken, and nothing is ever said.
    pub async fn start_mute() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move {
            let mut taken = Vec::new();
            while let Ok(connection) = listener.accept().await {
                taken.push(connection);
            }
        });
        url
    }

    pub fn hits(&self) -> Vec<Hit> {
        self.hits.lock().unwrap().clone()
    }

    /// Requests that arrived from then on.
    pub fn since(&self, from: Instant) -> usize {
        self.hits().iter().filter(|hit| hit.at >= from).count()
    }
}

/// An answer with a status, headers and a body.
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Body>) -> Response {
    let mut response = axum::http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(body.into()).unwrap().into_response()
}

pub fn ok() -> Response {
    answer(200, &[], "ok")
}

/// A body whose pieces come with a pause before each.
pub fn slowly(pieces: usize, pause: Duration) -> Body {
    let pieces = futures::stream::unfold(0, move |n| async move {
        if n == pieces {
            return None;
        }
        tokio::time::sleep(pause).await;
        Some((Ok::<_, std::io::Error>("piece"), n + 1))
    });
    Body::from_stream(pieces)
}

/// The most that came within any second.
pub fn most_in_a_second(hits: &[Hit]) -> usize {
    let within = |from: Instant| hits.iter().filter(|hit| (from..from + SECOND).contains(&hit.at)).count();
    hits.iter().map(|hit| within(hit.at)).max().unwrap_or_default()
}
