//! What really goes out: behind the middleware that paces, where each request is one on the wire.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use async_trait::async_trait;
use http::Extensions;
use reqwest::{Request, Response};
use reqwest_middleware::{Middleware, Next};

use super::tally::Tally;

/// One call, which may take several requests: when the last of them went out.
#[derive(Clone, Default)]
pub struct Trip(Arc<Mutex<Option<Instant>>>);

impl Trip {
    /// When the last request of the call went out; none: it waits for its turn.
    pub fn left(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request goes out now; says whether it is another of the same call.
    fn leaves(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).replace(Instant::now()).is_some()
    }
}

/// Counts the requests that go out. It is the innermost middleware.
pub struct Meter(pub Tally);

#[async_trait]
impl Middleware for Meter {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let again = extensions.get::<Trip>().is_some_and(Trip::leaves);
        self.0.sent(again);
        next.run(request, extensions).await
    }
}
