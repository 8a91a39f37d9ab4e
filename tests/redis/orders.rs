//! What an operator orders holds at once for all that use the budget, says so, and leaves a trail.

use std::time::{Duration, Instant};

use paceline::{Budget, Decision, Limit, LimitReport, Limiter, ManualClock, Order, Quota, RedisStore};

use crate::support::RedisServer;

const HOUR: Duration = Duration::from_secs(3600);

fn budget() -> Budget {
    Budget::builder("keap")
        .limit(Limit::sliding_window("hour", Quota::per_hour(4)))
        .limit(Limit::token_bucket("bucket", Quota::per_minute(60)))
        .limit(Limit::fixed_window("day", Quota::per_day(1000)).zone("Europe/Berlin"))
        .limit(Limit::concurrency("open", 50))
        .build()
        .unwrap()
}

/// A limiter whose time a test moves, and its store.
async fn at(server: &RedisServer, clock: &ManualClock) -> (Limiter, RedisStore) {
    let store = RedisStore::connect_with_clock(server.url(), clock.clone()).await.unwrap();
    (Limiter::new(store.clone(), budget()), store)
}

async fn limit(limiter: &Limiter, name: &str) -> LimitReport {
    let report = limiter.inspect().await.unwrap().unwrap();
    report.limits.into_iter().find(|limit| limit.name == name).unwrap()
}

async fn granted(limiter: &Limiter, calls: u64) -> u64 {
    let mut count = 0;
    for _ in 0..calls {
        if let Decision::Granted(permit) = limiter.try_acquire(1).await.unwrap() {
            permit.complete();
            count += 1;
        }
    }
    limiter.flush().await.unwrap();
    count
}

/// Waits till an operator sees so many callers wait.
async fn shows_waiting(limiter: &Limiter, callers: u64) {
    let looked = Instant::now();
    while limiter.inspect().await.unwrap().unwrap().waiting != callers {
        assert!(looked.elapsed() < Duration::from_secs(10), "{callers} wait");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_pause_holds_everybody_until_it_is_resumed() {
    let server = RedisServer::own();
    let (operator, fleet) = (
        RedisStore::connect_trusting(server.url()).await.unwrap(),
        RedisStore::connect_trusting(server.url()).await.unwrap(),
    );
    let limiter = Limiter::new(fleet, budget());
    limiter.acquire(1).await.unwrap().complete();
    operator.order("keap", None, &Order::Pause { time: None }, "anna@ops", "their maintenance").await.unwrap();
    assert!(matches!(limiter.try_acquire(1).await.unwrap(), Decision::Denied(_)));
    let error = limiter.acquire_within(1, Duration::from_millis(100)).await.unwrap_err();
    assert!(error.is_paused() && error.is_too_late(), "{error}");
    assert!(error.to_string().contains("`paceline resume keap`"), "{error}");
    let report = limiter.inspect().await.unwrap().unwrap();
    let pause = report.paused.unwrap();
    assert_eq!((pause.left_ms, pause.who.as_str(), pause.why.as_str()), (None, "anna@ops", "their maintenance"));
    assert_eq!(server.command(&["PTTL", "pl:1:{keap}"]), "-1", "a pause is not forgotten");

    let wait = || {
        let limiter = limiter.clone();
        tokio::spawn(async move { limiter.acquire(1).await.map(|permit| permit.complete()) })
    };
    let [waits, gives_up] = [wait(), wait()];
    shows_waiting(&limiter, 2).await;
    gives_up.abort();
    shows_waiting(&limiter, 1).await;
    let report = limiter.inspect().await.unwrap().unwrap();
    assert!(report.limits.iter().all(|limit| limit.waiting == 0), "nobody stands in line: {report:?}");
    assert_eq!((report.sessions[0].waiting, report.sessions[0].turn_in_ms), (1, None));
    assert!(!waits.is_finished());
    operator.order("keap", None, &Order::Resume, "anna@ops", "").await.unwrap();
    let resumed = Instant::now();
    waits.await.unwrap().unwrap();
    assert!(resumed.elapsed() < Duration::from_secs(4), "it is told, or looks every 2 s: {:?}", resumed.elapsed());
    assert_ne!(server.command(&["PTTL", "pl:1:{keap}"]), "-1");
    let report = limiter.inspect().await.unwrap().unwrap();
    assert_eq!((report.paused, report.waiting), (None, 0));
    let again = operator.order("keap", None, &Order::Resume, "anna@ops", "").await.unwrap_err();
    assert!(again.to_string().contains("it is not paused"), "{again}");
}

#[tokio::test]
async fn a_pause_may_come_before_anybody_and_end_by_itself() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    store.order("keap", None, &Order::Pause { time: Some(HOUR) }, "anna", "").await.unwrap();
    let kept: i64 = server.command(&["PTTL", "pl:1:{keap}"]).parse().unwrap();
    assert!((3_600_000..=3_660_000).contains(&kept), "no longer than it lasts, and a minute: {kept}");
    assert_eq!(granted(&limiter, 1).await, 0);
    let error = limiter.acquire_within(1, HOUR / 2).await.unwrap_err();
    assert!(error.is_paused(), "half an hour is too short, and it is said at once: {error}");
    clock.advance(HOUR - Duration::from_secs(1));
    assert_eq!(granted(&limiter, 1).await, 0);
    clock.advance(Duration::from_secs(1));
    assert_eq!(granted(&limiter, 1).await, 1);
    assert_ne!(server.command(&["PTTL", "pl:1:{keap}"]), "-1", "and it is forgotten as ever");
}

#[tokio::test]
async fn a_reset_forgets_what_was_used_but_not_what_is_in_flight() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    let Decision::Granted(held) = limiter.try_acquire(1).await.unwrap() else { panic!("all is free") };
    assert_eq!(granted(&limiter, 5).await, 3);
    limiter.cool_down(HOUR).await.unwrap();
    store.order("keap", None, &Order::Reset { limit: None }, "anna", "they reset it").await.unwrap();
    let report = limiter.inspect().await.unwrap().unwrap();
    for limit in &report.limits {
        assert_eq!((limit.used, limit.in_flight, limit.cooldown_ms), (0, 1, None), "{limit:?}");
    }
    assert_eq!(granted(&limiter, 5).await, 3);
    drop(held);
}

