//! Slack: a minute for each method by its tier, and a second for each channel.

use serde_json::{Value, json};

use super::{
    house::{Answer, Call, Charge, House, Judged, whole},
    setup::{MINUTE, SECOND, Setup},
};

pub struct Slack(pub Setup);

/// Calls a minute of some methods; all others have one.
const METHODS: [(&str, u64); 9] = [
    ("chat.postMessage", 100),
    ("users.info", 100),
    ("auth.test", 100),
    ("conversations.history", 50),
    ("conversations.info", 50),
    ("chat.update", 50),
    ("users.list", 20),
    ("conversations.list", 20),
    ("search.messages", 20),
];

impl House for Slack {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let method = call.path.trim_start_matches("/api/");
        let quota = METHODS.iter().find(|(name, _)| *name == method).map_or(1, |(_, quota)| *quota);
        let mut charges = vec![Charge::one(self.0.sliding(format!("method {method}"), quota, MINUTE))];
        let body: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        if let (true, Some(channel)) = (method == "chat.postMessage", body["channel"].as_str()) {
            charges.push(Charge::one(self.0.sliding(format!("channel {channel}"), 1, SECOND)));
        }
        charges
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        if judged.accepted() {
            return Answer::new(200, &[], json!({"ok": true}));
        }
        let wait = judged.room_in();
        let headers = [("retry-after", whole(wait).max(1).to_string())];
        Answer::new(429, &headers, json!({"ok": false, "error": "ratelimited"})).told(wait)
    }
}
