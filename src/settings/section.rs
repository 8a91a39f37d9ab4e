//! Reads the settings of one table of the file. What cannot be read is a mistake, and read as absent.

use std::{fmt::Display, time::Duration};

use toml::de::{DeTable, DeValue};

use super::{mistake::Mistakes, suggest, values::Values};
use crate::{name::shown, quota::amount_text};

/// A table of the file, and how messages call it.
#[derive(Clone)]
pub(crate) struct Section<'a> {
    pub(crate) title: String,
    pub(crate) name: &'a str,
    pub(crate) at: usize,
    table: &'a DeTable<'a>,
    values: Option<&'a Values>,
}

impl<'a> Section<'a> {
    pub(crate) fn new(title: impl Into<String>, table: &'a DeTable<'a>, at: usize) -> Self {
        Self { title: title.into(), name: "", at, table, values: None }
    }

    /// The same table under another title.
    pub(crate) fn titled(self, title: impl Into<String>) -> Self {
        Self { title: title.into(), ..self }
    }

    /// The same table, with what names in braces stand for in it and below.
    pub(crate) fn with_values<'b>(&self, title: impl Into<String>, values: &'b Values) -> Section<'b>
    where
        'a: 'b,
    {
        Section { title: title.into(), name: self.name, at: self.at, table: self.table, values: Some(values) }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'a DeValue<'a>> {
        self.table.get(key).map(|value| value.get_ref())
    }

    /// Whether nothing is set.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// All settings and where they stand, in the order of the file.
    pub(crate) fn keys(&self) -> Vec<(&'a str, usize)> {
        let mut keys: Vec<_> = self.table.keys().map(|key| (key.get_ref().as_ref(), key.span().start)).collect();
        keys.sort_by_key(|&(_, at)| at);
        keys
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
            DeValue::String(text) => Some((self.filled(key, text, mistakes)?, self.place(key))),
            other => self.wrong(key, format!("{}; write a string in quotes", a(other)), mistakes),
        }
    }

    /// A text or a whole number, as text.
    pub(crate) fn text(&self, key: &str, mistakes: &mut Mistakes) -> Option<String> {
        match self.get(key)? {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
                Ok(amount) => Some(amount.to_string()),
                Err(_) => self.wrong(key, "too large or negative; write a whole number or a string", mistakes),
            },
            other => self.wrong(key, format!("{}; write a string or a whole number", a(other)), mistakes),
        }
    }

    pub(crate) fn amount(&self, key: &str, mistakes: &mut Mistakes) -> Option<u64> {
        self.amount_of(key, self.get(key)?, self.place(key), mistakes)
    }

    /// The whole numbers of a table, by their keys, in the order of the file.
    pub(crate) fn amounts(&self, of: &str, mistakes: &mut Mistakes) -> Vec<(&'a str, u64)> {
        let amounts = self.keys().into_iter().filter_map(|(key, _)| {
            let amount = self.amount_of(&format!("{of} {key}"), self.get(key)?, self.place(key), mistakes)?;
            Some((key, amount))
        });
        amounts.collect()
    }

    fn amount_of(&self, label: &str, value: &'a DeValue<'a>, at: usize, mistakes: &mut Mistakes) -> Option<u64> {
        let given = match value {
            DeValue::Integer(number) => match u64::from_str_radix(number.as_str(), number.radix()) {
                Ok(amount) => return Some(amount),
                Err(_) => cut(number.to_string()),
            },
            DeValue::Float(number) => cut(number.to_string()),
            DeValue::String(text) if self.values.is_some() => {
                let text = self.filled(label, text, mistakes)?;
                match text.parse() {
                    Ok(amount) => return Some(amount),
                    Err(_) => shown(text),
                }
            }
            other => a(other).to_owned(),
        };
        mistakes.add(at, self.message(amount_text(label, given)));
        None
    }

    pub(crate) fn duration(&self, key: &str, mistakes: &mut Mistakes) -> Option<Duration> {
        let mend = "write a duration such as \"1s\", \"500ms\" or \"1d\"";
        match self.get(key)? {
            DeValue::String(text) => {
                let text = self.filled(key, text, mistakes)?;
                match humantime::parse_duration(text) {
                    Ok(duration) => Some(duration),
                    Err(_) => self.wrong(key, format!("{}; {mend}", shown(text)), mistakes),
                }
            }
            other => self.wrong(key, format!("{}; {mend}", a(other)), mistakes),
        }
    }

    /// The text itself, or what it stands for if it is a name in braces.
    fn filled(&self, key: &str, text: &'a str, mistakes: &mut Mistakes) -> Option<&'a str> {
        let Some((values, name)) = self.values.zip(Values::name_in(text)) else { return Some(text) };
        match values.get(name) {
            Some(value) => Some(value),
            None => self.wrong(key, format!("{}; {}", shown(text), values.mend(name)), mistakes),
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
            DeValue::Table(table) => {
                Some(Section { title: key.to_owned(), name: "", at: self.place(key), table, values: self.values })
            }
            other => self.wrong(key, format!("{}; write a table, starting with {example}", a(other)), mistakes),
        }
    }

    /// The same, told as a part of this one.
    pub(crate) fn part(&self, key: &str, example: &str, mistakes: &mut Mistakes) -> Option<Section<'a>> {
        Some(self.section(key, example, mistakes)?.titled(self.within(key)))
    }

    /// All tables under this one, whatever their names, in the order of the file.
    pub(crate) fn sections(&self, what: &str, mistakes: &mut Mistakes) -> Vec<Section<'a>> {
        let mut sections = Vec::new();
        for (key, value) in self.table {
            let (name, at) = (key.get_ref().as_ref(), key.span().start);
            let title = crate::budget::title(what, name);
            match value.get_ref() {
                DeValue::Table(table) => sections.push(Section { title, name, at, table, values: self.values }),
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
                let within = if self.name.is_empty() { "" } else { "budget.NAME." };
                let mend = format!("write each one as a table, starting with two brackets, as in [[{within}{key}]]");
                return self.wrong(key, format!("{}; {mend}", a(other)), mistakes);
            }
        };
        let mut sections = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = item.span().start;
            let name = item.get_ref().get("name").and_then(|name| name.get_ref().as_str()).unwrap_or_default();
            let title = self.within(title(index, name));
            match item.get_ref() {
                DeValue::Table(table) => sections.push(Section { title, name, at, table, values: self.values }),
                other => mistakes.add(at, format!("{title} is {}; write a table", a(other))),
            }
        }
        // If there is something and none of it can be read, that is one mistake and not also a lack of limits.
        (items.is_empty() || !sections.is_empty()).then_some(sections)
    }

    pub(crate) fn message(&self, text: impl Display) -> String {
        if self.title.is_empty() { text.to_string() } else { format!("{}: {text}", self.title) }
    }

    /// How a message calls a part of it.
    pub(crate) fn within(&self, part: impl Display) -> String {
        if self.title.is_empty() { part.to_string() } else { format!("{}, {part}", self.title) }
    }

    pub(crate) fn wrong<T>(&self, key: &str, is: impl Display, mistakes: &mut Mistakes) -> Option<T> {
        mistakes.add(self.place(key), self.message(format!("{key} is {is}")));
        None
    }
}

/// A number may have thousands of digits.
fn cut(mut literal: String) -> String {
    let end = literal.char_indices().nth(32).map_or(literal.len(), |(end, _)| end);
    literal.truncate(end);
    literal
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
