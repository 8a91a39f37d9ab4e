//! Which calls a person means, where no request says so itself: what of a budget concerns them, and how much each takes.

use std::collections::BTreeSet;

use clap::Args;
use http::{Method, Uri};
use paceline::{Budget, Cost, Limit, Limiter, Preset, Route};

use crate::{Failure, args, tell};

#[derive(Args, Clone)]
pub struct Calls {
    #[command(flatten)]
    concern: Concern,
    /// The request, as in "GET /api/profiles": the budget's preset knows its limits, its tier and what it costs
    #[arg(long, value_name = "REQUEST", conflicts_with = "tier", value_parser = request)]
    route: Option<Request>,
    /// How much each call takes of a unit, as in tokens=1500, beside what it is known to take of others; may be given several times
    #[arg(long = "take", value_name = "UNIT=N", value_parser = args::amount)]
    takes: Vec<(String, u64)>,
}

/// What no request says.
#[derive(Args, Clone)]
pub struct Concern {
    /// What the calls concern, for the limits with that scope; may be given several times
    #[arg(long = "scope", value_name = "NAME=VALUE", value_parser = args::pair)]
    scopes: Vec<(String, String)>,
    /// The tier of the calls, for the limits whose quota depends on it
    #[arg(long, value_name = "NAME")]
    tier: Option<String>,
}

/// A method and an address or, where any host will do, a path.
#[derive(Clone)]
struct Request {
    method: Method,
    uri: Uri,
}

/// Calls as their budget meets them.
#[derive(Clone)]
pub struct Kind {
    calls: Calls,
    preset: Option<Preset>,
    route: Option<Route>,
}

/// A limit, and how much one call takes from it.
pub type Take = (Limit, u64);

impl Calls {
    /// Whether anything was said of them.
    pub fn are_told_apart(&self) -> bool {
        self.are_of_some_kind() || !self.takes.is_empty()
    }

    /// Whether it was said which limits concern them.
    fn are_of_some_kind(&self) -> bool {
        self.route.is_some() || self.concern.tier.is_some() || !self.concern.scopes.is_empty()
    }

    /// What they are to this budget, whose preset that is, if it has one.
    pub fn on(&self, budget: &Budget, preset: Option<&Preset>) -> Result<Kind, Failure> {
        let route = match (&self.route, preset) {
            (None, _) => None,
            (Some(request), Some(preset)) => {
                Some(request.route(preset).map_err(|why| format!("budget {}: {why}", budget.name()))?)
            }
            (Some(_), None) => {
                let why = "has no preset, which would know what --route comes to; give --scope and --tier instead";
                return Err(format!("budget {} {why}", budget.name()).into());
            }
        };
        self.check_units(budget)?;
        Ok(Kind { calls: self.clone(), preset: preset.cloned(), route })
    }

    fn check_units(&self, budget: &Budget) -> Result<(), Failure> {
        let counted: BTreeSet<_> = budget.limits().iter().map(Limit::unit_name).collect();
        args::once("--take", self.takes.iter().map(|(unit, _)| unit))?;
        match self.takes.iter().find(|(unit, _)| !counted.contains(unit.as_str())) {
            Some((unit, _)) => {
                let counted = counted.into_iter().collect::<Vec<_>>().join(", ");
                Err(format!("budget {} counts no {unit}; its limits count {counted}", budget.name()).into())
            }
            None => Ok(()),
        }
    }
}

impl Concern {
    /// A handle for calls about that.
    pub fn of(&self, mut limiter: Limiter) -> Result<Limiter, Failure> {
        args::once("--scope", self.scopes.iter().map(|(scope, _)| scope))?;
        for (scope, value) in &self.scopes {
            limiter = limiter.scoped(scope, value)?;
        }
        Ok(match &self.tier {
            Some(tier) => limiter.tier(tier)?,
            None => limiter,
        })
    }
}

impl Kind {
    /// A handle for them.
    pub fn of(&self, limiter: Limiter) -> Result<Limiter, Failure> {
        let limiter = self.calls.concern.of(limiter)?;
        Ok(match &self.route {
            Some(route) => limiter.on(route)?,
            None => limiter,
        })
    }

    /// What so many of them cost.
    pub fn cost(&self, calls: u64) -> Cost {
        let one = self.route.as_ref().map_or(Cost::requests(1), |route| route.cost().clone());
        let is_said = |unit: &str| self.calls.takes.iter().any(|(said, _)| said == unit);
        let others = one.iter().filter(|(unit, _)| !is_said(unit));
        let said = self.calls.takes.iter().map(|(unit, units)| (unit.as_str(), *units));
        let all = |cost: Cost, (unit, units): (&str, u64)| cost.and(unit.to_owned(), units.saturating_mul(calls));
        others.chain(said).fold(Cost::requests(0), all)
    }

