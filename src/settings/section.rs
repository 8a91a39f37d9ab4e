//! Reads the settings of one table of the file. What cannot be read is a mistake, and read as absent.

use std::{fmt::Display, time::Duration};

use toml::de::{DeTable, DeValue};

use super::{mistake::Mistakes, suggest};
use crate::{name::shown, quota::amount_text};

/// A table of the file, and how messages call it.
pub(crate) struct Section<'a> {
    pub(crate) title: String,
    pub(crate) name: &'a str,
    pub(crate) at: usize,
    table: &'a DeTable<'a>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(title: impl Into<String>, table: &'a DeTable<'a>, at: usize) -> Self {
        Self { title: title.into(), name: "", at, table }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.table.get(key).map(|value| value.get_ref())
    }

    /// Where the value of this setting stands, or else the table.
    pub(crate) fn place(&self, key: &str) -> usize {
        self.table.get(key).map_or(self.at, |value| value.span().start)
    }

    /// Every key that is not a setting is a mistake: a misspelt one would silently leave a default in force.
    pub(crate) fn refuse_others(&self, known: &[&str], mistakes: &mut Mistakes) {
        for key in self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref())) {
            let mend = suggest::mend(key.get_ref(), known);
            mistakes.add(key.span().start, self.message(format!("{} is not a setting; {mend}", shown(key.get_ref()))));
        }
    }

    /// A setting that must be there.
    pub(crate) fn require(&self, key: &str, mend: impl Display, mistakes: &mut Mistakes) {
        if self.get(key).is_none() {
            mistakes.add(self.at, self.message(format!("{key} is missing; {mend}")));
        }
    }

    pub(crate) fn string(&self, key: &str, mistakes: &mut Mistakes) -> Option<(&'a str, usize)> {
        match self.get(key)? {
            DeValue::String(text) => Some((text, self.place(key))),
            other => self.wrong(key, format!("{}; write a string in quotes", a(other)), mistakes),
        }
    }

    pub(crate) fn amount(&self, key: &'static str, mistakes: &mut Mistakes) -> Option<u64> {
        let literal = match self.get(key)? {
            DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
                Ok(amount) => return Some(amount),
                Err(_) => number.to_string(),
            },
            DeValue::Float(number) => number.to_string(),
            other => a(other).to_owned(),
        };
        // A number may have thousands of digits.
        let cut = literal.char_indices().nth(32).map_or(literal.len(), |(cut, _)| cut);
        mistakes.add(self.place(key), self.message(amount_text(key, &literal[..cut])));
        None
    }

    pub(crate) fn duration(&self, key: &str, mistakes: &mut Mistakes) -> Option<Duration> {
        let mend = "write a duration such as \"1s\", \"500ms\" or \"1d\"";
        match self.get(key)? {
            DeValue::String(text) => match humantime::parse_duration(text) {
                Ok(duration) => Some(duration),
                Err(_) => self.wrong(key, format!("{}; {mend}", shown(text)), mistakes),
            },
            other => self.wrong(key, format!("{}; {mend}", a(other)), mistakes),
        }
    }

    /// One word of a few.
    pub(crate) fn choice<T: Copy>(&self, key: &str, choices: &[(&str, T)], mistakes: &mut Mistakes) -> Option<T> {
        let (word, _) = self.string(key, mistakes)?;
        if let Some((_, choice)) = choices.iter().find(|(known, _)| *known == word) {
            return Some(*choice);
        }
        // In quotes, as they are to be written.
        let (word, known) = (shown(word), Vec::from_iter(choices.iter().map(|(known, _)| shown(known))));
        self.wrong(key, format!("{word}; {}", suggest::mend(&word, &known)), mistakes)
    }

    /// The table under this key.
    pub(crate) fn section(&self, key: &str, example: &str, mistakes: &mut Mistakes) -> Option<Section<'a>> {
        match self.get(key)? {
            DeValue::Table(table) => Some(Section::new(key, table, self.place(key))),
            other => self.wrong(key, format!("{}; write a table, starting with {example}", a(other)), mistakes),
        }
    }

    /// All tables under this one, whatever their names, in the order of the file.
    pub(crate) fn sections(&self, what: &str, mistakes: &mut Mistakes) -> Vec<Section<'a>> {
        let mut sections = Vec::new();
        for (key, value) in self.table {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            let title = crate::budget::title(what, name);
            match value.get_ref() {
                DeValue::Table(table) => sections.push(Section { title, name, at, table }),
                other => mistakes.add(at, format!("{title} is {}; write a table", a(other))),
            }
        }
        sections.sort_by_key(|section| section.at);
        sections
    }

    /// The tables of the array under this key, titled by `title`, which is given the index and the name.
    pub(crate) fn array(
        &self,
        key: &str,
        title: impl Fn(usize, &str) -> String,
        mistakes: &mut Mistakes,
    ) -> Option<Vec<Section<'a>>> {
        let items = match self.get(key)? {
            DeValue::Array(items) => items,
            other => {
                let path = if self.title.is_empty() { key } else { "budget.NAME.limit" };
                let mend = format!("write each one as a table, starting with two brackets, as in [[{path}]]");
                return self.wrong(key, format!("{}; {mend}", a(other)), mistakes);
            }
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = item.span().start;
            let name = item.get_ref().get("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default();
            let title = match &self.title[..] {
                "" => title(index, name),
                above => format!("{above}, {}", title(index, name)),
            };
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section { title, name, at, table }),
                other => mistakes.add(at, format!("{title} is {}; write a table", a(other))),
            }
        }
        // If there is something and none of it can be read, that is one mistake and not also a lack of limits.
        (items.is_empty() || !sections.is_empty()).then_some(sections)
    }

    pub(crate) fn message(&self, text: impl Display) -> String {
        if self.title.is_empty() { text.to_string() } else { format!("{}: {text}", self.title) }
    }

    pub(crate) fn wrong<T>(&self, key: &str, is: impl Display, mistakes: &mut Mistakes) -> Option<T> {
        mistakes.add(self.place(key), self.message(format!("{key} is {is}")));
        None
    }
}

/// The type of a value, as one says it.
pub(super) fn a(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}
