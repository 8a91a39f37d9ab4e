//! In front of any tower service that sends HTTP requests: hyper and axum clients, tonic.

use std::{
    error::Error as StdError,
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;
use tracing::Instrument;

use super::{Pacer, Target, body, trace::Attempt};

pub use super::body::PacedBody;

/// What a paced service fails with: its own error, or a [`crate::Error`].
pub type BoxError = Box<dyn StdError + Send + Sync>;

/// Paces the service that it is laid around. Lay retries around it, so that each attempt pays.
///
/// The turn is waited for in the response's future and not in `poll_ready`, where it would hold the service up, and might
/// be waited for and never used.
#[derive(Debug, Clone)]
pub struct PaceLayer {
    pacer: Pacer,
}

impl PaceLayer {
    /// Paces by this.
    pub fn new(pacer: Pacer) -> Self {
        Self { pacer }
    }
}

impl<S> Layer<S> for PaceLayer {
    type Service = Pace<S>;

    fn layer(&self, inner: S) -> Pace<S> {
        Pace { inner, pacer: self.pacer.clone() }
    }
}

/// A paced service: [`PaceLayer`] makes it.
#[derive(Debug, Clone)]
pub struct Pace<S> {
    inner: S,
    pacer: Pacer,
}

impl<S, A, B> Service<Request<A>> for Pace<S>
where
    S: Service<Request<A>, Response = Response<B>> + Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<BoxError>,
    A: Send + 'static,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Send,
{
    type Response = Response<PacedBody<B>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: Request<A>) -> Self::Future {
        // The one that was ready goes; a clone need not be.
        let clone = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, clone);
        let pacer = self.pacer.clone();
        let (parts, content) = request.into_parts();
        // Here and not when it is first polled, which may be in another task: the caller's span is its parent.
        let target = Target { method: &parts.method, uri: &parts.uri, headers: &parts.headers };
        let attempt = Attempt::new(&pacer, target, 0);
        let span = attempt.span();
        let paced = async move {
            let target = Target { method: &parts.method, uri: &parts.uri, headers: &parts.headers };
            let turn = pacer.turn_in_time(target).await.inspect_err(|error| attempt.refused(error))?;
            match inner.call(Request::from_parts(parts, content)).await.map_err(Into::into) {
                Ok(response) => {
                    attempt.answered(response.status());
                    Ok(body::receive(turn, response).await.0)
                }
                Err(error) => {
                    let nobody_took_it = is_refused(&*error);
                    attempt.lost(nobody_took_it.then_some("connect"));
                    if nobody_took_it {
                        turn.unsent();
                    }
                    Err(error)
                }
            }
        };
        Box::pin(paced.instrument(span))
    }
}

/// Whether nobody took the connection, so that nothing was sent. Any other failure may have come after that.
fn is_refused(error: &(dyn StdError + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>();
    io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused) || error.source().is_some_and(is_refused)
}
