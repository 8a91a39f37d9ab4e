//! What spans say of failures, by the names that OpenTelemetry has for it. The guide's page on observing lists the spans.

use tracing::Span;

/// What the span is about failed, for this reason: one word of few. The span declares both fields, as empty.
pub(crate) fn failed(span: &Span, reason: &str) {
    span.record("error.type", reason);
    span.record("otel.status_code", "ERROR");
}