#[tokio::test]
async fn a_quota_holds_for_its_time_whatever_is_configured() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    assert_eq!(granted(&limiter, 1).await, 1);
    let quota = |limit: &str, quota| Order::Quota { limit: limit.into(), quota, time: HOUR * 3 };
    store.order("keap", None, &quota("hour", 2), "anna", "").await.unwrap();
    assert_eq!(granted(&limiter, 5).await, 1);
    let hour = limit(&limiter, "hour").await;
    let ordered = hour.feedback.unwrap().ordered.unwrap();
    assert_eq!((hour.quota, ordered.quota, ordered.left_ms), (2, 2, 3 * 3_600_000));
    clock.advance(HOUR);
    assert_eq!(granted(&limiter, 5).await, 2);
    clock.advance(HOUR * 2);
    assert_eq!(granted(&limiter, 9).await, 4, "the configured one holds again");
    clock.advance(HOUR);
    store.order("keap", None, &quota("day", 9), "anna", "").await.unwrap();
    store.order("keap", None, &quota("open", 1), "anna", "").await.unwrap();
    let Decision::Granted(held) = limiter.try_acquire(1).await.unwrap() else { panic!("one at a time") };
    assert_eq!(granted(&limiter, 1).await, 0);
    held.cancel();
    limiter.flush().await.unwrap();
    assert_eq!(granted(&limiter, 2).await, 1, "8 of the day's 9 were used");
    clock.advance(HOUR * 3);
    // Of a bucket it is the burst and the pace: 6 at once, one every 10 s.
    clock.advance(HOUR);
    store.order("keap", None, &quota("hour", 1000), "anna", "more than is configured").await.unwrap();
    store.order("keap", None, &quota("bucket", 6), "anna", "").await.unwrap();
    assert_eq!(granted(&limiter, 20).await, 6);
    clock.advance(Duration::from_secs(10));
    assert_eq!(granted(&limiter, 20).await, 1);
}

/// Quota, period and free units of a limit, as an operator sees them.
async fn shown(limiter: &Limiter, name: &str) -> (u64, u64, u64) {
    let limit = limit(limiter, name).await;
    (limit.quota, limit.per_ms.unwrap_or(0), limit.free)
}

