//! The findings, for people and for programs.

use std::fmt;

use comfy_table::{ContentArrangement, Table, presets::NOTHING};
use serde_json::{Value, json};

use super::finding::{Finding, Status};
use crate::Failure;

/// Where there is no terminal to ask.
const USUAL_WIDTH: u16 = 80;

/// What all checks came to.
pub struct Report {
    /// Host and port.
    pub redis: String,
    pub findings: Vec<Finding>,
}

impl Report {
    pub fn is_broken(&self) -> bool {
        self.count(Status::Broken) > 0
    }

    /// In the form that `src/guide/command_line.md` documents.
    pub fn json(&self) -> Value {
        let worst = self.findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Ok);
        json!({ "redis": self.redis, "status": worst, "error": null, "findings": self.findings })
    }

    /// The same form, where there was nothing to look at.
    pub fn failed(why: &Failure) -> Value {
        json!({ "redis": null, "status": null, "error": why.to_string(), "findings": [] })
    }

    fn count(&self, status: Status) -> usize {
        self.findings.iter().filter(|finding| finding.status == status).count()
    }

    fn table(&self, width: u16) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
        for finding in &self.findings {
            table.add_row([word(finding.status), finding.check, &in_words(finding)]);
        }
        table
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = console::Term::stdout().size_checked().map_or(USUAL_WIDTH, |(_, columns)| columns);
        writeln!(f, "Redis at {}\n", self.redis)?;
        writeln!(f, "{}\n", self.table(width).trim_fmt())?;
        let [ok, unknown, warnings, broken] =
            [Status::Ok, Status::Unknown, Status::Warning, Status::Broken].map(|status| self.count(status));
        let verdict = if broken > 0 { "Not as it should be" } else { "Nothing is broken" };
        write!(f, "{verdict}. Broken: {broken}, warnings: {warnings}, unknown: {unknown}, ok: {ok}.")
    }
}

/// What is right needs no explanation.
fn in_words(Finding { status, seen, why, mend, .. }: &Finding) -> String {
    match (status, mend) {
        (Status::Ok, _) | (_, None) => seen.clone(),
        (Status::Unknown, Some(mend)) => format!("{seen}: {mend}"),
        (_, Some(mend)) => format!("{seen}\n{why}\n-> {mend}"),
    }
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Unknown => "unknown",
        Status::Warning => "WARNING",
        Status::Broken => "BROKEN",
    }
}
