//! One rule of a preset: which requests it is about, and what they come to.

use std::{borrow::Cow, sync::Arc};

use super::{
    pattern::{Glob, PathPattern, decoded, segments},
    route::Route,
};
use crate::Cost;

/// Which requests it is about; what is absent is any.
#[derive(Debug, Clone, Default)]
pub(super) struct When {
    pub(super) methods: Vec<String>,
    pub(super) host: Option<Glob>,
    pub(super) path: Option<(String, PathPattern)>,
    pub(super) query: Vec<(String, Glob)>,
}

/// What they come to.
#[derive(Debug, Clone)]
pub(super) struct Then {
    pub(super) limits: Arc<[String]>,
    pub(super) tier: Option<Arc<str>>,
    /// A name that they share; without one, the method, if it names any, and the pattern of the path.
    pub(super) operation: Option<Arc<str>>,
    pub(super) cost: Arc<Cost>,
}

#[derive(Debug, Clone)]
pub(super) struct Rule {
    pub(super) when: When,
    pub(super) then: Then,
}

type Bytes<'a> = Cow<'a, [u8]>;

/// A request, as far as rules ask.
pub(super) struct Asked<'a> {
    method: &'a str,
    host: String,
    path: Vec<Bytes<'a>>,
    query: Vec<(Bytes<'a>, Bytes<'a>)>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(method: &'a str, host: &str, path: &'a str, query: &'a str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key, b' '), decoded(value, b' '))
        });
        Self { method, host: plain_host(host), path: segments(path), query: pairs.collect() }
    }
}

/// A host without port and final dot, in lower case.
pub(super) fn plain_host(host: &str) -> String {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

impl When {
    /// It is about every request.
    pub(super) fn is_always(&self) -> bool {
        self.methods.is_empty() && self.host.is_none() && self.path.is_none() && self.query.is_empty()
    }

    fn fits(&self, asked: &Asked) -> bool {
        let method = self.methods.is_empty() || self.methods.iter().any(|method| method == asked.method);
        method
            && self.host.as_ref().is_none_or(|host| host.matches(asked.host.as_bytes()))
            && self.path.as_ref().is_none_or(|(_, path)| path.matches(&asked.path))
            && self.query.iter().all(|(name, value)| {
                asked.query.iter().any(|(key, given)| **key == *name.as_bytes() && value.matches(given))
            })
    }
}

impl Rule {
    /// In place of rules that could not be read: a preset with it is refused.
    pub(super) fn nothing() -> Self {
        let then = Then { limits: Arc::default(), tier: None, operation: None, cost: Arc::new(Cost::requests(1)) };
        Self { when: When::default(), then }
    }

    pub(super) fn fits(&self, asked: &Asked) -> bool {
        self.when.fits(asked)
    }

    pub(super) fn route(&self, asked: &Asked) -> Route {
        let Then { limits, tier, operation, cost } = self.then.clone();
        let method = self.when.methods.iter().find(|method| *method == asked.method);
        let operation = operation.unwrap_or_else(|| self.operation(method.map(String::as_str)).into());
        Route { limits, tier, operation, cost }
    }

    /// The longest name of an operation that it comes to.
    pub(super) fn longest_operation(&self) -> String {
        let longest = self.when.methods.iter().map(String::as_str).max_by_key(|method| method.len());
        self.then.operation.as_deref().map_or_else(|| self.operation(longest), str::to_owned)
    }

    /// The method and the pattern of the path; where any method will do, all methods are one operation.
    fn operation(&self, method: Option<&str>) -> String {
        let path = self.when.path.as_ref().map_or("/**", |(path, _)| path);
        method.map_or_else(|| path.to_owned(), |method| format!("{method} {path}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_compared_without_its_port() {
        assert_eq!(plain_host("API.Example.com:443"), "api.example.com");
        assert_eq!(plain_host("example.com."), "example.com");
        assert_eq!(plain_host("[::1]"), "[::1]");
        assert_eq!(plain_host(""), "");
    }
}
