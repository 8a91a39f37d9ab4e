//! GitHub: an hour that begins with the first call in it, searches, and secondary limits that say 403.

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged, whole},
    meter::{Kind, Term, Turn},
    setup::{HOUR, MINUTE, Setup},
};

pub struct GitHub(pub Setup);

impl GitHub {
    /// The limit that the headers are about: its resource, how much in which time.
    fn primary(&self, call: &Call) -> (&'static str, Term) {
        let first = |name, quota, per| self.0.term(name, Kind::Fixed(Turn::First), quota, per);
        if call.is("POST", "/graphql") {
            ("graphql", first("graphql", 5000, HOUR))
        } else if call.is("", "/search/code") {
            ("code_search", first("code-search", 10, MINUTE))
        } else if call.is("", "/search/**") {
            ("search", first("search", 30, MINUTE))
        } else {
            ("core", first("core", 5000, HOUR))
        }
    }
}

impl House for GitHub {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let reads = ["GET", "HEAD", "OPTIONS"].contains(&call.method.as_str());
        let (points, most) = if call.is("POST", "/graphql") { ("graphql-points", 2000) } else { ("points", 900) };
        let open = Term::new("open", Kind::Open, 100, MINUTE);
        let mut charges = vec![
            Charge::one(self.primary(call).1),
            Charge { units: if reads { 1 } else { 5 }, ..Charge::one(self.0.sliding(points, most, MINUTE)) },
            Charge { back: 1, ..Charge::one(open) },
        ];
        if !reads {
            charges.push(Charge::one(self.0.sliding("content-minute", 80, MINUTE)));
            charges.push(Charge::one(self.0.sliding("content-hour", 500, HOUR)));
        }
        charges
    }

    fn answer(&self, call: &Call, judged: &Judged) -> Answer {
        let usage = &judged.usages[0];
        let mut headers = vec![
            ("x-ratelimit-limit", usage.quota.to_string()),
            ("x-ratelimit-remaining", usage.left().to_string()),
            ("x-ratelimit-used", usage.used.to_string()),
            ("x-ratelimit-reset", judged.unix(usage.full_in).to_string()),
            ("x-ratelimit-resource", self.primary(call).0.to_owned()),
        ];
        match judged.hit {
            None => Answer::new(200, &headers, json!({"items": []})),
            Some(0) => {
                let body = json!({"message": "API rate limit exceeded for user ID 1."});
                Answer::new(403, &headers, body).told(usage.full_in)
            }
            Some(_) => {
                let wait = judged.room_in();
                headers.push(("retry-after", whole(wait).max(1).to_string()));
                let body = json!({"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."});
                Answer::new(403, &headers, body).told(wait)
            }
        }
    }
}
