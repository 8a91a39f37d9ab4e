//! Mistakes of a configuration file, each with its place.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use serde::Serialize;

use crate::Error;

/// One mistake: where it is, what is wrong and what to write instead. It never repeats a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    line: Option<usize>,
    column: Option<usize>,
    message: String,
}

impl Mistake {
    pub(crate) fn without_place(message: String) -> Self {
        Self { line: None, column: None, message }
    }

    /// The line, from 1; none if it is not about the text of the file.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// The character of the line, from 1.
    pub fn column(&self) -> Option<usize> {
        self.column
    }

    /// What is wrong and what to write instead.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, "{line}:{column}: ")?;
        }
        f.write_str(&self.message)
    }
}

/// All that is wrong with a configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigErrors {
    file: Option<PathBuf>,
    mistakes: Vec<Mistake>,
}

impl ConfigErrors {
    /// The mistakes, at least one.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.mistakes
    }

    /// The same, told with the file that the text came from.
    #[must_use]
    pub fn in_file(self, file: impl AsRef<Path>) -> Self {
        Self { file: Some(file.as_ref().to_owned()), ..self }
    }
}

impl From<Mistake> for ConfigErrors {
    fn from(mistake: Mistake) -> Self {
        Self { file: None, mistakes: vec![mistake] }
    }
}

/// One mistake a line, as compilers write them, so that editors find the place.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.mistakes.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            match (&self.file, mistake.line) {
                (Some(file), Some(_)) => write!(f, "{}:{mistake}", file.display())?,
                (Some(file), None) => write!(f, "{}: {mistake}", file.display())?,
                (None, _) => write!(f, "{mistake}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl From<ConfigErrors> for Error {
    fn from(errors: ConfigErrors) -> Self {
        Self::config(errors.to_string())
    }
}

/// Collects mistakes by their offset in the text.
pub(crate) struct Mistakes<'a> {
    text: &'a str,
    found: Vec<(usize, String)>,
}

impl<'a> Mistakes<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self { text, found: Vec::new() }
    }

    pub(crate) fn add(&mut self, at: usize, message: impl Into<String>) {
        self.found.push((at, message.into()));
    }

    pub(crate) fn count(&self) -> usize {
        self.found.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub(crate) fn into_errors(mut self) -> ConfigErrors {
        self.found.sort_by_key(|&(at, _)| at);
        // One walk through the text, however many mistakes it holds.
        let mut rest = self.text.char_indices().peekable();
        let (mut line, mut column) = (1, 1);
        let mistakes = self.found.into_iter().map(|(at, message)| {
            while let Some((_, passed)) = rest.next_if(|&(index, _)| index < at) {
                (line, column) = if passed == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            Mistake { line: Some(line), column: Some(column), message }
        });
        ConfigErrors { file: None, mistakes: mistakes.collect() }
    }
}