    /// What one of them takes by this handle for them. Who did not say enough is told so: to pass over a limit in silence
    /// would be a permit for too much.
    pub fn takes(&self, limiter: &Limiter) -> Result<Vec<Take>, Failure> {
        let takes = self.takes_of(limiter);
        let is_counted = |unit: &str| takes.iter().any(|(limit, _)| limit.unit_name() == unit);
        if let Some((unit, _)) = self.calls.takes.iter().find(|(unit, _)| !is_counted(unit)) {
            let why = "no limit that concerns such calls counts it; take --take out, or say which calls";
            return Err(format!("budget {}: --take {unit}: {why}", limiter.budget().name()).into());
        }
        let all = limiter.budget().limits().iter();
        let wanting: Vec<_> = all.filter_map(|limit| self.wanting(limit)).collect();
        let told = match (&wanting[..], self.knowing()) {
            ([], Some(preset)) if !self.calls.are_of_some_kind() => {
                let names: Vec<_> = takes.iter().map(|(limit, _)| limit.name()).collect();
                format!("this takes from {} alike; give --route, and preset {preset} knows", names.join(", "))
            }
            ([], _) => return Ok(takes),
            (_, None) => format!("nothing is taken from {}", wanting.join(", ")),
            (_, Some(preset)) => {
                format!("nothing is taken from {}; or give --route, and preset {preset} knows", wanting.join(", "))
            }
        };
        let told = format!("budget {}: {told}", limiter.budget().name());
        if takes.is_empty() {
            return Err(told.into());
        }
        tell(format_args!("note: {told}"));
        Ok(takes)
    }

    /// The same, whatever it passes over.
    pub fn takes_of(&self, limiter: &Limiter) -> Vec<Take> {
        limiter.limits().map(|limit| (limit.clone(), self.units(limit))).filter(|(_, units)| *units > 0).collect()
    }

    /// How much one of them takes of the unit that a limit counts.
    fn units(&self, limit: &Limit) -> u64 {
        self.cost(1).iter().find(|(unit, _)| *unit == limit.unit_name()).map_or(0, |(_, units)| units)
    }

    /// The preset that would know more of a request, if it were told which.
    fn knowing(&self) -> Option<&str> {
        self.preset.as_ref().filter(|preset| self.route.is_none() && preset.has_routes()).map(Preset::name)
    }

    /// What would have to be said for a limit to apply; `None`: nothing, it does, or it is about other calls.
    fn wanting(&self, limit: &Limit) -> Option<String> {
        let (name, route) = (limit.name(), self.route.as_ref());
        if route.is_some_and(|route| !route.limits().iter().any(|of_route| of_route == name)) {
            return None;
        }
        let tier = self.calls.concern.tier.as_deref().or(route.and_then(Route::tier));
        let tiers: Vec<_> = limit.tier_amounts().map(|(tier, _)| tier).collect();
        if tier.is_some_and(|tier| !tiers.is_empty() && !tiers.contains(&tier)) {
            return None;
        }
        let mut options = Vec::new();
        if tier.is_none() && !tiers.is_empty() {
            options.push("--tier".to_owned());
        }
        let given = self.calls.concern.scopes.iter().map(|(scope, _)| scope.as_str());
        let mut given = given.chain(route.into_iter().flat_map(Route::scopes).map(|(scope, _)| scope));
        if let Some(scope) = limit.scope_name().filter(|scope| !given.any(|given| given == *scope)) {
            options.push(format!("--scope {scope}=VALUE"));
        }
        if self.units(limit) == 0 {
            options.push(format!("--take {}=N", limit.unit_name()));
        }
        match &options[..] {
            [] => None,
            _ => Some(format!("limit {name} (give {})", options.join(" and "))),
        }
    }
}

impl Request {
    /// What it comes to, on any host of the API if it names none.
    fn route(&self, preset: &Preset) -> Result<Route, String> {
        let (path, query) = (self.uri.path(), self.uri.query().unwrap_or_default());
        let hosts: Vec<_> = preset.hosts().collect();
        let on = |host: &str| preset.route(self.method.as_str(), host, path, query);
        let Some(host) = self.uri.host() else {
            let route = on(hosts.first().copied().unwrap_or_default());
            return match hosts.iter().all(|host| on(host) == route) {
                true => Ok(route),
                false => {
                    Err(format!("what {path} comes to depends on its host; write it whole, as in https://HOST{path}"))
                }
            };
        };
        match preset.covers(host) {
            true => Ok(on(host)),
            false => Err(format!("preset {} knows no host {host}; it is for {}", preset.name(), hosts.join(", "))),
        }
    }
}

fn request(text: &str) -> Result<Request, String> {
    let wrong = || "write a method, then a path or an address, as in \"GET /api/profiles\"";
    let (method, target) = text.trim().split_once(' ').ok_or_else(wrong)?;
    let method = method.to_ascii_uppercase().parse().map_err(|_| wrong())?;
    let uri: Uri = target.trim().parse().map_err(|_| wrong())?;
    // `api.example.com:443` alone, and `*`.
    if !uri.path().starts_with('/') {
        return Err(wrong().to_owned());
    }
    Ok(Request { method, uri })
}
