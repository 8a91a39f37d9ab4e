//! Somebody else spends half of the same budget, evenly, and knows nothing of us.

use std::time::Duration;

use super::{
    fleet::Play,
    shortened::{AS_THEY_ARE, Short},
};

/// Calls that find out about him, beside the hundredth that may be rejected: twenty seconds are short.
const FOUND_OUT: u64 = 3;

/// Of a hundred of our calls one is rejected at most, and none is sent while a cooldown lasts.
async fn is_lived_with(play: Play) {
    let provider = &["--delay", "2ms..20ms", "--stranger", "0.5"];
    let log = Play { provider, lasts: Duration::from_secs(20), ..play.clone() }.run().await;
    let (sent, rejected) = (log.count("sent"), log.count("rejected"));
    println!("{} beside a stranger: {sent} sent, {rejected} rejected", play.name);
    assert_eq!(log.count("too_early"), 0, "{log}");
    assert!(rejected <= FOUND_OUT + sent / 100, "{log}");
}

/// He uses half of the limit that gives the least in the long run, so a day is as long here as to give more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_headers_tell_of_is_left_to_him() {
    let short = Short { periods: &[("10s", "3s"), ("1d", "1m")], scale: 3.0 };
    let calls = &[("GET", "api.hubapi.com", "/crm/v3/objects/contacts")];
    let hubspot = Play { vars: &[("zone", "UTC")], ..Play::new("hubspot", short, calls) };

    let hours = Short { periods: &[("1h", "3s")], scale: 3.0 };
    let klinky = Play::new("klinky", hours, &[("GET", "klinky-api.fly.dev", "/api/v1/links")]);

    let vars = &[("requests", "100"), ("requests_per", "3s"), ("tokens", "200000")];
    let minutes = Short { periods: &[("1m", "3s")], scale: 0.2 };
    let openai = Play { vars, ..Play::new("openai", minutes, &[("GET", "api.openai.com", "/v1/models")]) };

    let calls = &[("GET", "x.myshopify.com", "/admin/api/2026-01/orders.json")];
    let shopify = Play::new("shopify", AS_THEY_ARE, calls);

    tokio::join!(is_lived_with(hubspot), is_lived_with(klinky), is_lived_with(openai), is_lived_with(shopify));
}

/// Where no header tells of him, the first throttle does, or the first few: then there is room for both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_header_tells_of_is_found_out() {
    let minutes = Short { periods: &[("1m", "3s")], scale: 1.0 };
    let hours = Short { periods: &[("1h", "3s"), ("1m", "3s")], scale: 0.2 };
    let calls = [
        ("github", hours, &[("GET", "api.github.com", "/repos/a/b")]),
        ("klaviyo", AS_THEY_ARE, &[("GET", "a.klaviyo.com", "/api/flows/7")]),
        ("keap", AS_THEY_ARE, &[("GET", "api.infusionsoft.com", "/crm/rest/v1/contacts")]),
        ("customerio", AS_THEY_ARE, &[("GET", "api.customer.io", "/v1/segments")]),
        ("stripe", AS_THEY_ARE, &[("GET", "api.stripe.com", "/v1/charges")]),
        ("slack", minutes, &[("GET", "slack.com", "/api/users.list")]),
        ("aisoule", AS_THEY_ARE, &[("GET", "aisoule", "/api/messages")]),
    ];
    let [a, b, c, d, e, f, g] = calls.map(|(name, short, calls)| is_lived_with(Play::new(name, short, calls)));
    tokio::join!(a, b, c, d, e, f, g);
}
