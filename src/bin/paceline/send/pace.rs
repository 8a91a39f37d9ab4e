//! When a caller may send its next call.

use std::time::{Duration, Instant};

use paceline::{Cost, Error, Limiter, Permit};

/// How the callers keep to the budget.
pub enum Pace {
    /// Each by itself, as people do without a limiter: a sleep between its calls.
    Alone { sleep: Duration },
    /// All together, through paceline.
    Together { limiter: Limiter, cost: Cost, wait: Duration },
}

impl Pace {
    /// Waits for the turn of a caller's next call. The permit, if there is one, is fresh: send at once.
    pub async fn turn(&self, is_first: bool) -> Result<Option<Permit>, Error> {
        match self {
            Self::Alone { sleep } => {
                if !is_first {
                    tokio::time::sleep(*sleep).await;
                }
                Ok(None)
            }
            Self::Together { limiter, cost, wait } => fresh_permit(limiter, cost, *wait).await.map(Some),
        }
    }

    /// Reports what the store does not know yet.
    pub async fn flush(&self) -> Result<(), Error> {
        match self {
            Self::Alone { .. } => Ok(()),
            Self::Together { limiter, .. } => limiter.flush().await,
        }
    }

    pub fn exchanges(&self) -> u64 {
        match self {
            Self::Alone { .. } => 0,
            Self::Together { limiter, .. } => limiter.exchanges(),
        }
    }

    /// Calls that went out uncounted, because the store was out of reach and the budget allows it.
    pub fn uncounted(&self) -> u64 {
        match self {
            Self::Alone { .. } => 0,
            Self::Together { limiter, .. } => limiter.uncounted(),
        }
    }
}

/// A machine that was busy or asleep may get to a permit too late to send under it: then another one is due.
async fn fresh_permit(limiter: &Limiter, cost: &Cost, wait: Duration) -> Result<Permit, Error> {
    let started = Instant::now();
    loop {
        let permit = limiter.acquire_within(cost.clone(), wait.saturating_sub(started.elapsed())).await?;
        match permit.check() {
            Ok(()) => return Ok(permit),
            Err(late) if late.is_expired() => permit.cancel(),
            Err(failure) => return Err(failure),
        }
    }
}
