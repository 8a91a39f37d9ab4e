//! The numbers, on the memory store.

use std::time::Duration;

use paceline::{Budget, Decision, Limit, Limiter, ManualClock, MemoryStore, Quota};
use tokio::{task::yield_now, time::Instant};

use super::{Metrics, counted, counted_with};

const SECOND: Duration = Duration::from_secs(1);

fn api(limit: Limit) -> Budget {
    Budget::builder("api").limit(limit).build().unwrap()
}

fn minute(quota: u64) -> Budget {
    api(Limit::sliding_window("minute", Quota::per_minute(quota)))
}

impl Metrics {
    #[track_caller]
    fn budget(&self, name: &str) -> f64 {
        self.value(&format!(r#"paceline_{name}{{budget="api"}}"#))
    }

    #[track_caller]
    fn limit(&self, name: &str) -> f64 {
        self.value(&format!(r#"paceline_{name}{{budget="api",limit="minute"}}"#))
    }

    #[track_caller]
    fn refused(&self, reason: &str) -> f64 {
        self.value(&format!(r#"paceline_refused_total{{budget="api",reason="{reason}"}}"#))
    }
}

#[tokio::test(start_paused = true)]
async fn permits_and_their_waits_are_counted() {
    let (limiter, metrics) = counted(MemoryStore::new(), minute(1));
    limiter.acquire(1).await.unwrap().complete();
    let start = Instant::now();
    limiter.acquire(1).await.unwrap().complete();
    assert!(start.elapsed() >= 60 * SECOND, "{:?}", start.elapsed());
    assert_eq!(metrics.budget("permits_total"), 2.0);
    let waited = |bound: &str| metrics.value(&format!(r#"paceline_wait_seconds_bucket{{budget="api",le="{bound}"}}"#));
    // A minute, which is a bound itself, so a microsecond puts it on one side or the other.
    assert_eq!((waited("30"), waited("300")), (1.0, 2.0));
    assert_eq!(metrics.budget("exchanges_total"), limiter.exchanges() as f64);
    assert_eq!(metrics.budget("exchange_seconds_count"), limiter.exchanges() as f64);
}

#[tokio::test(start_paused = true)]
async fn units_in_flight_add_up_over_partitions_and_come_back() {
    let (limiter, metrics) = counted(MemoryStore::new(), minute(10));
    let (one, other) = (limiter.for_key("one").unwrap(), limiter.for_key("other").unwrap());
    let (first, second) = (one.acquire(3).await.unwrap(), other.acquire(2).await.unwrap());
    assert_eq!(metrics.limit("in_flight_units"), 5.0);
    first.complete();
    one.flush().await.unwrap();
    assert_eq!(metrics.limit("in_flight_units"), 2.0);
    second.cancel();
    other.flush().await.unwrap();
    assert_eq!(metrics.limit("in_flight_units"), 0.0);
}

#[tokio::test(start_paused = true)]
async fn what_arrived_is_in_flight_no_more_and_what_is_open_is() {
    let both = Budget::builder("api").limit(Limit::sliding_window("minute", Quota::per_minute(10)));
    let (limiter, metrics) = counted(MemoryStore::new(), both.limit(Limit::concurrency("open", 10)).build().unwrap());
    let open = r#"paceline_in_flight_units{budget="api",limit="open"}"#;
    let permit = limiter.acquire(2).await.unwrap();
    assert_eq!((metrics.limit("in_flight_units"), metrics.value(open)), (2.0, 2.0));
    // Longer than `arrival_within`, and than a report may wait.
    tokio::time::sleep(20 * SECOND).await;
    assert_eq!((metrics.limit("in_flight_units"), metrics.value(open)), (0.0, 2.0));
    permit.complete();
    limiter.flush().await.unwrap();
    assert_eq!((metrics.limit("in_flight_units"), metrics.value(open)), (0.0, 0.0));
}

#[tokio::test(start_paused = true)]
async fn free_units_are_told_of_the_budget_itself_while_it_is_used() {
    let (limiter, metrics) = counted(MemoryStore::new(), minute(10));
    // Else the least of a fleet would be that of who has not asked yet.
    assert!(metrics.limit("free_units").is_nan());
    limiter.acquire(3).await.unwrap().complete();
    assert_eq!(metrics.limit("free_units"), 7.0);
    limiter.for_key("other").unwrap().acquire(9).await.unwrap().complete();
    assert_eq!(metrics.limit("free_units"), 7.0);
    tokio::time::sleep(60 * SECOND).await;
    assert!(metrics.limit("free_units").is_nan());
}

#[tokio::test(start_paused = true)]
async fn each_partition_has_series_of_its_own_where_the_budget_says_so() {
    let place = Limit::sliding_window("place", Quota::per_minute(9)).scope("place");
    let budget = minute(10).to_builder().limit(place).metrics_by_key(true).build().unwrap();
    let ((limiter, one, other), metrics) = counted_with(|| {
        let limiter = Limiter::new(MemoryStore::new(), budget);
        let one = limiter.for_key("one & only").unwrap().scoped("place", "somewhere").unwrap();
        (limiter.clone(), one, limiter.for_key("other").unwrap())
    });
    limiter.acquire(1).await.unwrap().complete();
    one.acquire(2).await.unwrap().complete();
    let held = other.acquire(3).await.unwrap();
    one.acquire(11).await.unwrap_err();

    let of = |key: &str, name: &str, more: &str| {
        metrics.value(&format!(r#"paceline_{name}{{budget="api",key="{key}"{more}}}"#))
    };
    assert_eq!(metrics.budget("permits_total"), 1.0);
    assert_eq!((of("one & only", "permits_total", ""), of("other", "permits_total", "")), (1.0, 1.0));
    let minute = r#",limit="minute""#;
    assert_eq!((of("one & only", "free_units", minute), of("other", "free_units", minute)), (8.0, 7.0));
    assert_eq!((metrics.limit("free_units"), of("other", "in_flight_units", minute)), (9.0, 3.0));
    assert_eq!(of("one & only", "refused_total", r#",reason="never_fits""#), 1.0);
    assert_eq!(metrics.refused("never_fits"), 0.0);
    held.complete();
    other.flush().await.unwrap();
    assert_eq!(of("other", "in_flight_units", minute), 0.0);

    // A value of a scope is no label all the same. And the guide says how many series a partition costs.
    let text = metrics.text();
    assert!(!text.contains("somewhere"), "{text}");
    let series = text.lines().filter(|line| line.contains(r#"key="other""#));
    let (of_limits, own): (Vec<_>, Vec<_>) = series.partition(|line| line.contains("limit="));
    assert_eq!((own.len(), of_limits.len()), (57, 6), "{own:#?}");
}

#[tokio::test(start_paused = true)]
async fn the_line_is_those_who_wait() {
    let (limiter, metrics) = counted(MemoryStore::new(), minute(1));
    limiter.acquire(1).await.unwrap().complete();
    let waiter = || {
        let limiter = limiter.clone();
        tokio::spawn(async move { limiter.acquire(1).await })
    };
    let (first, second) = (waiter(), waiter());
    while metrics.budget("waiting_callers") < 2.0 {
        yield_now().await;
    }
    second.abort();
    _ = second.await;
    assert_eq!(metrics.budget("waiting_callers"), 1.0);
    first.await.unwrap().unwrap().complete();
    assert_eq!(metrics.budget("waiting_callers"), 0.0);
}

#[tokio::test]
async fn who_gets_no_permit_is_counted_by_the_reason() {
    let clock = ManualClock::new();
    let (limiter, metrics) = counted(MemoryStore::with_clock(clock), minute(2));
    limiter.acquire(3).await.unwrap_err();
    limiter.acquire(2).await.unwrap().complete();
    let Decision::Denied(_) = limiter.try_acquire(1).await.unwrap() else { panic!("there was room") };
    limiter.acquire_within(1, SECOND).await.unwrap_err();
    limiter.cool_down(90 * SECOND).await.unwrap();
    limiter.acquire_within(1, SECOND).await.unwrap_err();
    limiter.for_key("other").unwrap().acquire(1).await.unwrap().refused(401);
    limiter.for_key("other").unwrap().acquire(1).await.unwrap_err();
    for reason in ["never_fits", "not_now", "deadline", "cooling", "credential"] {
        assert_eq!(metrics.refused(reason), 1.0, "{reason}");
    }
    for reason in ["queue_full", "paused", "store"] {
        assert_eq!(metrics.refused(reason), 0.0, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn several_429s_to_what_was_on_its_way_are_one_cooldown() {
    let (limiter, metrics) = counted(MemoryStore::new(), minute(100));
    let mut permits = Vec::new();
    for _ in 0..8 {
        permits.push(limiter.acquire(1).await.unwrap());
    }
    for permit in permits {
        tokio::time::sleep(Duration::from_millis(10)).await;
        permit.throttled(Some(SECOND));
    }
    assert_eq!((metrics.budget("throttled_total"), metrics.limit("cooldowns_total")), (8.0, 1.0));
    // The one that is tried after it is told so, too.
    limiter.acquire(1).await.unwrap().throttled(None);
    assert_eq!((metrics.budget("throttled_total"), metrics.limit("cooldowns_total")), (9.0, 2.0));
}
