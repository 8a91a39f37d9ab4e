//! How a provider's responses are to be read, as data: part of a preset file.

use std::{sync::LazyLock, time::Duration};

use http::HeaderName;

use crate::{
    name::shown,
    settings::{self, ConfigErrors, Mistakes, Section},
};

use super::{
    answer::HeaderIs,
    reset::UNITS,
    signal::{Limit, Place, Signal},
    throttle::{AT_MOST, Concerns, FieldIs, Rule},
    wait::Wait,
};

const SIGNAL_SETTINGS: [&str; 12] = [
    "limits",
    "quota",
    "used",
    "remaining",
    "reset",
    "reset_is",
    "used_of_quota",
    "if_header",
    "quota_at",
    "used_at",
    "remaining_at",
    "reset_at",
];
const SAYS: [&str; 7] = ["quota", "used", "remaining", "used_of_quota", "quota_at", "used_at", "remaining_at"];
const THROTTLE_SETTINGS: [&str; 11] = [
    "status",
    "header",
    "body_at",
    "body_says",
    "exhausted",
    "about",
    "wait",
    "at_least",
    "at_most",
    "penalty",
    "retry",
];
const CONDITIONS: [&str; 5] = ["status", "header", "body_at", "body_says", "exhausted"];

/// How a provider's responses are to be read: where they say how much is left of which limit, which answers mean "not
/// now", and where these say how long to wait.
///
/// It is data. A file has signals (without any, the usual headers are read as [`Dialect::generic`] does), rules for throttled answers (the first that matches is what happened), and perhaps
/// `[refused]`, the statuses of a credential that is not accepted (401 if absent). It names the limits of the same file.
/// [`crate::guide::reading_responses`] has all of it.
///
/// ```
/// use std::time::Duration;
/// use http::{HeaderMap, StatusCode};
/// use paceline::{About, Dialect};
///
/// let dialect = Dialect::parse(
///     r#"
///     [[limit]]
///     name = "minute"
///     per = "1m"
///     [[limit]]
///     name = "spike"
///     per = "1s"
///
///     [[signal]]
///     limits = ["minute"]
///     quota = "x-throttle-limit"
///     remaining = "x-throttle-available"
///     [[throttle]]
///     status = 429
///     exhausted = true
///     about = "exhausted"
///     wait = ["retry-after", "1m"]
///     [[throttle]]
///     status = 429
///     about = ["spike"]
///     wait = ["retry-after", "1s"]
///     "#,
/// )?;
/// let mut headers = HeaderMap::new();
/// headers.insert("x-throttle-available", "12".parse().unwrap());
/// let observation = dialect.observe(StatusCode::TOO_MANY_REQUESTS, &headers, b"", Duration::ZERO);
///
/// // There is room in the minute, so it was the limit that no header tells.
/// let throttled = observation.throttled.unwrap();
/// assert_eq!(throttled.about, About::Limits(vec!["spike".into()]));
/// assert_eq!(throttled.wait, Some(Duration::from_secs(1)));
/// assert_eq!(observation.limits[0].remaining, Some(12));
/// # Ok::<(), paceline::ConfigErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dialect {
    pub(super) limits: Vec<Limit>,
    pub(super) signals: Vec<Signal>,
    pub(super) throttles: Vec<Rule>,
    pub(super) refused: Vec<u16>,
}

impl Dialect {
    /// What holds of most providers. 429 means throttled, and so does 503 with `Retry-After`; the usual header families
    /// (`X-RateLimit-*`, `X-Rate-Limit-*`, `RateLimit-*`) are each a limit: "requests" for the plain one, else "tokens",
    /// "minute" or what else their names have in them.
    pub fn generic() -> Self {
        static GENERIC: LazyLock<Dialect> =
            LazyLock::new(|| Dialect::parse(include_str!("generic.toml")).expect("it is right: the tests read it"));
        GENERIC.clone()
    }

    /// Reads the text of a preset file, as far as it is about responses. Of its limits only the names and periods matter.
    ///
    /// # Errors
    /// All the mistakes of those parts; where the text is not TOML at all, the first.
    pub fn parse(text: &str) -> Result<Self, ConfigErrors> {
        settings::read(text, |top, mistakes| {
            let limits = top.array("limit", |index, _| format!("limit {}", index + 1), mistakes).unwrap_or_default();
            // Whether they are right is not for us to say.
            let period = |limit: &Section| humantime::parse_duration(limit.get("per")?.as_str()?).ok();
            let limits: Vec<_> = limits.iter().map(|limit| (limit.name.to_owned(), period(limit))).collect();
            Self::read(top, &limits, mistakes)
        })
    }

