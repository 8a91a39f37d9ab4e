//! Settings that hold one value or several, and those that are true or false.

use toml::de::DeValue;

use super::{
    mistake::Mistakes,
    section::{Section, a},
};

impl<'a> Section<'a> {
    /// The value under this key, or each value of the array there, with its place.
    pub(crate) fn values(&self, key: &str) -> Option<Vec<(&'a DeValue<'a>, usize)>> {
        match self.get(key)? {
            DeValue::Array(items) => Some(items.iter().map(|item| (item.get_ref(), item.span().start)).collect()),
            one => Some(vec![(one, self.place(key))]),
        }
    }

    /// One string or several.
    pub(crate) fn strings(&self, key: &str, mistakes: &mut Mistakes) -> Option<Vec<(&'a str, usize)>> {
        let mut strings = Vec::new();
        for (value, at) in self.values(key)? {
            match value {
                DeValue::String(text) => strings.push((text.as_ref(), at)),
                other => {
                    let text = format!("{key} has {} in it; write strings in quotes", a(other));
                    mistakes.add(at, self.message(text));
                }
            }
        }
        Some(strings)
    }

    pub(crate) fn flag(&self, key: &str, mistakes: &mut Mistakes) -> Option<bool> {
        match self.get(key)? {
            DeValue::Boolean(flag) => Some(*flag),
            other => self.wrong(key, format!("{}; write true or false", a(other)), mistakes),
        }
    }
}
