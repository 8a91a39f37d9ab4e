//! Where an answer says how long to wait.

use std::{fmt, time::Duration};

use super::{Seen, answer::Answer, number, retry_after};

/// One place to look. What a rule lists is tried in order, and the first that says something is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wait {
    /// As the dialect spells it.
    text: String,
    place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Header(String),
    /// A number in the text of the body, between two texts, in so many nanoseconds.
    Says {
        before: String,
        after: String,
        unit: u128,
    },
    Field(String),
    /// The reset of the limits that it is about.
    Reset,
    Always(Duration),
}

const NUMBERS: [(&str, u128); 3] = [("{ms}", 1_000_000), ("{s}", 1_000_000_000), ("{min}", 60_000_000_000)];

impl Wait {
    /// Reads one as a dialect spells it; else what to write.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let place = match text.split_once(':').map(|(place, rest)| (place, rest.trim())) {
            Some(("body", template)) => says(template)?,
            Some(("body_at", pointer)) if pointer.starts_with('/') => Place::Field(pointer.to_owned()),
            Some(("body_at", _)) => return Err("a field starts with a slash, as in \"body_at: /retry_after\"".into()),
            Some(("header", name)) => Place::Header(super::dialect::header_name(name)?),
            _ if text == "reset" => Place::Reset,
            _ if text == "retry-after" || text == "retry-after-ms" => Place::Header(text.to_owned()),
            _ => Place::Always(humantime::parse_duration(text).map_err(|_| {
                "write \"retry-after\", \"retry-after-ms\", \"header: NAME\", \"body: TEXT {s} TEXT\", \
                 \"body_at: /FIELD\", \"reset\" or a duration such as \"30s\""
                    .to_owned()
            })?),
        };
        Ok(Self { text: text.to_owned(), place })
    }

    pub(super) fn reads_body(&self) -> bool {
        matches!(self.place, Place::Says { .. } | Place::Field(_))
    }

    /// How long this place says to wait, before any cap. `about` is what is known of the limits in question.
    pub(super) fn asked(&self, answer: &Answer, about: &[&Seen]) -> Option<Duration> {
        match &self.place {
            Place::Header(name) => retry_after::asked(answer, name),
            Place::Says { before, after, unit } => said(answer, before, after, *unit),
            Place::Field(pointer) => retry_after::one(&answer.field(pointer)?, pointer, answer.now),
            Place::Reset => about.iter().filter_map(|seen| seen.reset_in).max(),
            Place::Always(wait) => Some(*wait),
        }
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn says(template: &str) -> Result<Place, String> {
    let found = NUMBERS.iter().find_map(|&(mark, unit)| Some((template.split_once(mark)?, unit)));
    match found {
        Some(((before, after), unit)) if !before.is_empty() => {
            Ok(Place::Says { before: before.to_owned(), after: after.to_owned(), unit })
        }
        Some(_) => Err("write some text before the number, or any number would do".into()),
        None => Err("write {s}, {ms} or {min} where the number stands".into()),
    }
}

/// The first number that stands between these two texts.
fn said(answer: &Answer, before: &str, after: &str, unit: u128) -> Option<Duration> {
    answer.after(before).find_map(|rest| {
        let (number, length) = number::leading(rest)?;
        let follows = rest[length..].get(..after.len())?;
        // The number is in billionths.
        let nanos = number.saturating_mul(unit) / 1_000_000_000;
        follows.eq_ignore_ascii_case(after.as_bytes()).then(|| number::time(nanos))
    })
}