    /// Reads the parts of a preset file that are about responses, given its limits by their names and periods.
    pub(crate) fn read(top: &Section, limits: &[(String, Option<Duration>)], mistakes: &mut Mistakes) -> Self {
        let limits: Vec<Limit> =
            limits.iter().map(|(name, period)| Limit { name: name.clone(), period: *period }).collect();
        let signals = top.array("signal", |index, _| format!("signal {}", index + 1), mistakes).unwrap_or_default();
        let throttles =
            top.array("throttle", |index, _| format!("throttle {}", index + 1), mistakes).unwrap_or_default();
        let refused = top.section("refused", "[refused]", mistakes).and_then(|refused| {
            refused.refuse_others(&["status"], mistakes);
            statuses(&refused, mistakes)
        });
        Self {
            signals: signals.iter().map(|signal| read_signal(signal, &limits, mistakes)).collect(),
            throttles: throttles.iter().map(|throttle| read_throttle(throttle, &limits, mistakes)).collect(),
            limits,
            refused: refused.unwrap_or_else(|| vec![401]),
        }
    }
}

fn read_signal(section: &Section, limits: &[Limit], mistakes: &mut Mistakes) -> Signal {
    section.refuse_others(&SIGNAL_SETTINGS, mistakes);
    section.require("limits", "write the names of the limits it is about", mistakes);
    if !SAYS.iter().any(|key| section.get(key).is_some()) {
        let text = "it says nothing of what is left; name a header under quota, used, remaining or used_of_quota";
        mistakes.add(section.at, section.message(text));
    }
    let mut places = |header: &str, field: &str| {
        let header = header_setting(section, header, mistakes).map(Place::Header);
        let field = pointer(section, field, mistakes).map(Place::Field);
        header.into_iter().chain(field).collect()
    };
    Signal {
        quota: places("quota", "quota_at"),
        used: places("used", "used_at"),
        remaining: places("remaining", "remaining_at"),
        reset: places("reset", "reset_at"),
        limits: section.strings("limits", mistakes).map_or_else(Vec::new, |names| {
            if names.is_empty() {
                section.wrong::<()>("limits", "empty; write the names of the limits it is about", mistakes);
            }
            names.iter().filter_map(|(name, at)| known(section, name, *at, limits, mistakes).cloned()).collect()
        }),
        reset_is: section.choice("reset_is", &UNITS, mistakes),
        used_of_quota: header_setting(section, "used_of_quota", mistakes),
        if_header: header_is(section, "if_header", mistakes),
    }
}

fn read_throttle(section: &Section, limits: &[Limit], mistakes: &mut Mistakes) -> Rule {
    section.refuse_others(&THROTTLE_SETTINGS, mistakes);
    if !CONDITIONS.iter().any(|key| section.get(key).is_some()) {
        let text = "it would match every answer; write a condition, such as status = [429]";
        mistakes.add(section.at, section.message(text));
    }
    let body_at = inner(section, "body_at", "{ at = \"/code\" }", mistakes).and_then(|inner| {
        inner.refuse_others(&["at", "is"], mistakes);
        inner.require("at", "write where the field stands, as in \"/error/code\"", mistakes);
        let is = inner.string("is", mistakes).map(|(is, _)| is.to_owned());
        Some(FieldIs { at: pointer(&inner, "at", mistakes)?, is })
    });
    let waits = section.strings("wait", mistakes).unwrap_or_default();
    let wait = waits.into_iter().filter_map(|(text, at)| {
        let wrong = |mend| mistakes.add(at, section.message(format!("wait has {} in it; {mend}", shown(text))));
        Wait::parse(text).map_err(wrong).ok()
    });
    let wait = wait.collect();
    let at_least = section.duration("at_least", mistakes).unwrap_or_default();
    let at_most = section.duration("at_most", mistakes);
    if at_most.is_some_and(|at_most| at_most < at_least || at_most.is_zero()) {
        section.wrong::<()>("at_most", "too little; write a duration that is no shorter than at_least", mistakes);
    }
    let body_says = section.string("body_says", mistakes).map(|(text, _)| text.to_owned());
    if body_says.as_ref().is_some_and(String::is_empty) {
        section.wrong::<()>("body_says", "empty; write a text that stands in the body", mistakes);
    }
    let about = about(section, limits, mistakes);
    Rule {
        status: statuses(section, mistakes).unwrap_or_default(),
        header: header_is(section, "header", mistakes),
        body_at,
        body_says,
        exhausted: section.flag("exhausted", mistakes),
        at_most: at_most.unwrap_or_else(|| usual_cap(&about, limits).max(at_least)),
        about,
        wait,
        at_least,
        penalty: section.duration("penalty", mistakes),
        retry: section.flag("retry", mistakes).unwrap_or(true),
    }
}

