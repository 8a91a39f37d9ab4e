//! A quota that depends on the tier of a request: each tier counts apart, with an amount of its own.

use super::{Kind, Limit};
use crate::{
    Quota,
    flaw::Flaw,
    name::check_name,
    quota::{amount_flaw, amount_text},
};

/// With the limit's name and a scope's value it must fit a key of the store.
const MAX_TIER: usize = 32;

impl Limit {
    /// The amount of the quota by the tier of a request, in place of the one amount it was made with. It applies to
    /// requests of those tiers only ([`crate::Limiter::tier`]), and each tier counts apart.
    ///
    /// ```
    /// use paceline::{Limit, Quota};
    ///
    /// let burst = Limit::sliding_window("burst", Quota::per_second(1)).tiers([("S", 3), ("M", 10)]).scope("operation");
    /// assert_eq!(burst.to_string(), "at most 3 (S) or 10 (M) requests in any 1s, for each operation");
    /// ```
    #[must_use]
    pub fn tiers<T: Into<String>>(mut self, amounts: impl IntoIterator<Item = (T, u64)>) -> Self {
        self.tiers = amounts.into_iter().map(|(tier, amount)| (tier.into(), amount)).collect();
        // What it was made with is for nobody, so it should not be found wrong either.
        if let Some(amount) =
            self.tiers.iter().map(|(_, amount)| *amount).find(|amount| amount_flaw("", *amount).is_none())
        {
            self.kind = self.kind.with_amount(amount);
        }
        self
    }

    /// The tiers and the amount of each; none if the quota is the same for all requests.
    pub fn tier_amounts(&self) -> impl Iterator<Item = (&str, u64)> {
        self.tiers.iter().map(|(tier, amount)| (tier.as_str(), *amount))
    }

    /// The limit as a request of this tier meets it.
    pub(crate) fn in_tier(&self, tier: &str) -> Option<Self> {
        let (_, amount) = self.tier_amounts().find(|(known, _)| *known == tier)?;
        Some(Self { kind: self.kind.with_amount(amount), tiers: Vec::new(), ..self.clone() })
    }

    pub(super) fn tier_flaws(&self) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        if !self.tiers.is_empty() && matches!(self.kind, Kind::TokenBucket { .. }) {
            let mend = "write one number or change the kind";
            flaws.push(Flaw::new("quota", format!("a quota by tier does not go with the kind token-bucket; {mend}")));
        }
        for (index, (tier, amount)) in self.tiers.iter().enumerate() {
            if let Err(error) = check_name("tier", tier) {
                flaws.push(Flaw::new("quota", error.to_string()));
                continue;
            }
            if tier.len() > MAX_TIER {
                let text = format!("tier {tier} has {} characters; write at most {MAX_TIER}", tier.len());
                flaws.push(Flaw::new("quota", text));
            }
            if self.tiers[..index].iter().any(|(other, _)| other == tier) {
                flaws.push(Flaw::new("quota", format!("tier {tier} is there twice; take one out")));
            }
            if amount_flaw("quota", *amount).is_some() {
                flaws.push(Flaw::new("quota", amount_text(&format!("quota of tier {tier}"), amount)));
            }
        }
        flaws
    }

    /// The amount as one says it: the one, or that of each tier.
    pub(super) fn amounts(&self, amount: u64) -> String {
        let each: Vec<_> = self.tier_amounts().map(|(tier, amount)| format!("{amount} ({tier})")).collect();
        match &each[..] {
            [] => amount.to_string(),
            [only] => only.clone(),
            [most @ .., last] => format!("{} or {last}", most.join(", ")),
        }
    }
}

impl Kind {
    /// The same with another amount; a bucket, whose amount is two numbers, stays as it is.
    fn with_amount(&self, amount: u64) -> Self {
        match self {
            Self::SlidingWindow { quota } => Self::SlidingWindow { quota: Quota::unchecked(amount, quota.period()) },
            Self::FixedWindow { quota, calendar } => {
                let quota = Quota::unchecked(amount, quota.period());
                Self::FixedWindow { quota, calendar: calendar.clone() }
            }
            Self::Concurrency { .. } => Self::Concurrency { max: amount },
            Self::TokenBucket { .. } => self.clone(),
        }
    }
}
