//! `INFO`, as far as it was told.

use std::collections::BTreeMap;

/// What the server says of itself; none where the user may not ask.
pub struct Info(pub Option<BTreeMap<String, String>>);

impl Info {
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.as_ref()?.get(name).map(String::as_str)
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// The part of a line that has several, as in `cmdstat_eval:calls=1,usec=2`; zero where there is no such line.
    pub fn part(&self, name: &str, part: &str) -> u64 {
        let parts = self.text(name).unwrap_or_default().split(',');
        let value = parts.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == part);
        value.and_then(|(_, value)| value.parse().ok()).unwrap_or_default()
    }
}

#[cfg(test)]
impl Info {
    /// As the server would print it.
    pub fn of(lines: &str) -> Self {
        let pairs = lines.split_whitespace().filter_map(|line| line.split_once(':'));
        Self(Some(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()))
    }
}
