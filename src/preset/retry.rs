//! Which requests may be sent again, and when a response counts as in.

use crate::settings::{Mistakes, Section};

/// Methods of which a repeat changes nothing (RFC 9110, 9.2.2), unless the preset says otherwise.
const IDEMPOTENT: [&str; 5] = ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"];

/// Which requests may be sent again.
#[derive(Debug, Clone)]
pub struct Retry {
    methods: Vec<String>,
    idempotency_key: Option<String>,
}

/// When a response counts as in: the permit is complete then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum CompleteAt {
    /// With its status and headers.
    #[default]
    Headers,
    /// With the end of its body.
    Body,
}

impl Retry {
    /// The methods of which any request may be sent again.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.iter().map(String::as_str)
    }

    /// The header with which a request of any method may be sent again.
    pub fn idempotency_key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// Whether a request may be sent again; `has` says whether it has a header.
    pub fn allows(&self, method: &str, has: impl FnOnce(&str) -> bool) -> bool {
        self.methods().any(|known| known == method) || self.idempotency_key().is_some_and(has)
    }
}

pub(super) fn read_retry(top: &Section, mistakes: &mut Mistakes) -> Retry {
    let mut retry = Retry { methods: IDEMPOTENT.map(str::to_owned).to_vec(), idempotency_key: None };
    let Some(section) = top.part("retry", "[retry]", mistakes) else { return retry };
    section.refuse_others(&["methods", "idempotency_key"], mistakes);
    if let Some(methods) = section.strings("methods", mistakes) {
        retry.methods = methods.into_iter().map(|(method, _)| method.to_owned()).collect();
    }
    retry.idempotency_key = section.string("idempotency_key", mistakes).map(|(header, _)| header.to_owned());
    retry
}

/// When a response is in, and where its body says what a unit really cost.
pub(super) fn read_response(top: &Section, mistakes: &mut Mistakes) -> (CompleteAt, Vec<(String, String)>) {
    let Some(section) = top.part("response", "[response]", mistakes) else { return Default::default() };
    section.refuse_others(&["complete", "cost_at"], mistakes);
    let moments = [("headers", CompleteAt::Headers), ("body", CompleteAt::Body)];
    let complete = section.choice("complete", &moments, mistakes).unwrap_or_default();
    let Some(costs) = section.part("cost_at", "cost_at = { tokens = \"/usage\" }", mistakes) else {
        return (complete, Vec::new());
    };
    if complete == CompleteAt::Headers {
        let text = "cost_at is in the body; write complete = \"body\"";
        mistakes.add(section.place("cost_at"), section.message(text));
    }
    let pointers = costs.keys().into_iter().filter_map(|(unit, _)| {
        let (pointer, at) = costs.string(unit, mistakes)?;
        if !pointer.starts_with('/') {
            mistakes
                .add(at, costs.message(format!("{unit} is {pointer:?}; write a JSON pointer, which starts with /")));
        }
        Some((unit.to_owned(), pointer.to_owned()))
    });
    let pointers = pointers.collect();
    (complete, pointers)
}
