//! What makes one provider unlike another: which limits a call counts in, and how its answers speak.

use std::time::Duration;

use axum::{
    body::Bytes,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::Value;

use super::{
    aisoule::Aisoule, customerio::CustomerIo, github::GitHub, hubspot::HubSpot, keap::Keap, klaviyo::Klaviyo,
    klinky::Klinky, openai::OpenAi, shopify::Shopify, slack::Slack, stripe::Stripe,
};
use super::{
    meter::{Term, Usage},
    setup::Setup,
};

/// One provider. Its numbers are what its pages say; the sources are those of the preset of its name.
pub trait House: Send + Sync {
    /// Limits that are there before anybody calls.
    fn known(&self) -> Vec<Term> {
        Vec::new()
    }

    /// What a call takes, of each limit that it counts in.
    fn charges(&self, call: &Call) -> Vec<Charge>;

    /// What it is answered.
    fn answer(&self, call: &Call, judged: &Judged) -> Answer;
}

/// One call as it arrives.
pub struct Call {
    pub method: String,
    pub host: String,
    pub path: String,
    pub query: String,
    pub body: Bytes,
    /// Calls before it.
    pub number: u64,
}

/// What a call takes of one limit.
#[derive(Clone)]
pub struct Charge {
    pub term: Term,
    pub units: u64,
    /// What comes back with the answer: what it did not need after all, or held.
    pub back: u64,
}

/// What became of a call.
pub struct Judged {
    /// The first limit, of those that the call counts in, without room for it.
    pub hit: Option<usize>,
    /// Of each limit that it counts in, after it did.
    pub usages: Vec<Usage>,
    /// From the Unix epoch.
    pub now: Duration,
}

pub struct Answer {
    pub response: Response,
    /// How long it says to wait, in whatever way.
    pub told: Option<Duration>,
}

/// The provider of this name.
pub fn named(name: &str, setup: Setup) -> Option<Box<dyn House>> {
    Some(match name {
        "aisoule" => Box::new(Aisoule(setup)),
        "customerio" => Box::new(CustomerIo(setup)),
        "github" => Box::new(GitHub(setup)),
        "hubspot" => Box::new(HubSpot(setup)),
        "keap" => Box::new(Keap(setup)),
        "klaviyo" => Box::new(Klaviyo(setup)),
        "klinky" => Box::new(Klinky(setup)),
        "openai" => Box::new(OpenAi(setup)),
        "shopify" => Box::new(Shopify),
        "slack" => Box::new(Slack(setup)),
        "stripe" => Box::new(Stripe(setup)),
        _ => return None,
    })
}

pub const NAMES: [&str; 11] =
    ["aisoule", "customerio", "github", "hubspot", "keap", "klaviyo", "klinky", "openai", "shopify", "slack", "stripe"];

impl Call {
    /// The first call, with nothing but a method and a path.
    #[cfg(test)]
    pub fn to(method: &str, path: &str) -> Self {
        let [method, path] = [method, path].map(str::to_owned);
        Self { method, host: String::new(), path, query: String::new(), body: Bytes::new(), number: 0 }
    }

    /// Whether its path is such a one: `*` is any segment, `**` at the end any rest.
    pub fn is(&self, method: &str, pattern: &str) -> bool {
        if !method.is_empty() && self.method != method {
            return false;
        }
        let mut path = self.path.trim_end_matches('/').split('/');
        for part in pattern.split('/') {
            match (part, path.next()) {
                ("**", _) => return true,
                ("*", Some(_)) => {}
                (part, found) if found == Some(part) => {}
                _ => return false,
            }
        }
        path.next().is_none()
    }
}

impl Charge {
    /// One unit of it.
    pub fn one(term: Term) -> Self {
        Self { term, units: 1, back: 0 }
    }
}

impl Judged {
    pub fn accepted(&self) -> bool {
        self.hit.is_none()
    }

    /// How long until the limit that was hit has room.
    pub fn room_in(&self) -> Duration {
        self.hit.and_then(|hit| self.usages.get(hit)).map_or(Duration::ZERO, |usage| usage.room_in)
    }

    /// The instant so long from now, in whole seconds; never too early.
    pub fn unix(&self, wait: Duration) -> u64 {
        whole(self.now + wait)
    }
}

impl Answer {
    pub fn new(status: u16, headers: &[(&str, String)], body: Value) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, axum::Json(body)).into_response();
        for (name, value) in headers {
            if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.parse::<HeaderValue>()) {
                response.headers_mut().append(name, value);
            }
        }
        Self { response, told: None }
    }

    pub fn told(mut self, wait: Duration) -> Self {
        self.told = Some(wait);
        self
    }
}

/// In whole seconds, rounded up.
pub fn whole(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_is_found_by_its_name() {
        assert!(NAMES.iter().all(|name| named(name, Setup::default()).is_some()));
        assert!(named("nobody", Setup::default()).is_none());
    }

    #[test]
    fn paths_are_told_apart() {
        let call = |path: &str| Call::to("GET", path);
        assert!(call("/api/lists/7/tags").is("GET", "/api/lists/*/tags"));
        assert!(call("/api/lists/7/").is("", "/api/lists/*"));
        assert!(call("/api/media/7/x").is("", "/api/media/**"));
        assert!(!call("/api/lists").is("", "/api/lists/*") && !call("/api/lists/7/x").is("", "/api/lists/*"));
        assert!(!call("/api/lists").is("POST", "/api/lists"));
    }
}
