//! What one request takes, resolved: the limits that it is about, and units of each.

use std::sync::Arc;

use crate::{
    Budget, Cost, Error, Limit,
    error::ErrorKind,
    exchange::{MAX_UNITS, Terms},
    name::{encode_value, shown},
};

/// The limits that requests of one kind are decided by.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) id: u32,
    pub(crate) limits: Vec<Arc<Applied>>,
}

/// One limit as a route applies it: in its tier, with the scope's value.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) unit: String,
    pub(crate) terms: Terms,
    limit: Limit,
    part: Option<String>,
}

impl Applied {
    /// The limit, in the tier of the route.
    pub(crate) fn limit(&self) -> &Limit {
        &self.limit
    }

    /// The name of the limit, without what it is counted apart for.
    pub(crate) fn name(&self) -> &str {
        self.limit.name()
    }

    /// The terms as of now: only the edges of a calendar depend on it.
    pub(crate) fn terms_at(&self, unix_us: u64) -> Terms {
        match &self.terms {
            Terms::FixedWindow { edges: Some(_), .. } => self.limit.terms(self.part.as_deref(), unix_us),
            terms => terms.clone(),
        }
    }
}

/// Which limits of a budget a handle asks for, and the values of its scopes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Selection {
    /// Names of limits; `None`: all that apply.
    pub(crate) only: Option<Vec<String>>,
    /// Scope and encoded value.
    pub(crate) scopes: Vec<(String, String)>,
    /// The tier of the requests, for limits whose quota depends on it.
    pub(crate) tier: Option<String>,
}

impl Selection {
    pub(crate) fn scoped(&self, budget: &Budget, scope: &str, value: &str) -> Result<Self, Error> {
        if !budget.limits().iter().any(|l| l.scope_name() == Some(scope)) {
            let known = known(budget.limits().iter().filter_map(Limit::scope_name), "scopes");
            return Err(Error::config(format!("budget {} has no scope {}; {known}", budget.name(), shown(scope))));
        }
        let value = encode_value(&format!("value of scope {scope}"), value)?;
        let mut next = self.clone();
        next.scopes.retain(|(name, _)| name != scope);
        next.scopes.push((scope.to_owned(), value));
        next.scopes.sort();
        Ok(next)
    }

    pub(crate) fn only(&self, budget: &Budget, names: &[&str]) -> Result<Self, Error> {
        for name in names {
            if !budget.limits().iter().any(|l| l.name() == *name) {
                return Err(Error::config(format!("budget {} has no limit {name}; check the name", budget.name())));
            }
        }
        Ok(Self { only: Some(names.iter().map(|n| (*n).to_owned()).collect()), ..self.clone() })
    }

    pub(crate) fn tier(&self, budget: &Budget, tier: &str) -> Result<Self, Error> {
        if !budget.limits().iter().any(|limit| limit.in_tier(tier).is_some()) {
            let known = known(budget.limits().iter().flat_map(|l| l.tier_amounts().map(|(tier, _)| tier)), "tiers");
            return Err(Error::config(format!("budget {} has no tier {}; {known}", budget.name(), shown(tier))));
        }
        Ok(Self { tier: Some(tier.to_owned()), ..self.clone() })
    }

    /// Those of these limits that apply to requests of this tier with these values of scopes.
    pub(crate) fn on(
        &self,
        budget: &Budget,
        limits: &[String],
        tier: Option<&str>,
        scopes: impl Iterator<Item = (impl AsRef<str>, impl AsRef<str>)>,
    ) -> Result<Self, Error> {
        let limits: Vec<_> = limits.iter().map(String::as_str).collect();
        let mut next = self.only(budget, &limits)?;
        next.tier = tier.map(str::to_owned);
        for (scope, value) in scopes {
            if budget.limits().iter().any(|limit| limit.scope_name() == Some(scope.as_ref())) {
                next = next.scoped(budget, scope.as_ref(), value.as_ref())?;
            }
        }
        let mut names = next.only.take().unwrap_or_default();
        names.retain(|name| budget.limits().iter().any(|limit| limit.name() == name && next.applies(limit)));
        Ok(Self { only: Some(names), ..next })
    }

    /// The limits that it comes to. Those with a scope that has no value here, or with tiers of which none is chosen here,
    /// do not apply, unless asked for by name.
    pub(crate) fn resolve(&self, budget: &Budget, unix_us: u64) -> Result<Vec<Arc<Applied>>, Error> {
        let mut applied = Vec::new();
        for limit in budget.limits() {
            let named = self.only.as_ref().map(|only| only.iter().any(|name| name == limit.name()));
            if named == Some(false) {
                continue;
            }
            match self.apply(limit) {
                Ok((limit, part)) => {
                    let terms = limit.terms(part.as_deref(), unix_us);
                    applied.push(Arc::new(Applied { unit: limit.unit_name().to_owned(), terms, limit, part }));
                }
                Err(_) if named.is_none() => {}
                Err(why) => {
                    let what = format!("budget {}, limit {}", budget.name(), limit.name());
                    return Err(Error::config(format!("{what}: {why}")));
                }
            }
        }
        Ok(applied)
    }

