//! One response as the rules ask about it: its lines, its texts, the fields of its body.

use std::{borrow::Cow, cell::OnceCell, time::Duration};

use http::{HeaderMap, StatusCode, header};
use serde_json::Value;

use super::{number, reset};

/// What is read of a body. An answer that says "later" is short; whatever else is this long is not one.
const MOST_READ: usize = 64 * 1024;
/// A clock that is off by more than this is wrong, and not ahead or behind.
const CLOCKS_AGREE: Duration = Duration::from_secs(86_400);

pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    pub(super) headers: &'a HeaderMap,
    /// The time at the server, if it told its own, so that its instants mean what it meant.
    pub(super) now: Duration,
    /// It comes from a cache: what it says about the budget was true for someone else, some time ago.
    pub(super) cached: bool,
    body: &'a [u8],
    json: OnceCell<Option<Value>>,
}

/// A header that is there, or has a certain value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct HeaderIs {
    pub(super) name: String,
    pub(super) is: Option<String>,
}

impl<'a> Answer<'a> {
    pub(super) fn new(status: StatusCode, headers: &'a HeaderMap, body: &'a [u8], now: Duration) -> Self {
        let body = &body[..body.len().min(MOST_READ)];
        let mut answer = Self { status, headers, now, cached: false, body, json: OnceCell::new() };
        answer.cached = answer.lines(header::AGE.as_str()).filter_map(number::decimal).any(|age| age > 0);
        if !answer.cached {
            answer.now = answer.servers_now().unwrap_or(now);
        }
        answer
    }

    fn servers_now(&self) -> Option<Duration> {
        let date = self.lines(header::DATE.as_str()).next().and_then(reset::date).map(number::time)?;
        (date.abs_diff(self.now) <= CLOCKS_AGREE).then_some(date)
    }

    /// The lines of a header, as far as they are text.
    pub(super) fn lines(&self, name: &str) -> impl Iterator<Item = &'a str> + use<'a> {
        self.headers.get_all(name).iter().filter_map(|value| std::str::from_utf8(value.as_bytes()).ok()).map(trim)
    }

    /// All lines of a header as one, as lists are to be read.
    pub(super) fn list(&self, name: &str) -> String {
        self.lines(name).collect::<Vec<_>>().join(", ")
    }

    pub(super) fn has(&self, header: &HeaderIs) -> bool {
        match &header.is {
            None => self.headers.contains_key(header.name.as_str()),
            Some(is) => self.lines(&header.name).any(|line| line.eq_ignore_ascii_case(is)),
        }
    }

    /// A field of a JSON body: its text, its number in digits, or `true` or `false`.
    pub(super) fn field(&self, pointer: &str) -> Option<Cow<'_, str>> {
        let json = self.json.get_or_init(|| serde_json::from_slice(self.body).ok());
        match json.as_ref()?.pointer(pointer)? {
            Value::String(text) => Some(Cow::Borrowed(trim(text))),
            // Never with an exponent, as JSON may have it.
            Value::Number(number) => Some(Cow::Owned(match (number.as_u64(), number.as_f64()) {
                (Some(whole), _) => whole.to_string(),
                (None, Some(number)) => number.to_string(),
                (None, None) => return None,
            })),
            Value::Bool(flag) => Some(Cow::Owned(flag.to_string())),
            _ => None,
        }
    }

    /// Whether a text stands anywhere in the body, without regard to the case of its letters.
    pub(super) fn says(&self, text: &str) -> bool {
        places(self.body, text).next().is_some()
    }

    /// What follows each place where a text stands in the body.
    pub(super) fn after<'b>(&'b self, text: &'b str) -> impl Iterator<Item = &'b [u8]> {
        places(self.body, text).map(|at| &self.body[at + text.len()..])
    }
}

fn places<'b>(body: &'b [u8], text: &'b str) -> impl Iterator<Item = usize> + use<'b> {
    // A text of no length is nowhere.
    let windows = body.windows(text.len().max(1)).enumerate();
    windows.filter(move |(_, window)| window.eq_ignore_ascii_case(text.as_bytes())).map(|(at, _)| at)
}

/// Spaces and tabs are what HTTP allows around a value; other blanks are part of it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}
