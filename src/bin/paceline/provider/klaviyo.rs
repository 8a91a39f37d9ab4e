//! Klaviyo: for each endpoint a burst and a steady window by its tier, told as a list; a 429 with nothing but Retry-After.

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged, whole},
    meter::{Kind, Turn},
    setup::{DAY, MINUTE, SECOND, Setup},
};

pub struct Klaviyo(pub Setup);

/// Calls a second and a minute, and a day, if that is limited.
type Tier = (u64, u64, Option<u64>);

const XS: Tier = (1, 15, None);
const S: Tier = (3, 60, None);
const M: Tier = (10, 150, None);
const L: Tier = (75, 700, None);
const XL: Tier = (350, 3500, None);

/// Some of its endpoints; all others are XS.
const ENDPOINTS: [(&str, &str, Tier); 14] = [
    ("GET", "/api/accounts", XS),
    ("GET", "/api/flows", S),
    ("GET", "/api/flows/*", S),
    ("GET", "/api/images", M),
    ("GET", "/api/images/*", M),
    ("GET", "/api/profiles", L),
    ("GET", "/api/profiles/*", L),
    ("POST", "/api/profiles", L),
    ("GET", "/api/events", XL),
    ("POST", "/api/events", XL),
    ("POST", "/api/campaign-values-reports", (1, 2, Some(225))),
    ("POST", "/api/image-upload", (3, 100, Some(100))),
    ("POST", "/api/images", (3, 100, Some(100))),
    ("POST", "/api/lists", (10, 150, Some(150))),
];

/// What is dear to find out is counted by itself, whichever endpoint is asked for it.
const PARAMETERS: [(&str, &str, Tier); 2] =
    [("profile_count", "additional-fields", XS), ("predictive_analytics", "predictive-analytics", M)];

impl House for Klaviyo {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let known = ENDPOINTS.iter().find(|(method, path, _)| call.is(method, path));
        let asked = PARAMETERS.iter().find(|(parameter, ..)| call.query.contains(parameter));
        let (endpoint, (burst, steady, daily)) = match (asked, known) {
            (Some((_, shared, tier)), _) => ((*shared).to_owned(), *tier),
            (None, Some((method, path, tier))) => (format!("{method} {path}"), *tier),
            (None, None) => (format!("{} {}", call.method, call.path), XS),
        };
        let windows = [("burst", Some(burst), SECOND), ("steady", Some(steady), MINUTE), ("daily", daily, DAY)];
        let charges = windows.into_iter().filter_map(|(name, quota, per)| {
            // Where they begin is not documented: not with the clock, here.
            let turns = Kind::Fixed(Turn::Clock(per * 2 / 7));
            Some(Charge::one(self.0.term(format!("{name} {endpoint}"), turns, quota?, per)))
        });
        charges.collect()
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        if !judged.accepted() {
            let wait = whole(judged.room_in()).max(1);
            let detail = format!("Request was throttled. Expected available in {wait} second.");
            let error = json!({
                "id": "0a1b", "status": 429, "code": "throttled", "title": "Request was throttled.", "detail": detail,
                "source": {"pointer": "/data"}, "links": {}, "meta": {},
            });
            let headers = [("retry-after", wait.to_string())];
            return Answer::new(429, &headers, json!({"errors": [error]})).told(judged.room_in());
        }
        let windows: Vec<_> =
            judged.usages.iter().map(|usage| format!("{};w={}", usage.quota, whole(usage.per))).collect();
        // The window that binds is the first member, and the one that the others are about.
        let Some(binds) = judged.usages.iter().min_by_key(|usage| usage.left()) else {
            return Answer::new(200, &[], json!({"data": []}));
        };
        let headers = [
            ("ratelimit-limit", format!("{}, {}", binds.quota, windows.join(", "))),
            ("ratelimit-remaining", binds.left().to_string()),
            ("ratelimit-reset", whole(binds.full_in).to_string()),
        ];
        Answer::new(200, &headers, json!({"data": []}))
    }
}
