//! The right to send one request.

use std::{fmt, time::Duration};

use crate::{
    Cost, Error,
    error::ErrorKind,
    response::Observation,
    session::{flights::End, queue::Grant},
};

/// The right to send one request: one, on the wire, now.
///
/// Keep it until the response is in, then complete it. Dropping it says that the request was sent and may still be on
/// its way, because that is the safe thing to believe: it counts from the latest moment at which it may arrive.
#[must_use = "a permit that is dropped counts as sent"]
pub struct Permit {
    grant: Grant,
}

impl Permit {
    pub(crate) fn new(grant: Grant) -> Self {
        Self { grant }
    }

    /// Whether it may still be sent; call this right before the request goes out.
    ///
    /// # Errors
    /// `is_expired`: so much time has passed since the grant that the request might arrive later than `arrival_within`
    /// promises. Cancel the permit and acquire again.
    pub fn check(&self) -> Result<(), Error> {
        let now = self.grant.desk.clock.now_us();
        match self.grant.desk.send_by_us(&self.grant) {
            by if now > by => Err(Error::new(ErrorKind::Expired {
                budget: self.grant.desk.budget.name().to_owned(),
                window: Duration::from_micros(by.saturating_sub(self.grant.sent_us)),
                late: Duration::from_micros(now - self.grant.sent_us),
            })),
            _ => Ok(()),
        }
    }

    /// How long it may still be sent; `None`: for as long as it is held.
    pub fn send_within(&self) -> Option<Duration> {
        let by = self.grant.desk.send_by_us(&self.grant);
        (by < u64::MAX).then(|| Duration::from_micros(by.saturating_sub(self.grant.desk.clock.now_us())))
    }

    /// Comes true when the store has been told all that this process has to say of the budget.
    #[cfg(any(feature = "reqwest", feature = "tower"))]
    pub(crate) fn told(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        let desk = self.grant.desk.clone();
        async move { desk.flush().await }
    }

    /// Now by the clock of the store's client, from the Unix epoch.
    pub(crate) fn unix_time(&self) -> Duration {
        Duration::from_micros(self.grant.desk.clock.now_us())
    }

    /// The response is in: what it took starts to age now, which is sooner than when it is dropped.
    pub fn complete(mut self) {
        self.grant.end(End::Answered);
    }

    /// The request was never sent: everything is given back.
    pub fn cancel(mut self) {
        self.grant.end(End::Unsent);
    }

    /// The response is in, and this is what it says: how much is left, who is to wait and for how long, whether the
    /// credential is accepted. The whole fleet obeys. [`crate::Dialect::observe`] makes the observation.
    pub fn complete_with(mut self, said: &Observation) {
        self.grant.desk.hear(&self.grant, said);
        self.grant.end(End::Answered);
    }

    /// The same where it says, too, what the request really took.
    pub(crate) fn settle_with(self, said: &Observation, cost: &Cost) {
        self.grant.desk.hear(&self.grant, said);
        self.settle(cost.clone());
    }

    /// The response is in, and says that too many came: 429, as a rule. Nobody in the fleet sends under the limits that
    /// this permit took from until `wait` has passed, then one goes first, then twice as many with each answer.
    ///
    /// Without a `wait`, because the response did not say: 1 s, and twice as long with each repeat, up to 15 min. What
    /// was on its way already when a cooldown began does not extend it; a longer wait does, a shorter one never shortens
    /// it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use paceline::{Budget, Limit, Limiter, MemoryStore, Quota};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), paceline::Error> {
    /// # let budget = Budget::builder("api").limit(Limit::sliding_window("spike", Quota::per_second(5))).build()?;
    /// # let limiter = Limiter::new(MemoryStore::new(), budget);
    /// let permit = limiter.acquire(1).await?;
    /// // ... 429, Retry-After: 10
    /// permit.throttled(Some(Duration::from_secs(10)));
    ///
    /// let late = limiter.acquire_within(1, Duration::from_secs(5)).await.unwrap_err();
    /// assert!(late.is_cooling());
    /// # Ok(())
    /// # }
    /// ```
    pub fn throttled(mut self, wait: Option<Duration>) {
        self.grant.desk.throttled(&self.grant, wait);
        self.grant.end(End::Answered);
    }

    /// The response is in, and says that the credential is not accepted: 401, as a rule. Nothing of this process goes out
    /// under this budget for 30 s, since each call would be refused and count all the same; callers get an error that
    /// [is refused](Error::is_refused).
    pub fn refused(mut self, status: u16) {
        self.grant.end(End::Answered);
        self.grant.desk.refuse(status);
    }

    /// The response is in, and this is what the request really took: more is charged, less is given back.
    ///
    /// A unit that is not named stays as it was asked for.
    ///
    /// ```
    /// # use paceline::{Budget, Cost, Limit, Limiter, MemoryStore, Quota};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), paceline::Error> {
    /// # let budget = Budget::builder("llm")
    /// #     .limit(Limit::sliding_window("calls", Quota::per_minute(60)))
    /// #     .limit(Limit::sliding_window("tokens", Quota::per_minute(90_000)).unit("tokens"))
    /// #     .build()?;
    /// # let limiter = Limiter::new(MemoryStore::new(), budget);
    /// let permit = limiter.acquire(Cost::requests(1).and("tokens", 1_200)).await?;
    /// permit.settle(Cost::requests(1).and("tokens", 840));
    /// # limiter.flush().await?;
    /// # let report = limiter.inspect().await?.unwrap();
    /// # let used: Vec<_> = report.limits.iter().map(|limit| limit.used).collect();
    /// # assert_eq!(used, [1, 840]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn settle(mut self, cost: impl Into<Cost>) {
        self.grant.open = false;
        self.grant.desk.settle(&self.grant, &cost.into());
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.grant.end(End::GivenUp);
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", self.grant.desk.budget.name())
    }
}

/// What `try_acquire` says.
#[derive(Debug)]
#[must_use = "a decision holds the permit"]
pub enum Decision {
    /// Send it.
    Granted(Permit),
    /// Not now.
    Denied(Denial),
}

impl Decision {
    /// Whether there is a permit.
    pub fn is_granted(&self) -> bool {
        matches!(self, Self::Granted(_))
    }
}

/// Not now: which limit binds, and when it is worth asking again. (A request that can never fit is an error instead.)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    pub(crate) limit: String,
    pub(crate) retry_after: Duration,
}

impl Denial {
    /// The limit that binds.
    pub fn limit(&self) -> &str {
        &self.limit
    }

    /// It is not worth asking before this has passed.
    pub fn retry_after(&self) -> Duration {
        self.retry_after
    }
}
