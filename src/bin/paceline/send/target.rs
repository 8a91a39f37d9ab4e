//! What is sent, and to where.

use std::time::Duration;

use paceline::one_for_one;
use reqwest::{
    Client, Method, StatusCode, Url,
    header::{HeaderMap, HeaderName, HeaderValue},
};
use reqwest_middleware::ClientWithMiddleware;

use super::wire::Trip;
use crate::Failure;

/// An answer is read to its end, since only then has the call ended; of a longer one the rest is not waited for.
const MAX_ANSWER: usize = 16 << 20;

/// One request, ready to be sent again and again.
pub struct Target {
    client: Client,
    method: Method,
    url: Url,
    body: Option<String>,
}

impl Target {
    pub fn new(
        method: &str,
        url: &str,
        headers: &[String],
        body: Option<String>,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        let method: Method = method.parse().map_err(|_| format!("{method} is not an HTTP method; try GET or POST"))?;
        let url = parse_url(url)?;
        let headers = headers.iter().enumerate().map(|(at, header)| parse_header(at + 1, header));
        let builder = one_for_one(Client::builder())
            .user_agent(concat!("paceline/", env!("CARGO_PKG_VERSION")))
            .default_headers(headers.collect::<Result<HeaderMap, _>>()?)
            .tcp_nodelay(true)
            .timeout(timeout);
        let builder = if is_loopback(&url) { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(|why| format!("cannot set up HTTP: {why}"))?;
        Ok(Self { client, method, url, body })
    }

    /// The client that it is sent with, before anything is laid around it.
    pub fn plain_client(&self) -> Client {
        self.client.clone()
    }

    /// Makes one call and reads the answer to its end.
    pub async fn call(
        &self,
        client: &ClientWithMiddleware,
        trip: &Trip,
    ) -> Result<StatusCode, reqwest_middleware::Error> {
        let request = client.request(self.method.clone(), self.url.clone()).with_extension(trip.clone());
        let request = match &self.body {
            Some(body) => request.body(body.clone()),
            None => request,
        };
        let mut answer = request.send().await?;
        let mut left = MAX_ANSWER;
        while let Some(chunk) = answer.chunk().await? {
            let Some(rest) = left.checked_sub(chunk.len()) else { break };
            left = rest;
        }
        Ok(answer.status())
    }
}

fn parse_url(text: &str) -> Result<Url, Failure> {
    let mend = "write it as in http://127.0.0.1:8080/contacts";
    let url = Url::parse(text).map_err(|why| format!("the URL cannot be read ({why}); {mend}"))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(format!("the URL is one of {other}, not of http or https; {mend}").into()),
    }
}

/// The message tells headers by their number: whatever text is in the wrong place may be the secret.
fn parse_header(number: usize, header: &str) -> Result<(HeaderName, HeaderValue), Failure> {
    let failed = |what: &str| format!("header number {number} {what}; write it as `name: value`");
    let (name, value) = header.split_once(':').ok_or_else(|| failed("has no colon"))?;
    let name = name.trim().parse().map_err(|_| failed("has a name that HTTP does not allow"))?;
    let mut value: HeaderValue = value.trim().parse().map_err(|_| failed("has a value that HTTP does not allow"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(method: &str, url: &str, headers: &[&str]) -> String {
        let headers: Vec<String> = headers.iter().map(|&header| header.into()).collect();
        Target::new(method, url, &headers, None, Duration::from_secs(1)).err().unwrap().to_string()
    }

    #[test]
    fn a_bad_request_is_refused_without_telling_its_secrets() {
        assert!(refusal("NO METHOD", "http://h/", &[]).contains("not an HTTP method"));
        assert!(refusal("GET", "ftp://h/", &[]).contains("ftp"));
        assert!(refusal("GET", "nonsense", &[]).contains("cannot be read"));
        for header in ["Bearer s3cret", "key: s3cret\0.", "s3cret value: x"] {
            let message = refusal("GET", "http://h/", &["a: b", header]);
            assert!(message.starts_with("header number 2") && !message.contains("s3cret"), "{message}");
        }
    }

    #[test]
    fn only_our_own_machine_needs_no_proxy() {
        for (url, expected) in
            [("http://127.0.0.1:1/", true), ("http://[::1]/", true), ("http://localhost/", true), ("http://h/", false)]
        {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
