//! Customer.io: Track, the App API and broadcasts, and a 429 without any hint.

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged},
    setup::{SECOND, Setup},
};

pub struct CustomerIo(pub Setup);

impl House for CustomerIo {
    fn charges(&self, call: &Call) -> Vec<Charge> {
        let host = |name: &str| call.host.starts_with(name);
        // Where only the path tells: that of the Track API begins with /api.
        let ingress = host("track") || host("cdp") || call.is("", "/api/**") || call.is("POST", "/v1/send/*");
        let app = self.0.sliding("app", 10, SECOND);
        let terms = if ingress {
            vec![self.0.sliding("ingress", 100, SECOND)]
        } else if call.is("POST", "/v1/campaigns/*/triggers") {
            vec![app, self.0.sliding("broadcast", 1, 10 * SECOND)]
        } else {
            vec![app]
        };
        terms.into_iter().map(Charge::one).collect()
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        if judged.accepted() {
            return Answer::new(200, &[], json!({}));
        }
        Answer::new(429, &[], json!({"meta": {"errors": ["too many requests"]}}))
    }
}
