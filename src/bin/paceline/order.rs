//! What all orders of an operator share: they say first what they will do, ask, and leave an entry in the trail.

use std::{
    io::{IsTerminal, Write},
    process::ExitCode,
};

use clap::Args;
use paceline::{LimitReport, Order, Report};
use serde_json::{Value, json};

use crate::{
    Failure,
    figures::{count, named},
    page::Page,
    say,
    source::{Opened, Source},
    tell,
};

/// The person did not want it after all.
pub const DECLINED: u8 = 1;

/// Partitions of a budget; `None`: it itself.
pub type Partitions = Vec<Option<String>>;

#[derive(Args)]
pub struct Common {
    /// The budget
    pub budget: String,
    /// The partition of the budget, such as a tenant
    #[arg(long)]
    pub key: Option<String>,
    /// The budget and all of its partitions that are in use now; one that comes up later knows nothing of it
    #[arg(long, conflicts_with = "key")]
    pub all_keys: bool,
    /// Why, for the trail that `paceline audit` shows
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub why: String,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    #[command(flatten)]
    pub source: Source,
    /// Print a JSON object
    #[arg(long)]
    pub json: bool,
}

impl Common {
    /// Says what the order will do, asks, gives it, and says what was done.
    pub async fn give(&self, order: Order, meaning: &str, done: &str) -> Result<ExitCode, Failure> {
        let opened = self.source.open().await?;
        Ok(match self.order(&opened, &order, meaning).await? {
            Some(given) => {
                self.report(&order, &given, done, json!({}));
                ExitCode::SUCCESS
            }
            None => DECLINED.into(),
        })
    }

    /// The same in a command that goes on: to which partitions it was given. `None`: it was declined.
    pub async fn order(&self, opened: &Opened, order: &Order, meaning: &str) -> Result<Option<Partitions>, Failure> {
        let wanted = self.partitions(opened).await?;
        let names = wanted.into_iter().map(|key| (self.budget.clone(), key)).collect();
        let mut looks = opened.looks(names, || ()).await?;
        if self.all_keys {
            looks.retain(|(_, _, report)| report.as_ref().is_some_and(|report| concerns(order, report)));
        }
        let reports: Vec<&Report> = looks.iter().filter_map(|(_, _, report)| report.as_ref()).collect();
        let partitions: Partitions = looks.iter().map(|(_, key, _)| key.clone()).collect();
        if partitions.is_empty() {
            return Err(format!("budget {}: there is none in use that this would change", self.budget).into());
        }
        if !self.yes && !agreed(&format!("{} {meaning}", users(&self.name(&partitions), &reports)))? {
            return Ok(None);
        }
        for key in &partitions {
            opened.store.order(&self.budget, key.as_deref(), order, &who(), &self.why).await?;
        }
        Ok(Some(partitions))
    }

    /// What the order is about.
    async fn partitions(&self, opened: &Opened) -> Result<Partitions, Failure> {
        let budget = &self.budget;
        opened.must_have(budget).await?;
        let (whole, partitions) = match opened.in_use(budget).await {
            Err(error) if error.is_not_permitted() && !self.all_keys => return self.as_named(opened).await,
            in_use => in_use?,
        };
        if opened.config.is_none() && !whole && partitions.is_empty() {
            return Err(format!(
                "nobody uses budget {budget} in this Redis; `paceline list` shows those in use, and for one that nobody uses \
                 yet give the --config that has it"
            )
            .into());
        }
        let known = count(partitions.len() as u64, "partition");
        match (&self.key, partitions.first()) {
            (Some(key), Some(_)) if !partitions.contains(key) => {
                tell(format_args!("note: nobody uses partition {key} of budget {budget} now, but {known} of it are in use"));
                Ok(vec![Some(key.clone())])
            }
            (Some(key), _) => Ok(vec![Some(key.clone())]),
            (None, _) if self.all_keys => {
                let whole = (whole || partitions.is_empty()).then_some(None);
                Ok(whole.into_iter().chain(partitions.into_iter().map(Some)).collect())
            }
            (None, Some(first)) if !whole => Err(format!(
                "budget {budget} is used by {known} of it, each of which is ordered by itself: name one with --key, such as \
                 --key '{first}', or give --all-keys for all that are in use now"
            )
            .into()),
            (None, first) => {
                if first.is_some() {
                    tell(format_args!("note: this does not concern {known} of budget {budget}; --all-keys does"));
                }
                Ok(vec![None])
            }
        }
    }

