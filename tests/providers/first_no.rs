//! The first "not now" of one call stops eight processes of eight callers: what comes after it was on its way.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Router, http::StatusCode, response::IntoResponse};
use paceline::{Limiter, Preset, RedisStore};
use tokio::time::{Instant, timeout_at};

use super::{fleet::client, support};

const SECOND: Duration = Duration::from_secs(1);

/// When calls arrived, and from when on they are rejected for ten seconds.
#[derive(Default)]
struct Came {
    at: Vec<Instant>,
    no: Option<Instant>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_after_it_was_on_its_way() {
    let came = Arc::new(Mutex::new(Came::default()));
    let (log, begins) = (came.clone(), Instant::now());
    let app = Router::new().fallback(async move || {
        let no = {
            let (mut came, now) = (log.lock().unwrap(), Instant::now());
            came.at.push(now);
            if now - begins > 2 * SECOND && came.no.is_none() {
                came.no = Some(now);
            }
            came.no.is_some_and(|no| now < no + 10 * SECOND)
        };
        tokio::time::sleep(Duration::from_millis(fastrand::u64(5..50))).await;
        if no { (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "10")]).into_response() } else { "ok".into_response() }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move { axum::serve(listener, app).await });

    let calls = &[("PUT", "track.customer.io", "/api/v1/customers/7")];
    let preset = Preset::customerio();
    let budget = preset.budget(&support::unique("first-no"), &[]).unwrap().build().unwrap();
    let ends = begins + 14 * SECOND;
    let mut callers = Vec::new();
    for _ in 0..8 {
        let store = RedisStore::connect(support::redis_url()).await.unwrap();
        let client = client(Limiter::new(store, budget.clone()), preset.clone(), calls, port);
        for _ in 0..8 {
            let (client, url) = (client.clone(), format!("http://{}:{port}{}", calls[0].1, calls[0].2));
            callers.push(tokio::spawn(async move {
                while let Ok(sent) = timeout_at(ends, client.put(&url).send()).await {
                    sent.unwrap();
                }
            }));
        }
    }
    for caller in callers {
        caller.await.unwrap();
    }
    let came = came.lock().unwrap();
    let no = came.no.expect("it came to the first no");
    let during = |from, to| came.at.iter().filter(|at| (no + from..no + to).contains(*at)).count();
    let after = during(Duration::ZERO, 9 * SECOND) - 1;
    println!("after the first no: {after} were on their way, of 64 callers");
    assert!(after <= 63, "{after} came after it");
    let late = during(SECOND / 2, 99 * SECOND / 10);
    assert_eq!(late, 0, "they came when the fleet knew");
    assert!(during(10 * SECOND, 12 * SECOND) > 30, "nobody comes any more");
}
