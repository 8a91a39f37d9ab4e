//! What holds of any response, whatever bytes it is made of.

use std::{sync::LazyLock, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use paceline::{Dialect, Observation, Preset};
use proptest::{collection::vec, prelude::*, sample::select};

use super::{dialect, folder, toml_files};

/// 2026-11-23T04:00:00Z.
const NOW: u64 = 1_795_406_400;
const NAMES: [&str; 24] = [
    "retry-after",
    "retry-after-ms",
    "date",
    "age",
    "ratelimit",
    "ratelimit-policy",
    "ratelimit-limit",
    "ratelimit-remaining",
    "ratelimit-reset",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-used",
    "x-ratelimit-reset-after",
    "x-ratelimit-resource",
    "x-rate-limit-problem",
    "x-ratelimit-remaining-tokens",
    "x-ratelimit-reset-minute",
    "x-keap-tenant-throttle-available",
    "x-keap-product-quota-expiry-time",
    "x-keap-product-spike-limit",
    "x-shopify-shop-api-call-limit",
    "sforce-limit-info",
    "x-rate-limit-time-reset-ms",
];

/// Values that are nearly right, and values that are nothing.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let pieces = select(vec![
        "0",
        "1",
        "10",
        "1795406430",
        "1795406430000",
        "99999999999999999999",
        "-",
        "+",
        ".",
        ",",
        ", ",
        ";",
        "=",
        "|",
        "/",
        "w",
        "r",
        "t",
        "q",
        ";w=60",
        ";r=0;t=5",
        ";q=",
        "\"burst\"",
        "ms",
        "s",
        "m",
        "h",
        "µs",
        "NaN",
        "e9",
        "0x",
        " ",
        "\t",
        "Mon, 23 Nov 2026 04:00:30 GMT",
        "2026-11-23T04:00Z",
        "Z",
        "core",
        "(",
        ")",
        "?1",
        ":",
        "٣",
        "limit=",
        "remaining=",
    ]);
    prop_oneof![
        4 => vec(pieces, 0..8).prop_map(|pieces| pieces.concat().into_bytes()),
        1 => vec(any::<u8>(), 0..40),
        1 => "[ -~]{0,40}".prop_map(String::into_bytes),
        1 => any::<u64>().prop_map(|number| number.to_string().into_bytes()),
    ]
}

fn headers() -> impl Strategy<Value = HeaderMap> {
    let name = prop_oneof![9 => select(&NAMES[..]).prop_map(str::to_owned), 1 => "(x-)?ratelimit-[a-z-]{0,12}"];
    vec((name, value()), 0..12).prop_map(|lines| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(&value)) {
                headers.append(name, value);
            }
        }
        headers
    })
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let json = select(vec![
        "{",
        "}",
        "[",
        "]",
        "\"code\":",
        "\"retry_after\":",
        "\"error\":",
        "\"errors\":",
        "429",
        "-1",
        "1e999",
        "null",
        "true",
        "\"THROTTLED\"",
        ",",
        "\"extensions\":",
        "\"fault\":",
        "try again in ",
        "30",
        " seconds",
        "secondary rate limit",
        "99999999999999999999",
    ]);
    prop_oneof![
        vec(json, 0..20).prop_map(|pieces| pieces.concat().into_bytes()),
        vec(any::<u8>(), 0..200),
        value().prop_map(|value| [b"{\"retry_after\": \"", &value[..], b"\"}"].concat()),
    ]
}

fn status() -> impl Strategy<Value = StatusCode> {
    prop_oneof![2 => Just(429_u16), 1 => select(vec![200, 403, 503, 529]), 1 => 100..1000_u16]
        .prop_map(|status| StatusCode::from_u16(status).unwrap())
}

/// All that there are, read once.
static DIALECTS: LazyLock<Vec<Dialect>> = LazyLock::new(|| {
    let files = toml_files(folder().join("dialects"));
    let named = files.iter().map(|path| dialect(Some(path.file_stem().unwrap().to_str().unwrap())));
    let shipped = Preset::names().map(|name| dialect(Some(name)));
    named.chain(shipped).chain([Dialect::generic()]).collect()
});

