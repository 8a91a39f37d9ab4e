//! Stripe: a second for all, one for each endpoint, and a reason in the header, but no wait.

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged},
    setup::{SECOND, Setup},
};

pub struct Stripe(pub Setup);

impl House for Stripe {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let path = call.path.split('/').map(|part| if part.contains('_') && part.len() > 20 { "*" } else { part });
        let endpoint = format!("{} {}", call.method, path.collect::<Vec<_>>().join("/"));
        let (name, quota) = if call.is("GET", "/v1/*/search") {
            ("search".to_owned(), 20)
        } else if call.path.starts_with("/v1/files") {
            (format!("files {}", call.method), 20)
        } else {
            (format!("endpoint {endpoint}"), 25)
        };
        let terms = [self.0.sliding("all", 100, SECOND), self.0.sliding(name, quota, SECOND)];
        terms.into_iter().map(Charge::one).collect()
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        let Some(hit) = judged.hit else { return Answer::new(200, &[], json!({"object": "list", "data": []})) };
        let reason = if hit == 0 { "global-rate" } else { "endpoint-rate" };
        let message = "Request rate limit exceeded.";
        let error = json!({"code": "rate_limit", "message": message, "type": "invalid_request_error"});
        Answer::new(429, &[("stripe-rate-limited-reason", reason.to_owned())], json!({"error": error}))
    }
}
