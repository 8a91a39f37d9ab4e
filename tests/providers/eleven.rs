//! Never told to wait, and nearly all of the budget used.

use super::{
    fleet::Play,
    shortened::{AS_THEY_ARE, Short},
};

const fn minutes(scale: f64) -> Short {
    Short { periods: &[("1m", "3s")], scale }
}

/// Plays it, and looks at the limits that bind.
async fn is_kept_to(play: Play, binds: &[&str]) {
    let log = play.run().await;
    println!("{}: {} sent, {} rejected", play.name, log.count("sent"), log.count("rejected"));
    assert_eq!(log.count("rejected"), 0, "{log}");
    for limit in binds {
        let share = log.share(limit);
        println!("{}: {:.1} % of {limit}", play.name, share * 100.0);
        assert!(share >= 0.95, "{limit}: {share}: {log}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn klaviyo() {
    let calls = &[("GET", "a.klaviyo.com", "/api/images"), ("GET", "a.klaviyo.com", "/api/flows/7")];
    is_kept_to(Play::new("klaviyo", minutes(0.1), calls), &["steady GET /api/images", "steady GET /api/flows/*"]).await;
}

/// An endpoint with a limit of its own by the day.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn klaviyo_by_the_day() {
    let days = Short { periods: &[("1m", "1s"), ("1d", "3s")], scale: 0.05 };
    is_kept_to(Play::new("klaviyo", days, &[("POST", "a.klaviyo.com", "/api/images")]), &["daily POST /api/images"])
        .await;
}

/// What the query asks for has limits of its own, whichever the endpoint.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn klaviyo_by_the_query() {
    let calls = &[
        ("GET", "a.klaviyo.com", "/api/profiles/7?additional-fields[profile]=predictive_analytics"),
        (
            "GET",
            "a.klaviyo.com",
            "/api/lists/7/profiles?page[size]=9&additional-fields%5Bprofile%5D=predictive_analytics",
        ),
        ("GET", "a.klaviyo.com", "/api/lists/7?additional-fields[list]=profile_count"),
    ];
    let binds = ["steady predictive-analytics", "steady additional-fields"];
    is_kept_to(Play::new("klaviyo", minutes(0.1), calls), &binds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keap() {
    let calls = &[("GET", "api.infusionsoft.com", "/crm/rest/v1/contacts")];
    is_kept_to(Play::new("keap", minutes(0.05), calls), &["minute"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn klinky() {
    let hours = Short { periods: &[("1h", "3s")], scale: 0.3 };
    is_kept_to(Play::new("klinky", hours, &[("GET", "klinky-api.fly.dev", "/api/v1/links")]), &["hour"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn customerio() {
    let calls = &[
        ("PUT", "track.customer.io", "/api/v1/customers/7"),
        ("GET", "api.customer.io", "/v1/segments"),
        ("PUT", "track.customer.io", "/api/v1/customers/8"),
        ("PUT", "track.customer.io", "/api/v1/customers/9"),
    ];
    let play = Play { callers: 24, ..Play::new("customerio", AS_THEY_ARE, calls) };
    is_kept_to(play, &["app", "ingress"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aisoule() {
    is_kept_to(Play::new("aisoule", minutes(0.24), &[("GET", "aisoule", "/api/messages")]), &["minute"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn github() {
    let reads = Play::new("github", minutes(0.05), &[("GET", "api.github.com", "/repos/a/b")]);
    let writes = Play::new("github", minutes(0.2), &[("POST", "api.github.com", "/repos/a/b/issues")]);
    tokio::join!(is_kept_to(reads, &["points"]), is_kept_to(writes, &["content-minute"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shopify() {
    let rest = Play::new("shopify", AS_THEY_ARE, &[("GET", "x.myshopify.com", "/admin/api/2026-01/orders.json")]);
    let graphql = Play::new("shopify", AS_THEY_ARE, &[("POST", "x.myshopify.com", "/admin/api/2026-01/graphql.json")]);
    let ((), log) = tokio::join!(is_kept_to(rest, &["rest"]), graphql.run());
    assert_eq!(log.count("rejected"), 0, "{log}");
    let share = log.share("points");
    println!("shopify: {} sent, {:.1} % of points", log.count("sent"), share * 100.0);
    assert!(share >= 0.95, "{share}: {log}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hubspot() {
    let short = Short { periods: &[("10s", "3s")], scale: 0.3 };
    let play = Play {
        vars: &[("zone", "America/New_York")],
        provider: &["--delay", "2ms..20ms", "--zone", "America/New_York"],
        ..Play::new("hubspot", short, &[("GET", "api.hubapi.com", "/crm/v3/objects/contacts")])
    };
    is_kept_to(play, &["ten-seconds"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stripe() {
    let calls = &[
        ("GET", "api.stripe.com", "/v1/charges"),
        ("GET", "api.stripe.com", "/v1/customers"),
        ("GET", "api.stripe.com", "/v1/invoices"),
        ("GET", "api.stripe.com", "/v1/payouts"),
        ("GET", "api.stripe.com", "/v1/refunds"),
        ("GET", "api.stripe.com", "/v1/events"),
    ];
    is_kept_to(Play { callers: 24, ..Play::new("stripe", AS_THEY_ARE, calls) }, &["all"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slack() {
    let calls = &[("GET", "slack.com", "/api/users.list"), ("GET", "slack.com", "/api/conversations.info")];
    let binds = ["method users.list", "method conversations.info"];
    is_kept_to(Play { callers: 8, ..Play::new("slack", minutes(1.0), calls) }, &binds).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openai() {
    let play = Play {
        vars: &[("requests", "500"), ("requests_per", "3s"), ("tokens", "200000")],
        ..Play::new("openai", minutes(1.0), &[("POST", "api.openai.com", "/v1/chat/completions")])
    };
    is_kept_to(play, &["tokens"]).await;
}
