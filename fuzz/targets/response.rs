//! Whatever a server sends, reading it neither panics nor hangs, and what follows from it stays within bounds.
//!
//! `cargo +nightly fuzz run response` (cargo-fuzz). The bytes are a preset, a status, the time, and then header lines up to an
//! empty one, and a body.

#![no_main]

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use libfuzzer_sys::fuzz_target;
use paceline::{Dialect, Preset};

/// Longer than any rule of ours lets the fleet wait.
const LONGEST: Duration = Duration::from_secs(25 * 3600);

fuzz_target!(|bytes: &[u8]| {
    let [which, status @ ..] = bytes else { return };
    let Some((status, rest)) = status.split_first_chunk::<2>() else { return };
    let Some((now, rest)) = rest.split_first_chunk::<4>() else { return };
    let names: Vec<_> = Preset::names().collect();
    let dialect = match names.get(usize::from(*which) % (names.len() + 1)) {
        Some(name) => Preset::named(name).expect("it is shipped").dialect().clone(),
        None => Dialect::generic(),
    };
    let status = StatusCode::from_u16(100 + u16::from_le_bytes(*status) % 900).expect("a status has three digits");
    let now = Duration::from_secs(u32::from_le_bytes(*now).into());
    let (mut headers, mut body) = (HeaderMap::new(), rest);
    while let Some(end) = body.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&body[..end], &body[end + 1..]);
        body = after;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_at(line.iter().position(|byte| *byte == b':').unwrap_or(0));
        let value = HeaderValue::from_bytes(value.strip_prefix(b":").unwrap_or(value));
        if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
            headers.append(name, value);
        }
    }
    let said = dialect.observe(status, &headers, body, now);
    if let Some(throttled) = said.throttled {
        assert!(throttled.wait.is_none_or(|wait| wait <= LONGEST), "{throttled:?}");
    }
});
