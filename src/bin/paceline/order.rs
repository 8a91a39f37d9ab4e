//! What all orders of an operator share: they say first what they will do, ask, and leave an entry in the trail.

use std::{io::IsTerminal, process::ExitCode};

use clap::Args;
use paceline::{Order, Report};
use serde_json::json;

use crate::{
    Failure,
    figures::{count, named},
    say,
    source::{Opened, Source},
    tell,
};

/// The person did not want it after all.
const DECLINED: u8 = 1;

#[derive(Args)]
pub struct Common {
    /// The budget
    pub budget: String,
    /// The partition of the budget, such as a tenant
    #[arg(long)]
    pub key: Option<String>,
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
            true => {
                self.report(&order, done);
                ExitCode::SUCCESS
            }
            false => DECLINED.into(),
        })
    }

    /// The same in a command that goes on; `false`: it was declined.
    pub async fn order(&self, opened: &Opened, order: &Order, meaning: &str) -> Result<bool, Failure> {
        let budget = &self.budget;
        opened.must_have(budget).await?;
        let report = opened.store.inspect(budget, self.key.as_deref()).await?;
        if report.is_none() {
            // It may be a name that was mistyped.
            opened.note_what_is_in_use(budget, self.key.as_deref()).await?;
        }
        let report = report.unwrap_or_default();
        if !self.yes && !agreed(&format!("{} {}", users(&self.name(), &report), meaning))? {
            return Ok(false);
        }
        opened.store.order(budget, self.key.as_deref(), order, &who(), &self.why).await?;
        Ok(true)
    }

    pub fn report(&self, order: &Order, done: &str) {
        if self.json {
            let (budget, key) = (&self.budget, &self.key);
            say(json!({ "budget": budget, "key": key, "order": order.to_string(), "why": self.why, "who": who() }));
        } else {
            say(format!("Budget {}: {done}", self.name()));
        }
    }

    pub fn name(&self) -> String {
        named(&self.budget, self.key.as_deref())
    }
}

/// Whom it concerns.
fn users(name: &str, report: &Report) -> String {
    let sessions = report.sessions.len() as u64 + report.more_sessions;
    let flying = report.limits.iter().map(|limit| limit.in_flight).max().unwrap_or(0);
    match sessions {
        0 => format!("Budget {name}: nobody uses it now."),
        _ => format!(
            "Budget {name}: {} use it, with {} in flight and {} waiting.",
            count(sessions, "process"),
            count(flying, "unit"),
            count(report.waiting, "caller")
        ),
    }
}

/// Asks a person; nobody who could be asked must say so beforehand.
fn agreed(question: &str) -> Result<bool, Failure> {
    let terminal = console::Term::stderr();
    tell(question);
    if !std::io::stdin().is_terminal() || !terminal.is_term() {
        return Err("there is no terminal to ask on; say --yes to do it all the same".into());
    }
    terminal.write_str("Go on? [y/N] ")?;
    Ok(matches!(terminal.read_line()?.trim(), "y" | "Y" | "yes"))
}

/// The person and the host: for people, not for proof.
pub fn who() -> String {
    let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    let user = user.filter(|user| !user.is_empty()).unwrap_or_else(unnamed);
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
