//! `paceline cool-down`: nobody sends for a while, or again.

use std::{process::ExitCode, time::Duration};

use clap::{ArgGroup, Args};
use paceline::{LimitReport, Order};
use serde_json::json;

use crate::{
    Failure, args, figures,
    order::{Common, DECLINED},
};

/// Let a budget cool down: nobody sends for a while, then one request goes, and twice as many with each answer
///
/// --end ends what cools down, whether a response began it or an operator.
#[derive(Args)]
#[command(after_help = EXAMPLES, group = ArgGroup::new("what").args(["time", "end"]).required(true).multiple(true))]
pub struct Command {
    #[command(flatten)]
    common: Common,
    /// For so long
    #[arg(
        long = "for", value_name = "TIME", allow_hyphen_values = true, value_parser = args::duration
    )]
    time: Option<Duration>,
    /// End the one under way now: one request goes, and twice as many with each answer
    #[arg(long, conflicts_with = "time")]
    end: bool,
    /// Under this limit only
    #[arg(long, value_name = "NAME")]
    limit: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  paceline cool-down keap --for 30s --why 'their status page says: degraded'
  paceline cool-down klaviyo --limit steady --for 5m --yes
  paceline cool-down keap --end --why 'their status page says: fixed'

Exit code 0: it was ordered. 1: it was not, for what stands in the error, or since nobody confirmed it.";

impl Command {
    pub async fn run(self) -> Result<ExitCode, Failure> {
        match (self.end, self.time) {
            (false, Some(time)) => self.begin(time).await,
            _ => self.end().await,
        }
    }

    async fn end(&self) -> Result<ExitCode, Failure> {
        let of = self.limit.as_ref().map(|name| format!(" of limit {name}")).unwrap_or_default();
        let then = "one request goes, and twice as many with each answer";
        let meaning = format!("The cooldown{of} ends now: {then}; a provider that still says no begins another.");
        let done = format!("the cooldown{of} has ended: {then}.");
        self.common.give(Order::EndCoolDown { limit: self.limit.clone() }, &meaning, &done).await
    }

    async fn begin(&self, time: Duration) -> Result<ExitCode, Failure> {
        let Self { common, limit, .. } = self;
        let of = limit.as_ref().map(|name| format!(" under limit {name}")).unwrap_or_default();
        let lasts = humantime::format_duration(time);
        let meaning =
            format!("Nobody sends{of} for {lasts}; a longer cooldown stays. Then it is tried again little by little.");
        let opened = common.source.open().await?;
        let order = Order::CoolDown { limit: limit.clone(), time };
        let Some(given) = common.order(&opened, &order, &meaning).await? else { return Ok(DECLINED.into()) };
        let names = given.iter().map(|key| (common.budget.clone(), key.clone())).collect();
        let reports = opened.reports(names, || ()).await?;
        let limits = reports.iter().flat_map(|report| &report.limits);
        let limits: Vec<_> = limits.filter(|one| limit.as_ref().is_none_or(|name| one.name == *name)).collect();
        let cooldown_ms = limits.iter().filter_map(|limit| limit.cooldown_ms).max();
        common.report(&order, &given, &holds(&limits, &of, time), json!({ "cooldown_ms": cooldown_ms }));
        Ok(ExitCode::SUCCESS)
    }
}

/// What holds now that it was ordered: a longer cooldown that was under way stays.
fn holds(limits: &[&LimitReport], of: &str, time: Duration) -> String {
    let (lasts, ordered_ms) = (humantime::format_duration(time), time.as_millis() as u64);
    let longer = limits.iter().filter_map(|limit| Some((limit.cooldown_ms?, &limit.name)));
    let longer: Vec<_> = longer.filter(|(left_ms, _)| *left_ms > ordered_ms).collect();
    let Some((left_ms, name)) = longer.iter().max() else { return format!("nobody sends{of} for {lasts}.") };
    let others =
        if of.is_empty() || longer.len() < limits.len() { format!("{of} for {lasts}, and") } else { String::new() };
    let left = figures::time(*left_ms);
    format!("nobody sends{others} under limit {name} for {left}: the cooldown under way is longer, and stays.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_longer_cooldown_is_what_holds() {
        let limit = |name: &str, cooldown_ms| LimitReport { name: name.into(), cooldown_ms, ..LimitReport::default() };
        let (hour, day) = (limit("hour", Some(28_000)), limit("day", Some(1000)));
        let second = Duration::from_secs(1);
        assert_eq!(holds(&[&day], " under limit day", second), "nobody sends under limit day for 1s.");
        let stays = "under limit hour for 28s: the cooldown under way is longer, and stays.";
        assert_eq!(holds(&[&hour], " under limit hour", second), format!("nobody sends {stays}"));
        assert_eq!(holds(&[&hour], "", second), format!("nobody sends for 1s, and {stays}"));
        assert_eq!(holds(&[&hour, &day], "", second), format!("nobody sends for 1s, and {stays}"));
    }
}
