//! Klinky: an hour that turns at the top of the hour, and 429s that do not count.

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged, whole},
    setup::{HOUR, Setup, clock},
};

pub struct Klinky(pub Setup);

impl House for Klinky {
    fn charges(&self, _: &Call) -> Vec<Charge> {
        vec![Charge::one(self.0.term("hour", clock(), 100, HOUR))]
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        let hour = &judged.usages[0];
        let mut headers = vec![
            ("x-ratelimit-limit", hour.quota.to_string()),
            ("x-ratelimit-remaining", hour.left().to_string()),
            ("x-ratelimit-reset", judged.unix(hour.full_in).to_string()),
        ];
        if judged.accepted() {
            return Answer::new(200, &headers, json!({"links": []}));
        }
        headers.push(("retry-after", whole(hour.full_in).to_string()));
        let body = json!({"detail": "Rate limit exceeded. Please try again later."});
        Answer::new(429, &headers, body).told(hour.full_in)
    }
}
