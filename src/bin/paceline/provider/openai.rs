//! OpenAI: requests and tokens, with resets as Go writes durations. What fails counts as well.

use std::time::Duration;

use serde_json::{Value, json};

use super::{
    house::{Answer, Call, Charge, House, Judged},
    meter::Usage,
    setup::{MINUTE, Setup},
};

pub struct OpenAi(pub Setup);

/// What a call really takes, which nobody knows before: from 200 to 999 tokens.
fn tokens(call: &Call) -> u64 {
    200 + call.number.wrapping_mul(7919) % 800
}

impl House for OpenAi {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let mut requests = self.0.sliding("requests", 500, MINUTE);
        requests.counts_rejected = true;
        let mut charges = vec![Charge::one(requests)];
        if call.method == "POST" {
            let tokens = tokens(call);
            charges.push(Charge { term: self.0.sliding("tokens", 200_000, MINUTE), units: tokens, back: 0 });
        }
        charges
    }

    fn answer(&self, call: &Call, judged: &Judged) -> Answer {
        let mut headers = family("requests", &judged.usages[0]);
        if let Some(tokens) = judged.usages.get(1) {
            headers.extend(family("tokens", tokens));
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let Some(hit) = judged.hit else {
            let usage: Value = json!({"total_tokens": tokens(call)});
            return Answer::new(200, &headers, json!({"object": "chat.completion", "choices": [], "usage": usage}));
        };
        let what = ["requests", "tokens"][hit.min(1)];
        let wait = judged.room_in();
        let message = format!("Rate limit reached on {what} per min. Please try again in {}.", go(wait));
        let error = json!({"message": message, "type": what, "code": "rate_limit_exceeded"});
        Answer::new(429, &headers, json!({"error": error})).told(wait)
    }
}

fn family(what: &str, usage: &Usage) -> Vec<(String, String)> {
    let name = |part: &str| format!("x-ratelimit-{part}-{what}");
    vec![
        (name("limit"), usage.quota.to_string()),
        (name("remaining"), usage.left().to_string()),
        (name("reset"), go(usage.full_in)),
    ]
}

/// As Go writes it: `6m0s`, `1.5s`, `20ms`.
fn go(time: Duration) -> String {
    let ms = time.as_millis();
    match ms {
        0..1000 => format!("{ms}ms"),
        1000..60_000 => format!("{}s", ms as f64 / 1000.0),
        _ => format!("{}m{}s", ms / 60_000, (ms % 60_000) as f64 / 1000.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_does() {
        let texts = [20, 1500, 360_000, 61_250].map(|ms| go(Duration::from_millis(ms)));
        assert_eq!(texts, ["20ms", "1.5s", "6m0s", "1m1.25s"]);
    }
}
