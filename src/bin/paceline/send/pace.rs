//! When a caller may send its next call.

use std::time::Duration;

use paceline::{Error, Limiter, PaceMiddleware, Pacer};
use reqwest::Client;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use super::{tally::Tally, wire::Meter};

/// How the callers keep to the budget.
pub enum Pace {
    /// Each by itself, as people do without a limiter: a sleep between its calls.
    Alone { sleep: Duration },
    /// All together, through paceline.
    Together { pacer: Box<Pacer>, limiter: Limiter },
}

impl Pace {
    /// The client of the callers, which tells what goes out and what comes of it.
    pub fn client(&self, plain: Client, tally: &Tally) -> ClientWithMiddleware {
        let builder = ClientBuilder::new(plain);
        let builder = match self {
            Self::Alone { .. } => builder,
            Self::Together { pacer, .. } => {
                let hears = tally.clone();
                let pacer = pacer.clone().on_verdict(move |verdict| hears.heard(&verdict.said));
                builder.with(PaceMiddleware::new(pacer))
            }
        };
        builder.with(Meter(tally.clone())).build()
    }

    /// What a caller does between two calls by itself.
    pub async fn pause(&self, is_first: bool) {
        if let Self::Alone { sleep } = self
            && !is_first
        {
            tokio::time::sleep(*sleep).await;
        }
    }

    /// Why nothing goes out any more, if the provider refuses the credential.
    pub async fn refusal(&self) -> Option<Error> {
        match self {
            Self::Alone { .. } => None,
            Self::Together { limiter, .. } => limiter.try_acquire(1).await.err().filter(Error::is_refused),
        }
    }

    /// Reports what the store does not know yet.
    pub async fn flush(&self) -> Result<(), Error> {
        match self {
            Self::Alone { .. } => Ok(()),
            Self::Together { limiter, .. } => limiter.flush().await,
        }
    }

    pub fn exchanges(&self) -> u64 {
        match self {
            Self::Alone { .. } => 0,
            Self::Together { limiter, .. } => limiter.exchanges(),
        }
    }

    /// Calls that went out uncounted, because the store was out of reach and the budget allows it.
    pub fn uncounted(&self) -> u64 {
        match self {
            Self::Alone { .. } => 0,
            Self::Together { limiter, .. } => limiter.uncounted(),
        }
    }
}
