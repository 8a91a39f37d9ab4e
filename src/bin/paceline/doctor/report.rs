//! The findings, for people and for programs.

use serde_json::{Value, json};

use super::finding::{Finding, Status};
use crate::{Failure, page::Page};

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

    pub fn show(&self, page: &mut Page) {
        page.say(format_args!("Redis at {}", self.redis));
        let rows = self
            .findings
            .iter()
            .map(|finding| vec![word(finding.status).to_owned(), finding.check.to_owned(), in_words(finding)]);
        page.table(3, &["", "check", "seen"], rows);
        let [ok, unknown, warnings, broken] =
            [Status::Ok, Status::Unknown, Status::Warning, Status::Broken].map(|status| self.count(status));
        let verdict = if broken > 0 { "Not as it should be" } else { "Nothing is broken" };
        page.say(format_args!("{verdict}. Broken: {broken}, warnings: {warnings}, unknown: {unknown}, ok: {ok}."));
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