#[tokio::test]
async fn a_quota_that_has_ended_does_not_show_any_more() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    let order = async |limit: &str, quota| {
        let order = Order::Quota { limit: limit.into(), quota, time: HOUR };
        store.order("keap", None, &order, "anna", "").await.unwrap();
    };
    assert_eq!(granted(&limiter, 1).await, 1);
    order("hour", 2).await;
    order("day", 7).await;
    order("open", 5).await;
    // Before and after somebody called.
    for _ in 0..2 {
        assert_eq!(shown(&limiter, "hour").await.0, 2);
        assert_eq!((shown(&limiter, "day").await.0, shown(&limiter, "open").await.0), (7, 5));
        granted(&limiter, 1).await;
    }
    clock.advance(HOUR);
    assert_eq!(shown(&limiter, "hour").await, (4, 3_600_000, 4));
    assert_eq!((shown(&limiter, "day").await.0, shown(&limiter, "open").await), (1000, (50, 0, 50)));
    assert!(limit(&limiter, "hour").await.feedback.unwrap().ordered.is_none());

    // Of a bucket the pace comes back, too.
    order("hour", 1000).await;
    order("bucket", 7).await;
    assert_eq!(shown(&limiter, "bucket").await, (7, 60_000, 7));
    assert_eq!(granted(&limiter, 20).await, 7);
    clock.advance(HOUR - Duration::from_secs(4));
    assert_eq!(granted(&limiter, 20).await, 7);
    assert_eq!(shown(&limiter, "bucket").await, (7, 60_000, 0));
    clock.advance(Duration::from_secs(4));
    assert_eq!(shown(&limiter, "bucket").await, (60, 60_000, 4));
    assert_eq!(shown(&limiter, "hour").await, (4, 3_600_000, 0));
    clock.advance(HOUR);
    assert_eq!(granted(&limiter, 20).await, 4);
    assert_eq!(shown(&limiter, "bucket").await, (60, 60_000, 56));
}

#[tokio::test]
async fn a_quota_ends_whatever_else_was_ordered_meanwhile() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    let order = async |order| store.order("keap", None, &order, "anna", "").await.unwrap();
    let quota = |quota| Order::Quota { limit: "hour".into(), quota, time: HOUR };
    let reset = || Order::Reset { limit: Some("hour".into()) };
    assert_eq!(granted(&limiter, 1).await, 1);
    order(quota(3)).await;
    assert_eq!(granted(&limiter, 1).await, 1);
    order(quota(2)).await;
    assert_eq!(shown(&limiter, "hour").await.0, 2, "the last order holds");
    order(reset()).await;
    assert_eq!(shown(&limiter, "hour").await.0, 2);
    clock.advance(HOUR);
    assert_eq!(shown(&limiter, "hour").await.0, 4);
    order(reset()).await;
    assert_eq!(shown(&limiter, "hour").await, (4, 3_600_000, 4));

    // The version before this did not keep what is configured: the next call tells it.
    order(quota(2)).await;
    assert_eq!(granted(&limiter, 9).await, 2);
    let forget = "local v = cmsgpack.unpack(redis.call('HGET', KEYS[1], 'y:hour')) \
                  v[25] = nil \
                  return redis.call('HSET', KEYS[1], 'y:hour', cmsgpack.pack(v))";
    assert_eq!(server.command(&["EVAL", forget, "1", "pl:1:{keap}"]), "0");
    assert_eq!(shown(&limiter, "hour").await.0, 2);
    clock.advance(HOUR);
    assert_eq!(granted(&limiter, 9).await, 4);
    assert_eq!(shown(&limiter, "hour").await.0, 4);
}

#[tokio::test]
async fn a_cooldown_by_hand_says_by_whom_and_why() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    assert_eq!(granted(&limiter, 1).await, 1);
    let order = Order::CoolDown { limit: Some("hour".into()), time: HOUR };
    store.order("keap", None, &order, "anna@ops 1", "degraded").await.unwrap();
    assert_eq!(granted(&limiter, 1).await, 0);
    let hour = limit(&limiter, "hour").await;
    assert_eq!((limit(&limiter, "bucket").await.cooldown_ms, hour.cooldown_ms), (None, Some(3_600_000)));
    let said = hour.feedback.unwrap();
    assert_eq!((said.cause.as_str(), said.origin.unwrap().host.as_str()), ("by hand: degraded", "anna@ops"));
    clock.advance(HOUR);
    assert_eq!(granted(&limiter, 1).await, 1);
}

#[tokio::test]
async fn a_cooldown_that_is_ended_goes_on_as_after_any_other() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    let order = async |order: Order| store.order("keap", None, &order, "anna", "").await;
    let hour = || Order::EndCoolDown { limit: Some("hour".into()) };
    assert_eq!(granted(&limiter, 1).await, 1);
    let none = order(hour()).await.unwrap_err().to_string();
    assert!(none.contains("limit hour: nothing cools down, so there is nothing to end"), "{none}");
    limiter.cool_down(HOUR).await.unwrap();
    assert_eq!(granted(&limiter, 1).await, 0);
    clock.advance(Duration::from_secs(60));
    order(hour()).await.unwrap();
    let shown = limit(&limiter, "hour").await;
    let said = shown.feedback.unwrap();
    assert_eq!((shown.cooldown_ms, said.cooled_ms_ago, said.trying), (None, Some(0), Some(1)));
    assert_eq!(limit(&limiter, "bucket").await.cooldown_ms, Some(3_540_000), "that one was not meant");
    assert_eq!(granted(&limiter, 1).await, 0);
    order(Order::EndCoolDown { limit: None }).await.unwrap();
    let Decision::Granted(first) = limiter.try_acquire(1).await.unwrap() else { panic!("one goes") };
    assert_eq!(granted(&limiter, 1).await, 0, "until it is answered");
    first.complete();
    assert_eq!(granted(&limiter, 2).await, 2);
    let none = order(Order::EndCoolDown { limit: None }).await.unwrap_err().to_string();
    assert!(none.contains("budget keap: nothing cools down"), "{none}");
    let trail = store.audit(None, 10).await.unwrap();
    let words: Vec<_> = trail.iter().map(|entry| entry.order.as_str()).collect();
    assert_eq!(words, ["end cooldown", "end cooldown limit hour"]);
}

