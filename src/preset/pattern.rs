//! Patterns of hosts, paths and values. They are few and short, and what they are matched with may be anything.

use std::borrow::Cow;

/// A text in which `*` stands for any run of characters, or none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(String);

impl Glob {
    pub(super) fn new(pattern: &str) -> Self {
        Self(pattern.to_owned())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Each star takes as little as it can; only the last one ever has to be thought over, so this takes no longer than
    /// the product of both lengths.
    pub(super) fn matches(&self, text: &[u8]) -> bool {
        let pattern = self.0.as_bytes();
        let (mut p, mut t) = (0, 0);
        let mut star: Option<(usize, usize)> = None;
        while t < text.len() {
            if pattern.get(p) == Some(&b'*') {
                star = Some((p, t));
                p += 1;
            } else if pattern.get(p) == Some(&text[t]) {
                (p, t) = (p + 1, t + 1);
            } else if let Some((at, taken)) = star {
                star = Some((at, taken + 1));
                (p, t) = (at + 1, taken + 1);
            } else {
                return false;
            }
        }
        pattern[p..].iter().all(|&rest| rest == b'*')
    }
}

/// A path of segments: `*` is one of them or a part of one, `**` at its end is any rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PathPattern {
    segments: Vec<Glob>,
    any_rest: bool,
}

impl PathPattern {
    /// The pattern, or what is wrong with it and what to write instead.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let Some(inner) = text.strip_prefix('/') else { return Err("write one that starts with /") };
        let mut segments: Vec<_> = inner.split('/').map(Glob::new).collect();
        let any_rest = segments.last().is_some_and(|last| last.as_str() == "**");
        if any_rest || segments.last().is_some_and(|last| last.as_str().is_empty()) {
            segments.pop();
        }
        if segments.iter().any(|segment| segment.as_str().contains("**")) {
            return Err("write ** as its last segment only");
        }
        if segments.iter().any(|segment| segment.as_str().is_empty()) {
            return Err("take the empty segment out");
        }
        Ok(Self { segments, any_rest })
    }

    /// In place of a pattern that could not be read: it matches nothing.
    pub(super) fn nothing() -> Self {
        Self { segments: vec![Glob::new("")], any_rest: false }
    }

    /// Whether the segments of a path fit.
    pub(super) fn matches(&self, path: &[Cow<[u8]>]) -> bool {
        let enough = if self.any_rest { path.len() >= self.segments.len() } else { path.len() == self.segments.len() };
        enough && self.segments.iter().zip(path).all(|(glob, sent)| !sent.is_empty() && glob.matches(sent))
    }
}

/// The segments of a path as it is sent, with its percent signs. A slash at its end changes nothing.
pub(super) fn segments(path: &str) -> Vec<Cow<'_, [u8]>> {
    let inner = path.strip_prefix('/').unwrap_or(path);
    let inner = inner.strip_suffix('/').unwrap_or(inner);
    if inner.is_empty() { Vec::new() } else { inner.split('/').map(|segment| decoded(segment, b'+')).collect() }
}

/// Without percent signs; in a query a plus is a space, in a path it is a plus.
pub(super) fn decoded(text: &str, plus: u8) -> Cow<'_, [u8]> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text.as_bytes());
    }
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = if byte == b'%' { hex(bytes.get(at + 1..at + 3)) } else { None };
        decoded.push(escaped.unwrap_or(if byte == b'+' { plus } else { byte }));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    Cow::Owned(decoded)
}

fn hex(digits: Option<&[u8]>) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    match digits? {
        [high, low] => Some(digit(*high)? * 16 + digit(*low)?),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_run_of_characters() {
        let fits = |pattern: &str, text: &str| Glob::new(pattern).matches(text.as_bytes());
        assert!(fits("track*.customer.io", "track.customer.io"));
        assert!(fits("track*.customer.io", "track-eu.customer.io"));
        assert!(!fits("track*.customer.io", "track.customer.io.evil"));
        assert!(fits("*a*b*", "xxaxxbxx") && !fits("*a*b*", "xxbxxaxx"));
        assert!(fits("", "") && !fits("", "a") && fits("*", ""));
        assert!(!fits(&"*a".repeat(64), &"a".repeat(63)) && fits(&"*a".repeat(64), &"a".repeat(64)));
    }

    #[test]
    fn a_path_is_matched_segment_by_segment() {
        let fits = |pattern: &str, path: &str| PathPattern::parse(pattern).unwrap().matches(&segments(path));
        assert!(fits("/v1/*/triggers", "/v1/12/triggers") && fits("/v1/*/triggers", "/v1/12/triggers/"));
        assert!(!fits("/v1/*/triggers", "/v1/triggers") && !fits("/v1/*/triggers", "/v1/1/2/triggers"));
        assert!(!fits("/v1/*/triggers", "/v1//triggers"), "an empty segment is none");
        assert!(fits("/api/*-reports", "/api/flow-values-reports"));
        assert!(fits("/v1/**", "/v1") && fits("/v1/**", "/v1/a/b") && !fits("/v1/**", "/v2"));
        assert!(fits("/", "") && fits("/", "/") && !fits("/", "/a") && fits("/**", ""));
        assert!(fits("/api/lists", "/api/l%69sts") && !fits("/api/lists", "/api%2Flists"));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for wrong in ["", "api", "/a//b", "/**/b", "/a**"] {
            assert!(PathPattern::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn percent_signs_that_mean_nothing_stay() {
        assert_eq!(&*decoded("a%5Bb%5d+c", b' '), b"a[b] c");
        assert_eq!(&*decoded("%", b' '), b"%");
        assert_eq!(&*decoded("%4%zz%\u{e9}", b'+'), "%4%zz%\u{e9}".as_bytes());
    }
}
