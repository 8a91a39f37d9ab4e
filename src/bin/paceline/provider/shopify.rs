//! Shopify: a bucket of requests for REST, one of points for GraphQL, whose throttling is a 200.

use serde_json::{Value, json};

use super::{
    house::{Answer, Call, Charge, House, Judged},
    meter::{Kind, Term},
    setup::SECOND,
};

/// Its buckets are of seconds, so there is nothing to shorten.
pub struct Shopify;

/// What a query may cost, which is taken first, and what it does: from 10 to 49 points.
const REQUESTED: u64 = 50;

fn actual(call: &Call) -> u64 {
    10 + call.number.wrapping_mul(7919) % 40
}

fn is_graphql(call: &Call) -> bool {
    call.is("POST", "/admin/api/*/graphql.json")
}

impl House for Shopify {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let bucket = |name: &str, refill, holds| Term::new(name, Kind::Bucket { refill }, holds, SECOND);
        if is_graphql(call) {
            let back = REQUESTED - actual(call);
            return vec![Charge { term: bucket("points", 100, 2000), units: REQUESTED, back }];
        }
        vec![Charge::one(bucket("rest", 2, 40))]
    }

    fn answer(&self, call: &Call, judged: &Judged) -> Answer {
        let usage = &judged.usages[0];
        if is_graphql(call) {
            let accepted = judged.accepted();
            let left = usage.left() + if accepted { REQUESTED - actual(call) } else { 0 };
            let status =
                json!({"maximumAvailable": usage.quota as f64, "currentlyAvailable": left, "restoreRate": 100.0});
            let spent = if accepted { json!(actual(call)) } else { Value::Null };
            let cost = json!({"requestedQueryCost": REQUESTED, "actualQueryCost": spent, "throttleStatus": status});
            let mut body = json!({"extensions": {"cost": cost}});
            if accepted {
                body["data"] = json!({"shop": {"name": "practice"}});
                return Answer::new(200, &[], body);
            }
            body["errors"] = json!([{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]);
            return Answer::new(200, &[], body).told(usage.room_in);
        }
        let mut headers = vec![("x-shopify-shop-api-call-limit", format!("{}/{}", usage.used, usage.quota))];
        if judged.accepted() {
            return Answer::new(200, &headers, json!({"orders": []}));
        }
        headers.push(("retry-after", "2.0".to_owned()));
        let body = json!({"errors": "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service."});
        Answer::new(429, &headers, body).told(2 * SECOND)
    }
}
