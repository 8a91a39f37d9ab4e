//! What responses say is obeyed, by everybody.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use paceline::{Limiter, MemoryStore, PaceMiddleware, Pacer, Preset, reqwest_client};

use super::{
    SECOND, limiter, pacer, preset,
    server::{Server, answer, most_in_a_second, ok},
};

#[tokio::test]
async fn several_processes_on_one_budget_are_never_told_no() {
    let server = Server::start(|_, _| ok()).await;
    let store = MemoryStore::new();
    let mut tasks = Vec::new();
    for _ in 0..4 {
        let client = reqwest_client(Pacer::new(limiter(&store, 20))).unwrap();
        for _ in 0..4 {
            let (client, url) = (client.clone(), server.url.clone());
            tasks.push(tokio::spawn(async move {
                loop {
                    client.get(&url).send().await.unwrap();
                }
            }));
        }
    }
    tokio::time::sleep(3 * SECOND).await;
    tasks.iter().for_each(|task| task.abort());
    let (hits, most) = (server.hits().len(), most_in_a_second(&server.hits()));
    assert!(most <= 20 && hits >= 55, "{most} in a second, {hits} in all");
}

/// Rejects the first request, and those that come before it said.
fn rejects_the_first(seconds: &'static str) -> impl Fn(usize, &super::server::Hit) -> axum::response::Response {
    move |number, _| if number == 0 { answer(429, &[("retry-after", seconds)], "later") } else { ok() }
}

#[tokio::test]
async fn a_throttled_request_is_sent_again_when_the_provider_said_and_not_before() {
    let server = Server::start(rejects_the_first("1")).await;
    let (pacer, limiter) = pacer(50);
    let client = reqwest_client(pacer).unwrap();
    let response = client.get(&server.url).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let hits = server.hits();
    assert_eq!(hits.len(), 2);
    let pause = hits[1].at - hits[0].at;
    assert!(pause >= SECOND && pause < SECOND * 3 / 2, "{pause:?}");
    limiter.flush().await.unwrap();
    let said = limiter.inspect().await.unwrap().unwrap().limits[0].feedback.clone().unwrap();
    assert_eq!(said.cause, "429, retry-after 1.0 s");
}

