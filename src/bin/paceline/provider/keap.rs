//! How Keap speaks: the body of its 429 and the headers that each of its answers carries.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::window::Usage;

/// Keap's answer to one call. `usages` are the windows that the call counted in, in the order they were given.
pub fn answer(accepted: bool, usages: &[Usage]) -> Response {
    let mut response = if accepted {
        Json(json!({"status": "ok"})).into_response()
    } else {
        let body = json!({"code": "429", "message": "Quota Exceeded", "status": "Request Throttled", "details": null});
        (StatusCode::TOO_MANY_REQUESTS, Json(body)).into_response()
    };
    for (name, value) in headers(usages) {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Keap tells of two windows: its `throttle` is the shorter one and its `quota` the longer.
fn headers(usages: &[Usage]) -> Vec<(HeaderName, HeaderValue)> {
    let throttle = usages.iter().min_by_key(|usage| usage.per);
    let quota = usages.iter().max_by_key(|usage| usage.per).filter(|_| usages.len() > 1);
    let mut headers = Vec::new();
    for (family, usage) in [("throttle", throttle), ("quota", quota)] {
        let Some(usage) = usage else { continue };
        let (interval, unit) = interval(usage.per);
        let values = [
            ("limit", usage.quota.to_string()),
            ("time-unit", unit.into()),
            ("interval", interval.to_string()),
            ("available", usage.quota.saturating_sub(usage.used).to_string()),
            ("used", usage.used.to_string()),
        ];
        headers.extend(values.into_iter().filter_map(|(what, value)| {
            Some((format!("x-keap-product-{family}-{what}").parse().ok()?, value.parse().ok()?))
        }));
    }
    headers
}

/// The window in the largest unit that divides it.
fn interval(per: Duration) -> (u128, &'static str) {
    let millis = per.as_millis();
    [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")]
        .into_iter()
        .find(|(unit, _)| millis.is_multiple_of(*unit))
        .map_or((millis, "millisecond"), |(unit, name)| (millis / unit, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_windows_are_told_in_keaps_own_headers() {
        let minute = Usage { quota: 240, used: 240, per: Duration::from_secs(60) };
        let second = Usage { quota: 5, used: 1, per: Duration::from_secs(1) };
        let response = answer(false, &[minute, second]);
        assert_eq!(response.status(), 429);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-keap-product-throttle-available"), "4");
        assert_eq!(header("x-keap-product-throttle-time-unit"), "second");
        assert_eq!(header("x-keap-product-quota-used"), "240");
        assert_eq!(header("x-keap-product-quota-time-unit"), "minute");
        assert_eq!(header("x-keap-product-quota-interval"), "1");
    }
}