    /// Whether a limit applies to these requests without being asked for by name.
    pub(crate) fn applies(&self, limit: &Limit) -> bool {
        self.apply(limit).is_ok()
    }

    /// A limit in its tier and what it is counted apart for, or why it does not apply.
    fn apply(&self, limit: &Limit) -> Result<(Limit, Option<String>), String> {
        let mut part = Vec::new();
        let mut limit = limit.clone();
        if limit.tier_amounts().next().is_some() {
            let Some(tier) = &self.tier else {
                return Err("no tier is chosen; say which with Limiter::tier".to_owned());
            };
            limit = limit.in_tier(tier).ok_or_else(|| format!("it has no tier {}; check the name", shown(tier)))?;
            part.push(tier.as_str());
        }
        if let Some(scope) = limit.scope_name() {
            let Some((_, value)) = self.scopes.iter().find(|(name, _)| name == scope) else {
                return Err(format!("no value for its scope {scope}; say which with Limiter::scoped"));
            };
            part.push(value);
        }
        let part = (!part.is_empty()).then(|| part.join("@"));
        Ok((limit, part))
    }
}

/// Which names there are, for who wrote another.
fn known<'a>(names: impl Iterator<Item = &'a str>, what: &str) -> String {
    let mut known: Vec<_> = Vec::new();
    names.for_each(|name| {
        if !known.contains(&name) {
            known.push(name)
        }
    });
    if known.is_empty() { format!("it has no {what}") } else { format!("its {what} are {}", known.join(", ")) }
}

/// What a request asked for, as it turned out.
#[derive(Debug)]
pub(crate) struct Settled {
    pub(crate) took: Option<Arc<Class>>,
    pub(crate) left: Option<Arc<Class>>,
    pub(crate) beyond: Vec<(Arc<Applied>, u64)>,
}

/// What one request takes of each limit of its route.
#[derive(Debug)]
pub(crate) struct Class {
    pub(crate) parts: Vec<(Arc<Applied>, u64)>,
    /// Something of it starts to age when the request has arrived.
    pub(crate) ages: bool,
    /// Something of it is held until the response is in, whatever happens.
    pub(crate) to_the_end: bool,
    /// What is done may be reported so much later without anyone waiting for it.
    pub(crate) lazy_us: u64,
    /// Permits that are done within so much of each other count as done together, at the latest of them.
    pub(crate) grain_us: u64,
}

impl Class {
    /// Works out a cost on a route.
    pub(crate) fn new(budget: &str, route: &Route, cost: &Cost) -> Result<Self, Error> {
        let mut parts = Vec::new();
        for limit in &route.limits {
            let units = cost.iter().find(|(unit, _)| *unit == limit.unit).map_or(0, |(_, units)| units);
            if units > limit.terms.capacity() {
                return Err(Error::new(ErrorKind::NeverFits {
                    budget: budget.to_owned(),
                    limit: limit.name().to_owned(),
                    cost: units,
                    unit: limit.unit.clone(),
                    quota: limit.terms.capacity(),
                }));
            }
            if units > 0 {
                parts.push((limit.clone(), units));
            }
        }
        if parts.is_empty() {
            let units: Vec<_> = cost.iter().map(|(unit, n)| format!("{n} {unit}")).collect();
            let why =
                format!("budget {budget}: a cost of {} takes nothing from any of its limits", units.join(" and "));
            return Err(Error::config(format!(
                "{why}; give a cost in the units of the limits, and of limits with a scope or tiers the value of the scope or the tier"
            )));
        }
        Ok(Self::of(parts))
    }

    fn of(parts: Vec<(Arc<Applied>, u64)>) -> Self {
        let periods = || parts.iter().filter(|(l, _)| !l.terms.holds_to_the_end()).map(|(l, _)| l.terms.period_us());
        Self {
            ages: periods().next().is_some(),
            to_the_end: parts.iter().any(|(l, _)| l.terms.holds_to_the_end()),
            lazy_us: if parts.iter().any(|(l, _)| l.terms.holds_to_the_end()) {
                0
            } else {
                (periods().min().unwrap_or(0) / 4).min(super::LEASE_US / 3)
            },
            grain_us: periods().min().unwrap_or(1_000_000) / 2048,
            parts,
        }
    }

    /// What a request really took of what it asked for, what it left, and the units that it took beyond that. What is held
    /// to the end stays as it was asked for, and so does a unit that is not named.
    pub(crate) fn settled(&self, cost: &Cost) -> Settled {
        let (mut took, mut left, mut beyond) = (Vec::new(), Vec::new(), Vec::new());
        for (limit, asked) in &self.parts {
            let named = cost.iter().find(|(unit, _)| *unit == limit.unit && !limit.terms.holds_to_the_end());
            // A number out of a response may be any.
            let truly = named.map_or(*asked, |(_, units)| units.min(MAX_UNITS));
            let of_these = |units: u64| (units > 0).then(|| (limit.clone(), units));
            took.extend(of_these(truly.min(*asked)));
            left.extend(of_these(asked.saturating_sub(truly)));
            beyond.extend(of_these(truly.saturating_sub(*asked)));
        }
        let class = |parts: Vec<_>| (!parts.is_empty()).then(|| Arc::new(Self::of(parts)));
        Settled { took: class(took), left: class(left), beyond }
    }
}