/// A 200 that says "throttled" in its body, as some APIs do, also where a response is in only with its body.
#[tokio::test]
async fn a_throttle_that_only_the_body_tells_of_is_sent_again() {
    for complete in ["headers", "body"] {
        let no = r#"{"ok": false, "error": "ratelimited"}"#;
        let server = Server::start(move |n, _| answer(200, &[], if n == 0 { no } else { r#"{"ok": true}"# })).await;
        let rule = r#"
            [[throttle]]
            status = [200]
            body_at = { at = "/error", is = "ratelimited" }
            wait = ["1s"]
        "#;
        let preset = preset(complete, rule);
        let limiter = Limiter::new(MemoryStore::new(), preset.budget("polite", &[]).unwrap().build().unwrap());
        let client = reqwest_client(Pacer::new(limiter).preset(preset)).unwrap();
        let response = client.get(&server.url).send().await.unwrap();
        assert_eq!(response.text().await.unwrap(), r#"{"ok": true}"#, "{complete}");
        let hits = server.hits();
        assert!(hits.len() == 2 && hits[1].at - hits[0].at >= SECOND, "{complete}: {} hits", hits.len());
    }
}

#[tokio::test]
async fn only_what_may_be_sent_again_is_and_its_key_stays_the_same() {
    for (key, tries) in [(None, 1), (Some("8e03978e"), 2)] {
        let server = Server::start(rejects_the_first("0")).await;
        let (pacer, _limiter) = pacer(50);
        let mut request = reqwest_client(pacer).unwrap().post(&server.url).body("once");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let status = request.send().await.unwrap().status().as_u16();
        assert_eq!(status, if tries == 1 { 429 } else { 200 });
        let keys: Vec<_> = server.hits().iter().map(|hit| hit.headers.get("idempotency-key").cloned()).collect();
        assert_eq!(keys.len(), tries);
        assert!(keys.iter().all(|sent| sent.as_ref().map(|v| v.to_str().unwrap()) == key), "{keys:?}");
    }
}

#[tokio::test]
async fn retries_are_bounded_and_one_switch_turns_them_off() {
    let server = Server::start(|_, _| answer(429, &[("retry-after", "0")], "")).await;
    for (tries, sent) in [(1, 1), (3, 3)] {
        let before = Instant::now();
        let (pacer, _limiter) = pacer(50);
        let client = reqwest_client(pacer.tries(tries)).unwrap();
        assert_eq!(client.get(&server.url).send().await.unwrap().status(), 429);
        assert_eq!(server.since(before), sent);
    }
}

#[tokio::test]
async fn a_repeat_that_gets_no_turn_in_time_leaves_the_answer_that_there_is() {
    let server = Server::start(rejects_the_first("60")).await;
    let (pacer, _limiter) = pacer(50);
    let client = reqwest_client(pacer.wait(SECOND)).unwrap();
    let response = client.get(&server.url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["retry-after"]), (429, &"60".parse().unwrap()));
    assert_eq!(response.text().await.unwrap(), "later");
    // The next call never went out.
    let error = client.get(&server.url).send().await.unwrap_err();
    assert!(PaceMiddleware::error(&error).unwrap().is_cooling(), "{error}");
    assert_eq!(server.hits().len(), 1);
}

#[tokio::test]
async fn what_each_response_comes_to_can_be_counted() {
    let server = Server::start(rejects_the_first("0")).await;
    let (pacer, _limiter) = pacer(50);
    let verdicts = Arc::<Mutex<Vec<_>>>::default();
    let heard = verdicts.clone();
    let pacer = pacer.on_verdict(move |verdict| heard.lock().unwrap().push((verdict.said.status, verdict.again)));
    reqwest_client(pacer).unwrap().get(&server.url).send().await.unwrap();
    assert_eq!(*verdicts.lock().unwrap(), [(429, true), (200, false)]);
}

#[tokio::test]
async fn a_throttle_of_one_stops_all_others() {
    let server = Server::start(rejects_the_first("2")).await;
    let store = MemoryStore::new();
    let clients: Vec<_> = (0..8).map(|_| reqwest_client(Pacer::new(limiter(&store, 50)).tries(1)).unwrap()).collect();
    assert_eq!(clients[0].get(&server.url).send().await.unwrap().status(), 429);
    let told = Instant::now();
    let others = clients.iter().map(|client| client.get(&server.url).send());
    let answers = futures::future::join_all(others).await;
    assert!(answers.iter().all(|answer| answer.as_ref().unwrap().status() == 200));
    let first = server.hits()[1].at - told;
    assert!(first >= SECOND * 19 / 10, "the next came after {first:?}");
}

#[tokio::test]
async fn a_credential_that_is_refused_stops_at_once_with_a_clear_error() {
    let server = Server::start(|_, _| answer(401, &[], "who are you")).await;
    let (pacer, _limiter) = pacer(50);
    let client = reqwest_client(pacer).unwrap();
    assert_eq!(client.get(&server.url).send().await.unwrap().status(), 401);
    let error = client.get(&server.url).bearer_auth("s3cret").send().await.unwrap_err();
    let own = PaceMiddleware::error(&error).unwrap();
    assert!(own.is_refused(), "{own}");
    let text = own.to_string();
    assert!(text.contains("budget api") && text.contains("401") && text.contains("mend the key"), "{text}");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    assert_eq!(server.hits().len(), 1);
}

#[tokio::test]
async fn what_only_the_body_says_is_read_and_the_caller_gets_all_of_it() {
    let long =
        format!(r#"{{"message":"Rate limit exceeded. Try again in 30 seconds.","rest":"{}"}}"#, "x".repeat(1 << 20));
    let body = long.clone();
    let server = Server::start(move |_, _| answer(429, &[("x-ratelimit-remaining", "5")], body.clone())).await;
    let aisoule = Preset::aisoule();
    let limiter = Limiter::new(MemoryStore::new(), aisoule.budget("aisoule", &[]).unwrap().build().unwrap());
    let client = reqwest_client(Pacer::new(limiter.clone()).preset(aisoule).tries(1)).unwrap();
    let response = client.get(format!("{}/api/messages", server.url)).send().await.unwrap();
    assert_eq!(response.text().await.unwrap(), long);
    limiter.flush().await.unwrap();
    let report = limiter.inspect().await.unwrap().unwrap();
    let cooling: Vec<_> = report.limits.iter().filter_map(|l| Some((l.name.as_str(), l.cooldown_ms?))).collect();
    let [("second", ms)] = cooling[..] else { panic!("{cooling:?}") };
    assert!((29_000..=30_000).contains(&ms), "{ms}");
}

#[tokio::test]
async fn use_by_strangers_is_seen_and_left_to_them() {
    // Each answer says that 40 of 100 are left; we used one or two.
    let server =
        Server::start(|_, _| answer(200, &[("x-ratelimit-limit", "100"), ("x-ratelimit-remaining", "40")], "")).await;
    let klinky = Preset::klinky();
    let budget = klinky.budget("klinky", &[("plan", "growth")]).unwrap().build().unwrap();
    let limiter = Limiter::new(MemoryStore::new(), budget);
    let client = reqwest_client(Pacer::new(limiter.clone()).preset(klinky)).unwrap();
    for _ in 0..4 {
        client.get(&server.url).send().await.unwrap();
        limiter.flush().await.unwrap();
    }
    let hour = limiter.inspect().await.unwrap().unwrap().limits[0].clone();
    assert!(hour.free <= 40 && hour.feedback.unwrap().by_others >= 55, "{}", hour.free);
}
