//! Names, which people choose and read, and values, which are data and may hold anything.

use std::fmt::Write;

use crate::Error;

/// Long enough for any name worth reading, short enough for a line of a terminal.
const MAX_NAME: usize = 64;
/// A partition key or a scope value is part of a key in the store and is sent with each exchange.
const MAX_VALUE: usize = 128;
/// How much of a wrong name an error repeats.
const SHOWN: usize = 32;

/// A name goes into keys and fields of the store, metrics and file names, so it keeps to characters that are plain in
/// all of them. A brace would move a Redis key to another slot, an `@` divides a name from its scope.
pub(crate) fn check_name(what: &str, name: &str) -> Result<(), Error> {
    const MEND: &str = "use 1 to 64 of the characters A-Z a-z 0-9 . _ -";
    if name.is_empty() {
        return Err(Error::config(format!("{what} is empty; {MEND}")));
    }
    if let Some(wrong) = name.chars().find(|&c| !is_plain(c)) {
        return Err(Error::config(format!("{what} {} has {wrong:?} in it; {MEND}", shown(name))));
    }
    if name.len() > MAX_NAME {
        return Err(Error::config(format!("{what} {} has {} characters; {MEND}", shown(name), name.len())));
    }
    Ok(())
}

/// Percent-encodes a partition key or a scope value, one to one, so that no value can pass for another or for a name.
/// An error never repeats the value: some people partition by API key.
pub(crate) fn encode_value(what: &str, value: &str) -> Result<String, Error> {
    if value.is_empty() {
        return Err(Error::config(format!("{what} is empty; give 1 to {MAX_VALUE} bytes")));
    }
    // Before encoding, so that a huge value costs nothing.
    if value.len() > MAX_VALUE {
        return Err(too_long(what, value.len()));
    }
    let mut encoded = String::with_capacity(value.len());
    for &byte in value.as_bytes() {
        if is_plain(char::from(byte)) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    if encoded.len() > MAX_VALUE { Err(too_long(what, encoded.len())) } else { Ok(encoded) }
}

/// The value that was encoded; what no encoding makes is left as it is.
pub(crate) fn decode_value(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((&first, others)) = rest.split_first() {
        let code = rest.get(1..3).filter(|_| first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &rest[3..];
            }
            None => {
                bytes.push(first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A name as an error repeats it: quoted, escaped and cut.
pub(crate) fn shown(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{:?}...", &name[..cut]),
        None => format!("{name:?}"),
    }
}

fn too_long(what: &str, bytes: usize) -> Error {
    Error::config(format!("{what} takes {bytes} bytes; give at most {MAX_VALUE}, counted after percent-encoding"))
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_is_fine_up_to_64_characters() {
        assert!(check_name("name", "klaviyo-prod_2.eu").is_ok());
        assert!(check_name("name", &"x".repeat(64)).is_ok());
        assert!(check_name("name", &"x".repeat(65)).is_err());
    }

    #[test]
    fn a_value_comes_back_as_it_was() {
        for value in ["tenant-7", "GET /a?b=%2F", "\u{1f600} x", "%", "%%4", "100%"] {
            assert_eq!(decode_value(&encode_value("key", value).unwrap()), value);
        }
        assert_eq!(decode_value("%zz%4"), "%zz%4");
    }

    #[test]
    fn a_wrong_name_is_shown_cut_and_escaped() {
        let error = |name: &str| check_name("name", name).unwrap_err().to_string();
        assert_eq!(error(""), "name is empty; use 1 to 64 of the characters A-Z a-z 0-9 . _ -");
        assert_eq!(error("a{b}"), "name \"a{b}\" has '{' in it; use 1 to 64 of the characters A-Z a-z 0-9 . _ -");
        assert!(error("two\nlines").starts_with("name \"two\\nlines\" has '\\n' in it"));
        assert!(error(&"🚀".repeat(1024)).len() < 300);
        assert!(error(&"x".repeat(4096)).contains("has 4096 characters"));
    }

    #[test]
    fn different_values_never_encode_alike() {
        assert_eq!(encode_value("key", "a@b{c}").unwrap(), "a%40b%7Bc%7D");
        assert_eq!(encode_value("key", "a%40b").unwrap(), "a%2540b");
        assert_eq!(encode_value("key", "é").unwrap(), "%C3%A9");
    }

    #[test]
    fn a_value_is_measured_after_encoding_and_never_repeated() {
        assert!(encode_value("key", &"x".repeat(128)).is_ok());
        let error = encode_value("key", &"/".repeat(43)).unwrap_err().to_string();
        assert_eq!(error, "key takes 129 bytes; give at most 128, counted after percent-encoding");
        assert!(!encode_value("key", &"secret".repeat(99)).unwrap_err().to_string().contains("secret"));
        assert!(encode_value("key", "").is_err());
    }
}
