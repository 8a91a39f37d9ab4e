//! Where time comes from: the runtime's clock, or one that a test moves by hand.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::{sync::watch, time::Instant};

/// Time as the session and the memory store see it: Unix microseconds that never go back.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    Running { start: Instant, start_us: u64 },
    Manual(ManualClock),
}

impl Clock {
    /// The runtime's clock (which tokio may pause in tests).
    pub fn running() -> Self {
        let start_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64);
        Self(Source::Running { start: Instant::now(), start_us })
    }

    /// Unix microseconds.
    pub fn now_us(&self) -> u64 {
        match &self.0 {
            Source::Running { start, start_us } => start_us + start.elapsed().as_micros() as u64,
            Source::Manual(clock) => clock.now_us(),
        }
    }

    /// Sleeps until then; cancel safe.
    pub async fn sleep_until(&self, at_us: u64) {
        match &self.0 {
            Source::Running { start, start_us } => {
                let after = Duration::from_micros(at_us.saturating_sub(*start_us));
                match start.checked_add(after) {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            }
            Source::Manual(clock) => {
                let mut times = clock.0.subscribe();
                // Fails only when the sender is gone, and `clock` holds it.
                _ = times.wait_for(|now| *now >= at_us).await;
            }
        }
    }
}

/// A clock that stands still until a test moves it.
///
/// ```
/// use std::time::Duration;
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), paceline::Error> {
/// let clock = paceline::ManualClock::new();
/// let store = paceline::MemoryStore::with_clock(clock.clone());
/// let budget = paceline::Budget::builder("api")
///     .limit(paceline::Limit::sliding_window("spike", paceline::Quota::per_second(1)))
///     .build()?;
/// let limiter = paceline::Limiter::new(store, budget);
/// limiter.acquire(1).await?.complete();
/// assert!(!limiter.try_acquire(1).await?.is_granted());
/// clock.advance(Duration::from_secs(2));
/// assert!(limiter.try_acquire(1).await?.is_granted());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ManualClock(Arc<watch::Sender<u64>>);

impl ManualClock {
    /// Stands at noon of 2026-01-01 UTC.
    pub fn new() -> Self {
        Self::at_unix_us(1_767_268_800_000_000)
    }

    /// Stands at a moment, in Unix microseconds.
    pub fn at_unix_us(us: u64) -> Self {
        Self(Arc::new(watch::Sender::new(us)))
    }

    /// Moves on, and wakes who waited for it.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now += by.as_micros() as u64);
    }

    /// Unix microseconds.
    pub fn now_us(&self) -> u64 {
        *self.0.borrow()
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ManualClock({})", self.now_us())
    }
}

impl From<ManualClock> for Clock {
    fn from(clock: ManualClock) -> Self {
        Self(Source::Manual(clock))
    }
}
