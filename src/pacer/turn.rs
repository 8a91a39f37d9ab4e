//! One request's turn: the permit, until its response has been read.

use http::{HeaderMap, StatusCode};

use super::Pacer;
use crate::{Cost, Error, Observation, Permit};

/// A request may go now: one, on the wire. Give it the response when that is in; dropping it says that the request was
/// sent and that nobody knows what became of it.
#[must_use = "a turn that is dropped counts as sent"]
#[derive(Debug)]
pub struct Turn {
    pub(super) permit: Permit,
    pub(super) pacer: Pacer,
    pub(super) may_repeat: bool,
}

/// What a response comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verdict {
    /// What it says.
    pub said: Observation,
    /// It was throttled, and the same request may be sent again, in a turn of its own.
    pub again: bool,
}

impl Turn {
    /// Whether it may still be sent; call this right before the request goes out.
    ///
    /// # Errors
    /// It is too old: give it back ([`Turn::unsent`]) and wait for another.
    pub fn check(&self) -> Result<(), Error> {
        self.permit.check()
    }

    /// The request never went out: its permit is given back.
    pub fn unsent(self) {
        self.permit.cancel();
    }

    /// Whether the body of a response with this status has something to say. Else [`Turn::answered`] needs none.
    pub fn reads_body(&self, status: StatusCode) -> bool {
        self.pacer.settings.dialect.reads_body(status) || self.learns_cost()
    }

    /// The response is in. Of the body, the first 64 KiB are read (all of it where the preset finds the real cost there).
    pub fn answered(self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Verdict {
        let verdict = self.read(status, headers, body);
        self.complete(&verdict, body);
        verdict
    }

    /// What a response says, without anything coming of it.
    pub(super) fn read(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Verdict {
        let said = self.pacer.settings.dialect.observe(status, headers, body, self.permit.unix_time());
        let again = self.may_repeat && said.throttled.as_ref().is_some_and(|throttled| throttled.retry);
        Verdict { said, again }
    }

    /// The response is in, and this came of it.
    pub(super) fn complete(self, verdict: &Verdict, body: &[u8]) {
        if let Some(hears) = &self.pacer.settings.on_verdict {
            hears(verdict);
        }
        match self.cost(body) {
            Some(cost) => self.permit.settle_with(&verdict.said, &cost),
            None => self.permit.complete_with(&verdict.said),
        }
    }

    /// Whether the response is in only with the end of its body.
    #[cfg(any(feature = "reqwest", feature = "tower"))]
    pub(super) fn ends_with_body(&self) -> bool {
        self.pacer.settings.preset.as_ref().is_some_and(|preset| preset.complete_at() == crate::CompleteAt::Body)
    }

    /// Whether the caller may see a response with this status only when its body has been looked into.
    #[cfg(any(feature = "reqwest", feature = "tower"))]
    pub(super) fn looks_first(&self, status: StatusCode) -> bool {
        let waits_for_it = self.ends_with_body() && status.is_success();
        self.pacer.settings.dialect.judges_body(status) || (self.reads_body(status) && !waits_for_it)
    }

    /// Whether the body says what the request really took.
    pub(super) fn learns_cost(&self) -> bool {
        self.pacer.settings.preset.as_ref().is_some_and(|preset| preset.cost_at().next().is_some())
    }

    fn cost(&self, body: &[u8]) -> Option<Cost> {
        let preset = self.pacer.settings.preset.as_ref()?;
        let mut places = preset.cost_at().peekable();
        places.peek()?;
        let body: serde_json::Value = serde_json::from_slice(body).ok()?;
        let units = |pointer| body.pointer(pointer).and_then(serde_json::Value::as_u64);
        let known = places.filter_map(|(unit, pointer)| Some((unit.to_owned(), units(pointer)?)));
        known.fold(None, |cost: Option<Cost>, (unit, n)| match cost {
            None => Some(Cost::of(unit, n)),
            Some(cost) => Some(cost.and(unit, n)),
        })
    }
}
