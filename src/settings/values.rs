//! What names in braces stand for: `quota = "{per_minute}"`.

use std::collections::BTreeMap;

use super::suggest;

/// Longer chains of names than this are a circle, or might as well be one.
const MAX_STEPS: usize = 8;

/// Names and their values; a value may be a name in braces again.
#[derive(Debug, Clone, Default)]
pub(crate) struct Values(BTreeMap<String, String>);

impl Values {
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// The name, if the text is one in braces.
    pub(crate) fn name_in(text: &str) -> Option<&str> {
        text.strip_prefix('{')?.strip_suffix('}')
    }

    /// What the name stands for in the end.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut value = self.0.get(name)?;
        for _ in 0..MAX_STEPS {
            let Some(next) = Self::name_in(value) else { return Some(value) };
            value = self.0.get(next)?;
        }
        None
    }

    /// What to write instead of a name that stands for nothing.
    pub(crate) fn mend(&self, name: &str) -> String {
        if self.0.contains_key(name) {
            return "what it stands for is not there, or itself; write a value".to_owned();
        }
        let known: Vec<_> = self.0.keys().map(|known| format!("{{{known}}}")).collect();
        if known.is_empty() {
            "there are no variables; write a value".to_owned()
        } else {
            suggest::mend(&format!("{{{name}}}"), &known)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_stand_for_a_name() {
        let mut values = Values::default();
        values.set("spike", "{per_second}");
        values.set("per_second", "5");
        values.set("round", "{about}");
        values.set("about", "{round}");
        assert_eq!(values.get("spike"), Some("5"));
        assert_eq!(values.get("round"), None);
        assert_eq!(values.get("nothing"), None);
        assert_eq!(values.mend("spikes"), "did you mean {spike}?");
        assert_eq!(values.mend("round"), "what it stands for is not there, or itself; write a value");
    }
}
