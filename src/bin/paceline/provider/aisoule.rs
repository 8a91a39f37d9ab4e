//! AIsoule: a minute in the headers, a second that no header tells, and how long to wait only in the text of the body.

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged, whole},
    setup::{DAY, HOUR, MINUTE, SECOND, Setup, clock},
};

pub struct Aisoule(pub Setup);

impl House for Aisoule {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let mut terms = vec![self.0.term("minute", clock(), 100, MINUTE), self.0.sliding("second", 10, SECOND)];
        if call.is("POST", "/api/templates/**") {
            terms.push(self.0.sliding("templates", 100, HOUR));
        } else if call.is("POST", "/api/media/**") {
            terms.push(self.0.sliding("uploads", 500, DAY));
        }
        terms.into_iter().map(Charge::one).collect()
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        let minute = &judged.usages[0];
        let headers = [
            ("x-ratelimit-limit", minute.quota.to_string()),
            ("x-ratelimit-remaining", minute.left().to_string()),
            ("x-ratelimit-reset", judged.unix(minute.full_in).to_string()),
        ];
        let wait = judged.room_in();
        match judged.hit {
            None => Answer::new(200, &headers, json!({"status": "success"})),
            // Meta's own, behind it.
            Some(2) => {
                let error = json!({"message": "Too many calls", "code": 80008, "type": "OAuthException"});
                Answer::new(400, &headers, json!({"error": error}))
            }
            Some(_) => {
                let message = format!("Rate limit exceeded. Try again in {} seconds.", whole(wait).max(1));
                Answer::new(429, &headers, json!({"message": message, "status": "error"})).told(wait)
            }
        }
    }
}
