//! Which rule of a dialect an answer matches, what it is then about, and how long to wait.

use std::time::Duration;

use super::{
    About, Seen, Throttled,
    answer::{Answer, HeaderIs},
    wait::Wait,
};

/// The cap of a rule that has none. A wrong value must not stop a fleet for hours; who is still throttled after this
/// is told so again.
pub(super) const AT_MOST: Duration = Duration::from_secs(15 * 60);
/// What an answer may ask for and be repeated to people: more than a day is believed only of who may have it.
const BELIEVED: Duration = Duration::from_secs(86_400);

/// One kind of answer that says "not now". All conditions that are given must hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) status: Vec<u16>,
    pub(super) header: Option<HeaderIs>,
    pub(super) body_at: Option<FieldIs>,
    pub(super) body_says: Option<String>,
    pub(super) exhausted: Option<bool>,
    pub(super) about: Concerns,
    pub(super) wait: Vec<Wait>,
    pub(super) at_least: Duration,
    pub(super) at_most: Duration,
    pub(super) penalty: Option<Duration>,
    pub(super) retry: bool,
}

/// What a rule is about, before it is known which limits those are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Concerns {
    Route,
    Exhausted,
    Limits(Vec<String>),
}

/// A field of the body that is there, or has a certain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FieldIs {
    pub(super) at: String,
    pub(super) is: Option<String>,
}

impl Rule {
    pub(super) fn matches(&self, answer: &Answer, seen: &[Seen]) -> bool {
        let field = |field: &FieldIs| match (answer.field(&field.at), &field.is) {
            (Some(text), Some(is)) => text.eq_ignore_ascii_case(is),
            (found, None) => found.is_some(),
            (None, Some(_)) => false,
        };
        (self.status.is_empty() || self.status.contains(&answer.status.as_u16()))
            && self.header.as_ref().is_none_or(|header| answer.has(header))
            && self.exhausted.is_none_or(|exhausted| seen.iter().any(is_exhausted) == exhausted)
            // The body last: it is the dearest to read.
            && self.body_says.as_ref().is_none_or(|text| answer.says(text))
            && self.body_at.as_ref().is_none_or(field)
    }

    /// Whether it looks into the body of answers with this status.
    pub(super) fn reads_body(&self, status: u16) -> bool {
        (self.status.is_empty() || self.status.contains(&status))
            && (self.body_at.is_some() || self.body_says.is_some() || self.wait.iter().any(Wait::reads_body))
    }

    /// What follows from an answer that this rule, of this number in its dialect, matches.
    pub(super) fn throttled(&self, number: usize, answer: &Answer, seen: &[Seen]) -> Throttled {
        let exhausted = || seen.iter().filter(|seen| is_exhausted(seen));
        let about = match &self.about {
            Concerns::Limits(names) => About::Limits(names.clone()),
            Concerns::Exhausted if exhausted().next().is_some() => {
                About::Limits(exhausted().map(|seen| seen.limit.clone()).collect())
            }
            Concerns::Exhausted | Concerns::Route => About::Route,
        };
        let concerned = concerned(&about, seen);
        let said = self.wait.iter().find_map(|wait| Some((wait, wait.asked(answer, &concerned)?)));
        let asked = said.map(|(_, asked)| asked);
        Throttled {
            wait: asked.map(|asked| asked.max(self.at_least).min(self.at_most)),
            asked: asked.filter(|&asked| asked > self.at_most).map(|asked| asked.min(BELIEVED.max(self.at_most))),
            source: said.map(|(wait, _)| wait.to_string()),
            rule: number,
            about,
            penalty: self.penalty,
            retry: self.retry,
        }
    }
}

/// Those whose reset is worth waiting for: of the limits in question those of which nothing is left; else those that
/// the rule names; else those of which nobody knows what is left. One with room in it is not what was hit.
fn concerned<'a>(about: &About, seen: &'a [Seen]) -> Vec<&'a Seen> {
    let mine = |seen: &&Seen| match about {
        About::Limits(names) => names.contains(&seen.limit),
        About::Route => true,
    };
    let mine: Vec<&Seen> = seen.iter().filter(mine).collect();
    if mine.iter().any(|seen| is_exhausted(seen)) {
        return mine.into_iter().filter(|seen| is_exhausted(seen)).collect();
    }
    match about {
        About::Limits(_) => mine,
        About::Route => mine.into_iter().filter(|seen| seen.remaining.is_none()).collect(),
    }
}

fn is_exhausted(seen: &Seen) -> bool {
    seen.remaining == Some(0)
}
