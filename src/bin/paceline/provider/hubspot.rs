//! HubSpot: ten seconds, a day that begins at the midnight of the account, and a search of its own.

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged},
    setup::{SECOND, Setup},
};

pub struct HubSpot(pub Setup);

fn is_search(call: &Call) -> bool {
    call.is("POST", "/crm/*/objects/*/search") || call.is("POST", "/crm/*/*/search")
}

impl House for HubSpot {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let mut terms = vec![self.0.sliding("ten-seconds", 100, 10 * SECOND), self.0.day("day", 250_000)];
        if is_search(call) {
            terms.push(self.0.sliding("search", 4, SECOND));
        }
        terms.into_iter().map(Charge::one).collect()
    }

    fn answer(&self, call: &Call, judged: &Judged) -> Answer {
        let [ten, day] = [&judged.usages[0], &judged.usages[1]];
        let mut headers = vec![
            ("x-hubspot-ratelimit-max", ten.quota.to_string()),
            ("x-hubspot-ratelimit-remaining", ten.left().to_string()),
            ("x-hubspot-ratelimit-interval-milliseconds", ten.per.as_millis().to_string()),
            ("x-hubspot-ratelimit-daily", day.quota.to_string()),
            ("x-hubspot-ratelimit-daily-remaining", day.left().to_string()),
        ];
        if is_search(call) {
            headers.clear();
        }
        let Some(hit) = judged.hit else { return Answer::new(200, &headers, json!({"results": []})) };
        let (policy, text) = [
            ("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit."),
            ("DAILY", "You have reached your daily limit."),
            ("SECONDLY", "You have reached your secondly limit."),
        ][hit.min(2)];
        let body = json!({"status": "error", "message": text, "errorType": "RATE_LIMIT", "policyName": policy});
        Answer::new(429, &headers, body)
    }
}