#[tokio::test]
async fn who_waits_for_a_cooldown_is_told_that_it_has_ended() {
    let server = RedisServer::own();
    let operator = RedisStore::connect_trusting(server.url()).await.unwrap();
    let limiter = Limiter::new(RedisStore::connect_trusting(server.url()).await.unwrap(), budget());
    limiter.cool_down(HOUR).await.unwrap();
    let waits = tokio::spawn({
        let limiter = limiter.clone();
        async move { limiter.acquire(1).await.map(|permit| permit.complete()) }
    });
    shows_waiting(&limiter, 1).await;
    operator.order("keap", None, &Order::EndCoolDown { limit: None }, "anna@ops", "").await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(4), waits).await;
    ended.expect("it is woken").unwrap().unwrap();
}

#[tokio::test]
async fn a_quota_that_is_ended_gives_way_to_the_configured_one() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    let order = async |order: Order| store.order("keap", None, &order, "anna", "").await;
    let end = |limit: &str| Order::EndQuota { limit: limit.into() };
    assert_eq!(granted(&limiter, 1).await, 1);
    let none = order(end("hour")).await.unwrap_err().to_string();
    assert!(none.contains("limit hour: no operator's quota holds, so there is nothing to end"), "{none}");
    assert!(order(end("hourly")).await.unwrap_err().to_string().contains("no limit hourly is in use"));
    for name in ["hour", "bucket"] {
        order(Order::Quota { limit: name.into(), quota: 2, time: HOUR }).await.unwrap();
    }
    assert_eq!(granted(&limiter, 9).await, 1);
    order(end("hour")).await.unwrap();
    order(end("bucket")).await.unwrap();
    assert_eq!((shown(&limiter, "hour").await, shown(&limiter, "bucket").await.0), ((4, 3_600_000, 2), 60));
    assert!(order(end("bucket")).await.is_err());
    clock.advance(Duration::from_secs(2));
    assert_eq!(granted(&limiter, 9).await, 2);
    assert_eq!(store.audit(None, 1).await.unwrap()[0].order, "end quota of limit bucket");
}

#[tokio::test]
async fn orders_leave_a_trail_and_those_that_make_no_sense_none() {
    let server = RedisServer::own();
    let clock = ManualClock::new();
    let (limiter, store) = at(&server, &clock).await;
    let refused = async |order: Order| store.order("keap", None, &order, "anna", "").await.unwrap_err().to_string();
    assert!(refused(Order::Reset { limit: None }).await.contains("nobody uses it in this Redis"));
    assert_eq!(granted(&limiter.for_key("t 1").unwrap(), 1).await, 1);
    assert_eq!(granted(&limiter, 1).await, 1);
    let unknown = refused(Order::Quota { limit: "hourly".into(), quota: 1, time: HOUR }).await;
    assert!(unknown.contains("no limit hourly is in use; it has bucket, day, hour, open"), "{unknown}");
    assert!(refused(Order::Quota { limit: "hour".into(), quota: 0, time: HOUR }).await.contains("from 1 to"));
    let forever = Order::CoolDown { limit: None, time: Duration::from_secs(86_400 * 32) };
    assert!(refused(forever).await.contains("31days"));
    assert!(store.audit(None, 10).await.unwrap().is_empty());

    store.order("keap", None, &Order::Pause { time: None }, "anna\n@ops", "why\u{7}").await.unwrap();
    store.order("keap", Some("t 1"), &Order::Reset { limit: Some("hour".into()) }, "ben@web", "").await.unwrap();
    let trail = store.audit(None, 10).await.unwrap();
    let words: Vec<_> = trail.iter().map(|a| (a.key.as_deref(), a.who.as_str(), a.order.as_str())).collect();
    assert!(words.contains(&(None, "anna@ops", "pause until resumed")), "{words:?}");
    assert!(words.contains(&(Some("t 1"), "ben@web", "reset limit hour")), "{words:?}");
    assert_eq!(store.audit(Some(("keap", None)), 10).await.unwrap().len(), 1);
    assert_eq!(store.budgets().await.unwrap().len(), 2, "a trail is no budget");
}
