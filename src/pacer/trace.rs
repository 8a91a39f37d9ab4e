//! What a trace shows of one request: its wait, the client's own work, and what came of it. By the names that OpenTelemetry
//! gives to HTTP clients, and never a path or a query, which may hold secrets.

use http::{Method, StatusCode};
use tracing::{Span, field::Empty};

use super::{Pacer, Target};
use crate::{Error, trace::failed};

/// What OpenTelemetry calls that which has no name.
const OTHER: &str = "_OTHER";
/// Any other method may be whatever a caller writes, of which there is no end.
const METHODS: [Method; 9] = [
    Method::GET,
    Method::HEAD,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::OPTIONS,
    Method::TRACE,
    Method::CONNECT,
];

/// The span of one attempt to send a request.
pub(super) struct Attempt(Span);

impl Attempt {
    /// `resends`: how often it was sent before.
    pub(super) fn new(pacer: &Pacer, target: Target<'_>, resends: u32) -> Self {
        let method = METHODS.contains(target.method).then_some(target.method.as_str());
        Self(tracing::debug_span!(
            "request",
            otel.kind = "client",
            otel.name = method.unwrap_or("HTTP"),
            budget = pacer.settings.limiter.budget().name(),
            http.request.method = method.unwrap_or(OTHER),
            server.address = target.host(),
            server.port = target.uri.port_u16(),
            http.request.resend_count = (resends > 0).then_some(resends),
            http.response.status_code = Empty,
            error.type = Empty,
            otel.status_code = Empty,
        ))
    }

    pub(super) fn span(&self) -> Span {
        self.0.clone()
    }

    /// It never went out: there was no turn for it.
    pub(super) fn refused(&self, error: &Error) {
        failed(&self.0, error.word());
    }

    /// It was answered: below 400 it went well.
    pub(super) fn answered(&self, status: StatusCode) {
        self.0.record("http.response.status_code", status.as_u16());
        if status.is_client_error() || status.is_server_error() {
            failed(&self.0, status.as_str());
        }
    }

    /// Nothing came back; `why` in a word, where it is known.
    pub(super) fn lost(&self, why: Option<&str>) {
        failed(&self.0, why.unwrap_or(OTHER));
    }
}
