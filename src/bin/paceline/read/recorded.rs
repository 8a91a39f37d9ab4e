//! A recorded response: the text that went over the wire, or an object of JSON.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::Failure;

pub struct Recorded {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub now: Option<Duration>,
    pub preset: Option<String>,
}

impl Recorded {
    /// Status line, headers, blank line, body. What comes before the response (`100 Continue`, the redirects of `curl -iL`,
    /// the answer of a proxy) is passed over.
    pub fn of_text(text: &[u8]) -> Result<Self, Failure> {
        let mut rest = text.trim_ascii_start();
        let mut recorded = None;
        while let Some(status) = status(first_line(rest).0) {
            let headers;
            (headers, rest) = read_headers(first_line(rest).1);
            recorded = Some((status, headers));
            // A body may quote a status line.
            if status.as_u16() >= 400 {
                break;
            }
        }
        let (status, headers) = recorded
            .ok_or("this does not begin with a status line; write the response as in HTTP/1.1 429 Too Many Requests")?;
        Ok(Self { status, headers, body: rest.to_vec(), now: None, preset: None })
    }

    /// `{"preset", "status", "headers": {name: value or [values]}, "body", "now_unix"}`.
    pub fn of_json(text: &[u8]) -> Result<Self, Failure> {
        let object: Value = serde_json::from_slice(text).map_err(|why| format!("this is not JSON: {why}"))?;
        let status = object["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let status = status.and_then(|status| StatusCode::from_u16(status).ok());
        let mut headers = HeaderMap::new();
        for (name, value) in object["headers"].as_object().into_iter().flatten() {
            match value {
                Value::Array(values) => values.iter().for_each(|value| add(&mut headers, name, value)),
                value => add(&mut headers, name, value),
            }
        }
        let body = match &object["body"] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            json => json.to_string(),
        };
        let now = match &object["now_unix"] {
            Value::Null => None,
            now => {
                let now = now.as_f64().and_then(|now| Duration::try_from_secs_f64(now).ok());
                Some(now.ok_or("now_unix is no Unix time; write it in seconds, as a number")?)
            }
        };
        Ok(Self {
            status: status.ok_or("there is no status; write \"status\": 429 or another from 100 to 999")?,
            headers,
            body: body.into_bytes(),
            now,
            preset: object["preset"].as_str().map(str::to_owned),
        })
    }
}

/// `HTTP/1.1 429 Too Many Requests`, `HTTP/2 429`.
fn status(line: &[u8]) -> Option<StatusCode> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    words.next()?.to_ascii_uppercase().strip_prefix(b"HTTP/")?;
    StatusCode::from_bytes(words.next()?).ok()
}

/// The headers up to the blank line, and what follows it. A line that is no header is passed over, as clients do; one
/// that begins with a blank goes on with the one before.
fn read_headers(text: &[u8]) -> (HeaderMap, &[u8]) {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let line;
        (line, rest) = first_line(rest);
        match (line.first(), lines.last_mut()) {
            (None, _) => break,
            (Some(b' ' | b'\t'), Some(last)) => {
                last.push(b' ');
                last.extend_from_slice(line.trim_ascii());
            }
            _ => lines.push(line.to_vec()),
        }
    }
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        insert(&mut headers, &line[..colon], line[colon + 1..].trim_ascii());
    }
    (headers, rest)
}

fn first_line(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
    let line = &text[..end];
    (line.strip_suffix(b"\r").unwrap_or(line), text.get(end + 1..).unwrap_or_default())
}

fn add(headers: &mut HeaderMap, name: &str, value: &Value) {
    match value {
        Value::String(text) => insert(headers, name.as_bytes(), text.as_bytes()),
        Value::Null => {}
        other => insert(headers, name.as_bytes(), other.to_string().as_bytes()),
    }
}

/// What HTTP does not allow never arrives as a header.
fn insert(headers: &mut HeaderMap, name: &[u8], value: &[u8]) {
    if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) {
        // Fails when there are too many, and then the first ones do.
        let _ = headers.try_append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_response_is_read_as_it_came_over_the_wire() {
        let text = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/2 429 \r\nRetry-After: 3\r\nX-A: 1\r\nx-a:2\r\n  3\r\nnonsense\r\n\r\n{\"a\":1}\n\nb";
        let recorded = Recorded::of_text(text).unwrap();
        assert_eq!(recorded.status, 429);
        assert_eq!(recorded.headers["retry-after"], "3");
        assert_eq!(recorded.headers.get_all("x-a").iter().collect::<Vec<_>>(), ["1", "2 3"]);
        assert_eq!(recorded.body, b"{\"a\":1}\n\nb");
    }

    #[test]
    fn only_what_comes_before_an_error_is_passed_over() {
        let text = b"HTTP/1.1 302 Found\n\nHTTP/1.1 429 No\n\nHTTP/1.1 200 OK\n\n";
        let recorded = Recorded::of_text(text).unwrap();
        assert_eq!((recorded.status.as_u16(), recorded.body), (429, b"HTTP/1.1 200 OK\n\n".to_vec()));
    }

    #[test]
    fn what_is_cut_off_or_no_response_is_told() {
        assert_eq!(Recorded::of_text(b"HTTP/1.1 204").unwrap().status, 204);
        assert!(Recorded::of_text(b"HTTP/1.1 200 OK\nA: b").unwrap().body.is_empty());
        for wrong in ["", "\n", "{}", "HTTP/1.1", "HTTP/1.1 many", "429 Too Many Requests"] {
            assert!(Recorded::of_text(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn an_object_may_leave_out_all_but_the_status() {
        let recorded = Recorded::of_json(br#"{"status": 429}"#).unwrap();
        assert!(recorded.headers.is_empty() && recorded.body.is_empty() && recorded.now.is_none());
        let text = br#"{"status": 200, "headers": {"A": ["1", 2, null], "b c": "x", "d": "x\ny"}, "body": {"a": 1}, "now_unix": 1.5}"#;
        let recorded = Recorded::of_json(text).unwrap();
        assert_eq!((recorded.headers.len(), recorded.body), (2, br#"{"a":1}"#.to_vec()));
        assert_eq!(recorded.now, Some(Duration::from_millis(1_500)));
        for wrong in ["", "[]", "{}", r#"{"status": 20}"#, r#"{"status": 200, "now_unix": -1}"#] {
            assert!(Recorded::of_json(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
    }
}
