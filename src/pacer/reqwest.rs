//! In front of reqwest.

use std::sync::Arc;

use ::reqwest::{Body, Client, ClientBuilder, Request, Response, ResponseBuilderExt, redirect, retry};
use async_trait::async_trait;
use http::{Extensions, Uri};
use reqwest_middleware::{ClientWithMiddleware, Middleware, Next};
use tracing::Instrument;

use super::{Pacer, Target, body, trace::Attempt};
use crate::Error;

/// Paces what a client of reqwest-middleware sends. Put it innermost: behind middleware that repeats requests, so that each
/// attempt pays.
///
/// ```no_run
/// use paceline::{Limiter, Pacer, Preset, RedisStore, reqwest_client};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let keap = Preset::keap();
/// let store = RedisStore::connect("redis://127.0.0.1:6379").await?;
/// let pacer = Pacer::new(Limiter::new(store, keap.budget("keap", &[])?.build()?)).preset(keap);
///
/// let client = reqwest_client(pacer)?; // each request waits for its turn among all processes
/// let contacts = client.get("https://api.infusionsoft.com/crm/rest/v1/contacts").send().await?;
/// # Ok(())
/// # }
/// ```
///
/// A request that was throttled is sent again if the preset says that it may be (without one: an idempotent method, or an
/// `Idempotency-Key`), each time in its turn, which comes when the cooldown is over. [`Pacer::tries`] says how often.
///
/// Its own errors are a [`crate::Error`] in `reqwest_middleware::Error::Middleware`; [`PaceMiddleware::error`] finds it.
#[derive(Debug, Clone)]
pub struct PaceMiddleware {
    pacer: Pacer,
}

/// A client that is paced, and that sends one request for each permit: [`one_for_one`] made it.
///
/// # Errors
/// reqwest cannot make a client here.
pub fn reqwest_client(pacer: Pacer) -> Result<ClientWithMiddleware, ::reqwest::Error> {
    // A reqwest that was built without a provider would panic; if the application chose one, this fails.
    #[cfg(feature = "tls")]
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = one_for_one(Client::builder()).build()?;
    Ok(reqwest_middleware::ClientBuilder::new(client).with(PaceMiddleware::new(pacer)).build())
}

/// Switches off what sends more than one request for one permit: redirects come to the caller, who pays for following them,
/// and nothing is repeated by the protocol.
pub fn one_for_one(builder: ClientBuilder) -> ClientBuilder {
    builder.redirect(redirect::Policy::none()).retry(retry::never())
}

impl PaceMiddleware {
    /// Paces by this.
    pub fn new(pacer: Pacer) -> Self {
        Self { pacer }
    }

    /// What paceline said, if the error is its own.
    pub fn error(error: &reqwest_middleware::Error) -> Option<&Error> {
        match error {
            reqwest_middleware::Error::Middleware(error) => error.downcast_ref(),
            reqwest_middleware::Error::Reqwest(_) => None,
        }
    }

    /// One attempt, in its turn.
    async fn attempt(
        &self,
        request: Request,
        resends: u32,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<(Response, bool)> {
        let uri: Uri = request.url().as_str().parse().unwrap_or_default();
        let target = Target { method: request.method(), uri: &uri, headers: request.headers() };
        let attempt = Attempt::new(&self.pacer, target, resends);
        self.send(request, &uri, &attempt, extensions, next).instrument(attempt.span()).await
    }

    async fn send(
        &self,
        request: Request,
        uri: &Uri,
        attempt: &Attempt,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<(Response, bool)> {
        let own = |error: Error| reqwest_middleware::Error::middleware(error);
        let target = Target { method: request.method(), uri, headers: request.headers() };
        let turn = self.pacer.turn_in_time(target).await;
        let turn = turn.inspect_err(|error| attempt.refused(error)).map_err(own)?;
        let response = match next.run(request, extensions).await {
            Ok(response) => response,
            Err(error) => {
                attempt.lost(error.is_connect().then_some("connect").or(error.is_timeout().then_some("timeout")));
                if error.is_connect() {
                    turn.unsent();
                }
                return Err(error);
            }
        };
        attempt.answered(response.status());
        // On its way through `http` a response forgets where it came from.
        let from = http::Response::builder().url(response.url().clone()).body(());
        let (mut response, again) = body::receive(turn, http::Response::<Body>::from(response)).await;
        if let Ok(from) = from {
            response.extensions_mut().extend(from.into_parts().0.extensions);
        }
        Ok((Response::from(response.map(Body::wrap)), again))
    }
}

#[async_trait]
impl Middleware for PaceMiddleware {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<Response> {
        let (tries, retries) = (self.pacer.settings.tries, Arc::clone(&self.pacer.shared));
        retries.retries.request();
        let (mut request, mut answer, mut left) = (request, None, tries - 1);
        loop {
            // A body that streams cannot be sent again.
            let copy = if left > 0 { request.try_clone() } else { None };
            let (response, again) =
                match (self.attempt(request, tries - 1 - left, extensions, next.clone()).await, answer) {
                    (Ok(attempt), _) => attempt,
                    // A repeat that gets no turn in time changes nothing: the provider has answered.
                    (Err(error), Some(answer)) if Self::error(&error).is_some() => return Ok(answer),
                    (Err(error), _) => return Err(error),
                };
            match copy {
                Some(copy) if again && retries.retries.retry() => {
                    (request, answer, left) = (copy, Some(response), left - 1)
                }
                _ => return Ok(response),
            }
        }
    }
}