/// What the generic rules conclude from a 429 with one header.
fn of(name: &str, value: &str) -> Observation {
    let mut headers = HeaderMap::new();
    headers.append(HeaderName::try_from(name).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    Dialect::generic().observe(StatusCode::TOO_MANY_REQUESTS, &headers, b"", Duration::from_secs(NOW))
}

fn wait(value: &str) -> Option<Duration> {
    of("retry-after", value).throttled.unwrap().wait
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read_within_all_bounds(
        status in status(), headers in headers(), body in body(),
        now in prop_oneof![Just(Duration::from_secs(NOW)), Just(Duration::ZERO), Just(Duration::MAX), any::<Duration>()],
    ) {
        for dialect in &*DIALECTS {
            let observation = dialect.observe(status, &headers, &body, now);
            prop_assert_eq!(&observation, &dialect.observe(status, &headers, &body, now));
            prop_assert!(!(observation.refused && observation.throttled.is_some()));
            for (index, seen) in observation.limits.iter().enumerate() {
                prop_assert!(seen.reset_in.is_none_or(|reset| reset <= Duration::from_secs(400 * 86_400)));
                prop_assert!(seen.quota.is_some() || seen.remaining.is_some() || seen.reset_in.is_some());
                prop_assert!(observation.limits[..index].iter().all(|other| other.limit != seen.limit));
            }
            if let Some(throttled) = observation.throttled {
                let day = Duration::from_secs(86_400);
                prop_assert!(throttled.wait.is_none_or(|wait| wait <= day));
                prop_assert!(throttled.asked.is_none_or(|asked| asked <= day && Some(asked) >= throttled.wait));
                prop_assert_eq!(throttled.source.is_some(), throttled.wait.is_some());
            }
        }
    }

    #[test]
    fn nothing_is_exhausted_without_a_zero_on_the_wire(value in value()) {
        let Ok(value) = String::from_utf8(value) else { return Ok(()) };
        if HeaderValue::from_bytes(value.as_bytes()).is_ok() && !value.contains('0') {
            let observation = of("x-ratelimit-remaining", &value);
            prop_assert!(observation.limits.iter().all(|seen| seen.remaining != Some(0)), "{:?}", observation);
        }
    }

    #[test]
    fn seconds_are_seconds_up_to_the_cap(
        // Neither near now nor near it in a smaller unit.
        seconds in prop_oneof![0..2_000_u64, 0..NOW - 86_401, NOW * 2..NOW * 900, NOW * 2_000_000_000..],
    ) {
        prop_assert_eq!(wait(&seconds.to_string()), Some(Duration::from_secs(seconds.min(900))));
    }

    #[test]
    fn seconds_and_dates_and_instants_agree(ahead in 0..900_u64) {
        let at = Duration::from_secs(NOW + ahead);
        let date = httpdate::fmt_http_date(std::time::UNIX_EPOCH + at);
        let rfc_3339 = jiff::Timestamp::from_second(at.as_secs() as i64).unwrap().to_string();
        for text in [ahead.to_string(), format!("{ahead}.0"), format!("{ahead}s"), date, rfc_3339, at.as_secs().to_string()] {
            prop_assert_eq!(wait(&text), Some(Duration::from_secs(ahead)), "{}", text);
        }
    }

    #[test]
    fn an_instant_is_one_in_any_unit(ahead in 0..399 * 86_400_u64, scale in 0..4_u32) {
        let value = u128::from(NOW + ahead) * 1_000_u128.pow(scale);
        let observation = of("x-ratelimit-reset", &value.to_string());
        prop_assert_eq!(observation.limits[0].reset_in, Some(Duration::from_secs(ahead)));
    }

    #[test]
    fn of_several_lines_the_largest_is_taken(waits in vec(0..900_u64, 1..6), junk in vec("[a-z+-]{0,9}", 0..4)) {
        let mut headers = HeaderMap::new();
        for text in waits.iter().map(u64::to_string).chain(junk) {
            headers.append("retry-after", text.parse().unwrap());
        }
        let observation =
            Dialect::generic().observe(StatusCode::TOO_MANY_REQUESTS, &headers, b"", Duration::from_secs(NOW));
        prop_assert_eq!(observation.throttled.unwrap().wait, waits.iter().max().map(|&wait| Duration::from_secs(wait)));
    }

    #[test]
    fn what_the_drafts_say_is_read_back(
        policies in vec((0..1_000_000_000_u64, 1..1_000_000_u64, 0..1_000_000_000_u64, 0..100_000_u64), 1..6),
    ) {
        let mut headers = HeaderMap::new();
        for (index, (quota, window, remaining, reset)) in policies.iter().enumerate() {
            headers.append("ratelimit-policy", format!("\"p{index}\";q={quota};w={window}").parse().unwrap());
            headers.append("ratelimit", format!("\"p{index}\";r={remaining};t={reset}").parse().unwrap());
        }
        let observation = Dialect::generic().observe(StatusCode::OK, &headers, b"", Duration::from_secs(NOW));
        prop_assert_eq!(observation.limits.len(), policies.len());
        for (seen, (quota, _, remaining, reset)) in observation.limits.iter().zip(policies) {
            prop_assert_eq!((seen.quota, seen.remaining), (Some(quota), Some(remaining)));
            prop_assert_eq!(seen.reset_in, Some(Duration::from_secs(reset)));
        }
    }

    #[test]
    fn a_dialect_that_is_any_text_is_read_or_refused(text in "(\\[\\[(signal|throttle|limit)\\]\\]\n([a-z_]{1,9} = [\\[\\]\"0-9a-z{}: /]{1,20}\n){0,3}){0,4}") {
        let _ = Dialect::parse(&text);
    }
}