/// The longest wait of a rule that says none: 15 minutes, or a window of the limits that it is about, if one is longer. An
/// answer about all that a request took from does not say which, so it gets no more than that.
fn usual_cap(about: &Concerns, limits: &[Limit]) -> Duration {
    let mine = |limit: &&Limit| match about {
        Concerns::Limits(names) => names.contains(&limit.name),
        Concerns::Exhausted => true,
        Concerns::Route => false,
    };
    limits.iter().filter(mine).filter_map(|limit| limit.period).max().unwrap_or_default().max(AT_MOST)
}

fn about(section: &Section, limits: &[Limit], mistakes: &mut Mistakes) -> Concerns {
    // All that the request took from: who says nothing cannot be wrong about which.
    let Some(names) = section.strings("about", mistakes) else { return Concerns::Route };
    match names[..] {
        [("route", _)] => Concerns::Route,
        [("exhausted", _)] => Concerns::Exhausted,
        // None of them is an answer about no limit at all, such as a lock.
        ref names => Concerns::Limits(
            names
                .iter()
                .filter_map(|(name, at)| known(section, name, *at, limits, mistakes))
                .map(|limit| limit.name.clone())
                .collect(),
        ),
    }
}

/// The limit of this name; that there is none is a mistake.
fn known<'l>(
    section: &Section,
    name: &str,
    at: usize,
    limits: &'l [Limit],
    mistakes: &mut Mistakes,
) -> Option<&'l Limit> {
    let limit = limits.iter().find(|limit| limit.name == name);
    if limit.is_none() {
        let names: Vec<&str> = limits.iter().map(|limit| limit.name.as_str()).collect();
        let text = format!("{} is not the name of a limit; {}", shown(name), settings::mend(name, &names));
        mistakes.add(at, section.message(text));
    }
    limit
}

fn statuses(section: &Section, mistakes: &mut Mistakes) -> Option<Vec<u16>> {
    let mut statuses = Vec::new();
    for (value, at) in section.values("status")? {
        let status = value.as_integer().and_then(|number| u16::from_str_radix(number.as_str(), number.radix()).ok());
        match status.filter(|status| (100..=999).contains(status)) {
            Some(status) => statuses.push(status),
            None => mistakes.add(at, section.message("status has something else than a status in it; write 429")),
        }
    }
    Some(statuses)
}

/// A table within a table, called by both.
fn inner<'a>(section: &Section<'a>, key: &str, example: &str, mistakes: &mut Mistakes) -> Option<Section<'a>> {
    let mut inner = section.section(key, example, mistakes)?;
    inner.title = format!("{}, {key}", section.title);
    Some(inner)
}

fn header_is(section: &Section, key: &str, mistakes: &mut Mistakes) -> Option<HeaderIs> {
    let inner = inner(section, key, "{ name = \"retry-after\" }", mistakes)?;
    inner.refuse_others(&["name", "is"], mistakes);
    inner.require("name", "write the name of a header", mistakes);
    let is = inner.string("is", mistakes).map(|(is, _)| is.to_owned());
    Some(HeaderIs { name: header_setting(&inner, "name", mistakes)?, is })
}

fn header_setting(section: &Section, key: &str, mistakes: &mut Mistakes) -> Option<String> {
    let (name, at) = section.string(key, mistakes)?;
    let wrong = |mend| mistakes.add(at, section.message(format!("{key} is {}; {mend}", shown(name))));
    header_name(name).map_err(wrong).ok()
}

/// A header's name as it is looked up; else what to write.
pub(super) fn header_name(name: &str) -> Result<String, String> {
    match HeaderName::from_bytes(name.as_bytes()) {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(_) => Err("write the name of a header, without a colon".into()),
    }
}

fn pointer(section: &Section, key: &str, mistakes: &mut Mistakes) -> Option<String> {
    let (pointer, at) = section.string(key, mistakes)?;
    if pointer.starts_with('/') {
        return Some(pointer.to_owned());
    }
    let text = format!("{key} is {}; a field of the body starts with a slash, as in \"/error/code\"", shown(pointer));
    mistakes.add(at, section.message(text));
    None
}
