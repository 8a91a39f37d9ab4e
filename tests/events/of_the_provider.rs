//! Cooldowns and strangers, on the memory store and the paused clock.

use std::time::Duration;

use http::{HeaderMap, HeaderValue, StatusCode};
use paceline::{Budget, Dialect, Limit, Limiter, MemoryStore, Observation, Quota};
use tokio::time::sleep;

use super::heard;

const SECOND: Duration = Duration::from_secs(1);

/// One session of a budget of ten in ten seconds.
fn session(store: &MemoryStore) -> Limiter {
    let limit = Limit::sliding_window("requests", Quota::try_new(10, 10 * SECOND).unwrap());
    Limiter::new(store.clone(), Budget::builder("api").limit(limit).build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_cooldown_is_told_once_to_who_was_told_and_once_to_who_waits() {
    let store = MemoryStore::new();
    let (told, other) = (session(&store), session(&store));
    let (mut here, mut there) = (told.events(), other.events());
    let mut permits = Vec::new();
    for _ in 0..5 {
        permits.push(told.acquire(1).await.unwrap());
    }
    for permit in permits {
        sleep(SECOND / 100).await;
        permit.throttled(Some(2 * SECOND));
    }
    told.flush().await.unwrap();
    assert_eq!(heard(&mut here), [r#"requests cools Some(2s) Some("a throttled response")"#]);
    assert!(heard(&mut there).is_empty(), "it has not asked");

    // Several who wait, through the cooldown and until all of it may be used again.
    let callers = (0..8).map(|_| async {
        let permit = other.acquire(1).await.unwrap();
        sleep(SECOND / 2).await;
        permit.complete();
    });
    futures::future::join_all(callers).await;
    let [news] = &heard(&mut there)[..] else { panic!("not once") };
    assert!(news.starts_with("requests cools Some(1.9") && news.ends_with("None"), "{news}");

    // The next one is another.
    sleep(60 * SECOND).await;
    told.acquire(1).await.unwrap().throttled(None);
    told.flush().await.unwrap();
    other.acquire(1).await.unwrap().complete();
    assert_eq!(heard(&mut here), [r#"requests cools None Some("a throttled response")"#]);
    assert_eq!(heard(&mut there).len(), 1);
}

/// A response that says how many are left.
fn left(units: u64) -> Observation {
    let mut headers = HeaderMap::new();
    headers.insert("x-ratelimit-limit", HeaderValue::from(10));
    headers.insert("x-ratelimit-remaining", HeaderValue::from(units));
    Dialect::generic().observe(StatusCode::OK, &headers, b"", Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn others_are_told_of_when_their_number_changes() {
    let limiter = session(&MemoryStore::new());
    let mut events = limiter.events();
    let mut told = Vec::new();
    // One was ours each time.
    for units in [9, 5, 5, 5] {
        limiter.acquire(1).await.unwrap().complete_with(&left(units));
        limiter.flush().await.unwrap();
        sleep(11 * SECOND).await;
        told.extend(heard(&mut events));
    }
    assert_eq!(told, ["others use 4 of requests"]);
    for _ in 0..3 {
        limiter.acquire(1).await.unwrap().complete_with(&left(9));
        limiter.flush().await.unwrap();
        sleep(11 * SECOND).await;
    }
    assert_eq!(heard(&mut events), ["others use 0 of requests"]);
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_sleeps_is_told_what_it_missed_and_holds_nobody_up() {
    let limiter = session(&MemoryStore::new());
    let (mut events, partition) = (limiter.events(), limiter.for_key("other").unwrap());
    for _ in 0..70 {
        limiter.cool_down(SECOND).await.unwrap();
        partition.cool_down(SECOND).await.unwrap();
    }
    let heard = heard(&mut events);
    assert_eq!((heard[0].as_str(), heard.len()), ("missed 6", 65));
}
