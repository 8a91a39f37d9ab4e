//! Files that people write: settings in tables of TOML, all that is wrong in them told at once, each at its place.

mod limit;
mod lists;
mod mistake;
mod section;
mod suggest;
mod values;

use std::path::Path;

use toml::de::DeTable;

pub(crate) use limit::read_limits;
pub(crate) use mistake::Mistakes;
pub use mistake::{ConfigErrors, Mistake};
pub(crate) use section::Section;
pub(crate) use suggest::mend;
pub(crate) use values::Values;

/// The text of a file.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_file(path: &Path) -> Result<String, ConfigErrors> {
    std::fs::read_to_string(path).map_err(|why| {
        let text = format!("the file cannot be read: {why}; check its path and permissions");
        ConfigErrors::from(Mistake::without_place(text)).in_file(path)
    })
}

/// Reads a text by its topmost table.
///
/// # Errors
/// All the mistakes of the text; where it is not TOML at all, the first.
pub(crate) fn read<T>(text: &str, read: impl FnOnce(&Section, &mut Mistakes) -> T) -> Result<T, ConfigErrors> {
    let mut mistakes = Mistakes::new(text);
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            // Only the message: the error as a whole repeats the line, which may hold a password.
            let text = format!("this is not TOML: {}", error.message().replace('\n', "; "));
            mistakes.add(error.span().map_or(0, |span| span.start), text);
            return Err(mistakes.into_errors());
        }
    };
    let read = read(&Section::new("", document.get_ref(), 0), &mut mistakes);
    if mistakes.is_empty() { Ok(read) } else { Err(mistakes.into_errors()) }
}
