//! What a report says is so: how many wait, and what it forecasts to a process that comes with calls to a fleet at work.

use std::time::Duration;

use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};

/// A fleet at work: each caller sends, and thinks for so long before the next call.
#[derive(Debug, Clone, Copy)]
struct Work {
    processes: usize,
    callers: usize,
    thinks_ms: u64,
}

const CROWD: Work = Work { processes: 3, callers: 4, thinks_ms: 0 };
/// Two calls a second, of what is at least five.
const STEADY: Work = Work { processes: 2, callers: 1, thinks_ms: 900 };

async fn call(limiter: &Limiter, random: &mut fastrand::Rng) {
    let permit = limiter.acquire(1).await.unwrap();
    sleep(Duration::from_millis(random.u64(20..200))).await;
    permit.complete();
}

/// What was forecast of so many calls, and what they took, in seconds.
async fn tried(budget: &Budget, work: Work, after_s: u64, calls: u64) -> (f64, f64) {
    let store = MemoryStore::new();
    let mut random = fastrand::Rng::with_seed(after_s);
    let mut fleet = JoinSet::new();
    for _ in 0..work.processes {
        let limiter = Limiter::new(store.clone(), budget.clone());
        for _ in 0..work.callers {
            let (limiter, mut random) = (limiter.clone(), random.fork());
            fleet.spawn(async move {
                loop {
                    call(&limiter, &mut random).await;
                    sleep(Duration::from_millis(work.thinks_ms)).await;
                }
            });
        }
    }
    sleep(Duration::from_secs(after_s)).await;
    let limiter = Limiter::new(store.clone(), budget.clone());
    let report = limiter.inspect().await.unwrap().unwrap();
    let forecast = report.forecast(calls, |_| 1);
    let start = Instant::now();
    let mut ours = JoinSet::new();
    for _ in 0..calls {
        let (limiter, mut random) = (limiter.clone(), random.fork());
        ours.spawn(async move {
            let permit = limiter.acquire(1).await.unwrap();
            let granted = start.elapsed();
            sleep(Duration::from_millis(random.u64(20..200))).await;
            permit.complete();
            granted
        });
    }
    let took = ours.join_all().await.into_iter().max().unwrap();
    (forecast.as_secs_f64(), took.as_secs_f64())
}

fn budgets() -> Vec<(&'static str, Budget)> {
    let budget = |limits: Vec<Limit>| {
        limits.into_iter().fold(Budget::builder("api"), |budget, limit| budget.limit(limit)).build().unwrap()
    };
    let spike = || Limit::sliding_window("spike", Quota::per_second(5));
    let minute = || Limit::sliding_window("minute", Quota::per_minute(240));
    vec![
        ("spike", budget(vec![spike()])),
        ("spike and minute", budget(vec![spike(), minute()])),
        ("minute", budget(vec![minute()])),
        ("bucket", budget(vec![Limit::token_bucket("points", Quota::per_second(5)).burst(50)])),
        ("fixed minute", budget(vec![Limit::fixed_window("minute", Quota::per_minute(300))])),
        ("spike and fixed minute", budget(vec![spike(), Limit::fixed_window("minute", Quota::per_minute(240))])),
        ("places", budget(vec![Limit::concurrency("open", 3)])),
    ]
}

#[test]
fn forecasts_come_true() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let (mut all, mut far) = (0, Vec::new());
    for (name, budget) in budgets() {
        for work in [STEADY, CROWD] {
            for after_s in [3, 20, 47, 61, 130] {
                for calls in [1, 20, 100, 1000] {
                    let (forecast, took) = runtime.block_on(tried(&budget, work, after_s, calls));
                    let what = format!(
                        "{name}, {work:?}, after {after_s} s, {calls} calls: {forecast:.1} s, took {took:.1} s"
                    );
                    let ratio = forecast / took;
                    let near = |seconds: f64, share: f64| {
                        (forecast - took).abs() < seconds || (1.0 - share..1.0 / (1.0 - share)).contains(&ratio)
                    };
                    assert!(near(2.5, 0.55), "{what}");
                    all += 1;
                    if !near(1.5, 0.2) {
                        far.push(what);
                    }
                }
            }
        }
    }
    // A look at the moment in which a minute's burst is on its way cannot tell a crowd from a few.
    assert!(far.len() * 50 <= all, "{} of {all}: {far:#?}", far.len());
}

#[tokio::test(start_paused = true)]
async fn a_line_that_grew_or_shrank_is_told_long_before_its_turn() {
    let hour = Limit::sliding_window("hour", Quota::per_hour(1));
    let limiter = Limiter::new(MemoryStore::new(), Budget::builder("api").limit(hour).build().unwrap());
    let held = limiter.acquire(1).await.unwrap();
    let waiting = async || limiter.inspect().await.unwrap().unwrap().waiting;
    let mut line = JoinSet::new();
    for (come, told) in [(1, 1), (9, 10), (2, 10), (90, 102)] {
        for _ in 0..come {
            let limiter = limiter.clone();
            line.spawn(async move { limiter.acquire(1).await });
        }
        sleep(Duration::from_millis(1100)).await;
        assert_eq!(waiting().await, told, "near enough is not told");
    }
    let exchanges = limiter.exchanges();
    line.abort_all();
    sleep(Duration::from_millis(1100)).await;
    assert_eq!(waiting().await, 0);
    assert!(limiter.exchanges() - exchanges <= 2 && exchanges <= 5, "{exchanges}");
    drop(held);
}
