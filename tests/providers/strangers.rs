//! Somebody else spends half of the same budget, evenly, and knows nothing of us.

use std::time::Duration;

use super::{fleet::Play, shortened::Short};

/// What the first answers tell of him comes when as many as there are callers were sent, and their next ones perhaps.
const UNAWARE: u64 = 2 * 18;

/// Few of our calls are rejected from this second on, when answers told of him, and none comes while a cooldown lasts.
async fn is_lived_with(play: Play, from: usize) {
    let provider = &["--delay", "2ms..20ms", "--stranger", "0.5"];
    let log = Play { provider, lasts: Duration::from_secs(14), ..play.clone() }.run().await;
    let (accepted, rejected) = log.since_second(from);
    let (first_accepted, first_rejected) = log.since_second(0);
    println!(
        "{} beside a stranger: {} sent, {} rejected; {rejected} of {} after {from} s",
        play.name,
        first_accepted + first_rejected,
        first_rejected,
        accepted + rejected
    );
    assert_eq!(log.count("too_early"), 0, "{log}");
    assert!(first_rejected - rejected <= UNAWARE, "{log}");
    assert!(rejected * 100 <= accepted + rejected, "{rejected} of {accepted}: {log}");
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

    tokio::join!(is_lived_with(hubspot, 2), is_lived_with(klinky, 2), is_lived_with(openai, 2));
}

/// Where no header tells of him, throttles that follow one another do: after some of them there is room for both.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_header_tells_of_is_found_out() {
    let minutes = Short { periods: &[("1h", "3s"), ("1m", "3s")], scale: 0.2 };
    is_lived_with(Play::new("github", minutes, &[("GET", "api.github.com", "/repos/a/b")]), 6).await;
}