    /// The same for a user who may not look what is in use.
    async fn as_named(&self, opened: &Opened) -> Result<Partitions, Failure> {
        let Self { budget, key, .. } = self;
        let configured = opened.config.as_ref().is_some_and(|config| config.budget(budget).is_some());
        if !configured && opened.store.inspect(budget, key.as_deref()).await?.is_none() {
            let name = named(budget, key.as_deref());
            return Err(format!(
                "nobody uses budget {name} in this Redis; if that is its name, give the --config that has it"
            )
            .into());
        }
        if key.is_none() {
            tell(format_args!(
                "note: this concerns no partition of budget {budget}; this user may not look whether any is in use"
            ));
        }
        Ok(vec![key.clone()])
    }

    /// What was done, in a sentence or as an object, which `more` adds to.
    pub fn report(&self, order: &Order, given: &Partitions, done: &str, more: Value) {
        if self.json {
            let (budget, key) = (&self.budget, &self.key);
            let keys: Vec<_> = given.iter().filter(|_| self.all_keys).flatten().collect();
            let mut object = json!({
                "budget": budget, "key": key, "keys": keys, "order": order.to_string(), "why": self.why, "who": who(),
            });
            if let (Value::Object(object), Value::Object(more)) = (&mut object, more) {
                object.extend(more);
            }
            say(object);
        } else {
            let mut page = Page::new();
            page.say(format_args!("Budget {}: {done}", self.name(given)));
            say(page);
        }
    }

    pub fn name(&self, given: &Partitions) -> String {
        match given.iter().flatten().count() as u64 {
            partitions if self.all_keys && partitions > 0 => {
                format!("{} with {}", self.budget, count(partitions, "partition"))
            }
            _ => named(&self.budget, self.key.as_deref()),
        }
    }
}

/// Whether an order would change anything there.
fn concerns(order: &Order, report: &Report) -> bool {
    let any = |wanted: Option<&String>, holds: fn(&LimitReport) -> bool| {
        report.limits.iter().any(|limit| wanted.is_none_or(|name| limit.name == *name) && holds(limit))
    };
    match order {
        Order::Resume => report.paused.is_some(),
        Order::Reset { limit } | Order::CoolDown { limit, .. } => any(limit.as_ref(), |_| true),
        Order::EndCoolDown { limit } => any(limit.as_ref(), |limit| limit.cooldown_ms.is_some()),
        Order::Quota { limit, .. } => any(Some(limit), |_| true),
        Order::EndQuota { limit } => {
            any(Some(limit), |limit| limit.feedback.as_ref().is_some_and(|said| said.ordered.is_some()))
        }
        _ => true,
    }
}

/// Units in flight in all of these.
pub fn flying<'a>(reports: impl IntoIterator<Item = &'a Report>) -> u64 {
    reports.into_iter().filter_map(|report| report.limits.iter().map(|limit| limit.in_flight).max()).sum()
}

/// Whom it concerns.
fn users(name: &str, reports: &[&Report]) -> String {
    let sum = |what: fn(&Report) -> u64| reports.iter().map(|report| what(report)).sum::<u64>();
    let sessions = sum(|report| report.sessions.len() as u64 + report.more_sessions);
    match sessions {
        0 => format!("Budget {name}: nobody uses it now."),
        _ => format!(
            "Budget {name}: used by {}, with {} in flight and {} waiting.",
            count(sessions, "process"),
            count(flying(reports.iter().copied()), "unit"),
            count(sum(|report| report.waiting), "caller")
        ),
    }
}

/// Asks a person; nobody who could be asked must say so beforehand.
fn agreed(question: &str) -> Result<bool, Failure> {
    let mut page = Page::new();
    page.say(question);
    tell(page);
    let (mut asked, answers) = (std::io::stderr(), std::io::stdin());
    if !answers.is_terminal() || !asked.is_terminal() {
        return Err("there is no terminal to ask on; say --yes to do it all the same".into());
    }
    write!(asked, "Go on? [y/N] ")?;
    let mut answer = String::new();
    // The terminal's own line, so that its keys do what they do everywhere; Ctrl-D is no answer and leaves the line open.
    if answers.read_line(&mut answer)? == 0 {
        writeln!(asked)?;
    }
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The person and the host: for people, not for proof.
pub fn who() -> String {
    let mut said = ["USER", "LOGNAME", "USERNAME"].iter().filter_map(|name| std::env::var(name).ok());
    let user = said.find(|user| !user.is_empty()).unwrap_or_else(unnamed);
    format!("{user}@{}", paceline::host())
}

/// A cron job has no name in its environment.
#[cfg(unix)]
fn unnamed() -> String {
    format!("uid-{}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn unnamed() -> String {
    "somebody".to_owned()
}
