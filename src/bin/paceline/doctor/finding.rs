//! What a check comes to.

use serde::Serialize;

/// How well it stands; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// This user may not look.
    Unknown,
    /// The promises hold, but for something.
    Warning,
    /// A promise does not hold.
    Broken,
}

/// What is checked, and why it matters.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    pub name: &'static str,
    pub why: &'static str,
}

/// The result of a check, in the fields of `--json`.
#[derive(Debug, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub status: Status,
    pub seen: String,
    pub why: &'static str,
    pub mend: Option<String>,
}

impl Check {
    pub fn ok(self, seen: impl Into<String>) -> Finding {
        Finding { check: self.name, status: Status::Ok, seen: seen.into(), why: self.why, mend: None }
    }

    pub fn warning(self, seen: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { status: Status::Warning, mend: Some(mend.into()), ..self.ok(seen) }
    }

    pub fn broken(self, seen: impl Into<String>, mend: impl Into<String>) -> Finding {
        Finding { status: Status::Broken, ..self.warning(seen, mend) }
    }

    /// It does not answer `command` to this user.
    pub fn unknown(self, command: &str) -> Finding {
        let seen = format!("it does not answer {command} to this user");
        let mend = "ask as a user who may, or see for yourself";
        Finding { status: Status::Unknown, ..self.warning(seen, mend) }
    }
}
