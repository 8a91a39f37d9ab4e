//! Keap: a spike that no header tells, a minute and a day in the headers, the tenant's in one header for both.

use std::time::Duration;

use serde_json::json;

use super::{
    house::{Answer, Call, Charge, House, Judged},
    meter::{Term, Usage},
    rule::Rule,
    setup::{DAY, MINUTE, SECOND, Setup, clock},
};

/// As a service account key is limited.
pub struct Keap(pub Setup);

impl House for Keap {
    fn charges(&self, _: &Call) -> Vec<Charge> {
        let terms = [
            self.0.sliding("spike", 5, SECOND),
            self.0.sliding("minute", 240, MINUTE),
            self.0.term("day", clock(), 30_000, DAY),
            self.0.sliding("tenant-minute", 10_000, MINUTE),
            self.0.term("tenant-day", clock(), 250_000, DAY),
        ];
        terms.into_iter().map(Charge::one).collect()
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        let [_, minute, day, tenant_minute, tenant_day] = &judged.usages[..] else { return answer(judged, &[]) };
        let mut headers = family("x-keap-product-throttle", minute);
        headers.extend(family("x-keap-product-quota", day));
        let expires = (judged.now + day.full_in).as_millis();
        headers.push(("x-keap-product-quota-expiry-time".into(), expires.to_string()));
        let both = |of: fn(&Usage) -> u64| format!("{}|{}", of(tenant_minute), of(tenant_day));
        headers.extend([
            ("x-keap-tenant-id".into(), "practice".into()),
            ("x-keap-tenant-throttle-limit".into(), both(|usage| usage.quota)),
            ("x-keap-tenant-throttle-time-unit".into(), "minute|day".into()),
            ("x-keap-tenant-throttle-interval".into(), "1|1".into()),
            ("x-keap-tenant-throttle-available".into(), both(Usage::left)),
            ("x-keap-tenant-throttle-used".into(), both(|usage| usage.used)),
        ]);
        answer(judged, &headers)
    }
}

/// Sliding windows of one's own, told as Keap tells them: its `throttle` is the shorter one and its `quota` the longer.
pub struct Rules(pub Vec<Rule>);

impl House for Rules {
    fn known(&self) -> Vec<Term> {
        self.0.iter().map(Rule::term).collect()
    }

    fn charges(&self, call: &Call) -> Vec<Charge> {
        let mine = self.0.iter().filter(|rule| rule.applies_to(&call.path));
        mine.map(|rule| Charge::one(rule.term())).collect()
    }

    fn answer(&self, _: &Call, judged: &Judged) -> Answer {
        let usages = &judged.usages;
        let throttle = usages.iter().min_by_key(|usage| usage.per);
        let quota = usages.iter().max_by_key(|usage| usage.per).filter(|_| usages.len() > 1);
        let families = [("x-keap-product-throttle", throttle), ("x-keap-product-quota", quota)];
        let told = families.into_iter().filter_map(|(name, usage)| Some(family(name, usage?)));
        answer(judged, &told.flatten().collect::<Vec<_>>())
    }
}

fn answer(judged: &Judged, headers: &[(String, String)]) -> Answer {
    let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    if judged.accepted() {
        return Answer::new(200, &headers, json!({"status": "ok"}));
    }
    let body = json!({"code": "429", "message": "Quota Exceeded", "status": "Request Throttled", "details": null});
    Answer::new(429, &headers, body)
}

fn family(name: &str, usage: &Usage) -> Vec<(String, String)> {
    let (interval, unit) = interval(usage.per);
    let values = [
        ("limit", usage.quota.to_string()),
        ("time-unit", unit.into()),
        ("interval", interval.to_string()),
        ("available", usage.left().to_string()),
        ("used", usage.used.to_string()),
    ];
    values.into_iter().map(|(what, value)| (format!("{name}-{what}"), value)).collect()
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

    fn usage(quota: u64, used: u64, per: Duration) -> Usage {
        Usage { quota, used, per, room_in: Duration::ZERO, full_in: Duration::from_secs(30) }
    }

    #[test]
    fn both_windows_are_told_in_keaps_own_headers() {
        let usages = vec![usage(240, 240, MINUTE), usage(5, 1, SECOND)];
        let judged = Judged { hit: Some(0), usages, now: Duration::ZERO };
        let response = Rules(Vec::new()).answer(&Call::to("GET", "/"), &judged).response;
        assert_eq!(response.status(), 429);
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("x-keap-product-throttle-available"), "4");
        assert_eq!(header("x-keap-product-throttle-time-unit"), "second");
        assert_eq!(header("x-keap-product-quota-used"), "240");
        assert_eq!(header("x-keap-product-quota-time-unit"), "minute");
        assert_eq!(header("x-keap-product-quota-interval"), "1");
    }

    #[test]
    fn a_tenant_has_both_of_its_windows_in_one_header() {
        let keap = Keap(Setup::default());
        let usages = [5, 240, 30_000, 10_000, 250_000].map(|quota| usage(quota, 1, MINUTE)).to_vec();
        let judged = Judged { hit: None, usages, now: Duration::from_secs(100) };
        let response = keap.answer(&Call::to("GET", "/"), &judged).response;
        assert_eq!(response.headers()["x-keap-tenant-throttle-available"], "9999|249999");
        assert_eq!(response.headers()["x-keap-product-quota-expiry-time"], "130000");
    }
}
