//! Klaviyo's table of operations, as its OpenAPI file has it, against the preset.

use paceline::{Kind, Preset};
use serde_json::Value;

/// `350/s` is 350.
fn amount(of: &Value) -> Option<u64> {
    Some(of.as_str()?.split_once('/')?.0.parse().unwrap())
}

#[test]
fn all_operations_have_their_tier() {
    let klaviyo = Preset::klaviyo();
    let budget = klaviyo.budget("klaviyo", &[]).unwrap().build().unwrap();
    let quota = |limit: &str, tier: &str| {
        let limit = budget.limits().iter().find(|known| known.name() == limit).unwrap();
        limit.tier_amounts().find(|(known, _)| *known == tier).map(|(_, amount)| amount)
    };
    let mut count = 0;
    let mut operations = std::collections::BTreeSet::new();
    for line in include_str!("klaviyo.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let (method, path) = (row["method"].as_str().unwrap(), row["path"].as_str().unwrap());
        let sent = path.replace("{id}", "01HX").replace("{job_id}", "aGk6");
        let route = klaviyo.route(method, "a.klaviyo.com", &sent, "page%5Bsize%5D=10");
        let tier = route.tier().unwrap();
        if row["tier"] != "custom" {
            assert_eq!(row["tier"], tier, "{method} {path}");
        }
        assert_eq!(quota("burst", tier), amount(&row["burst"]), "{method} {path}");
        // The guide has 700 for what the file has 750 for.
        let steady = if tier == "L" { Some(700) } else { amount(&row["steady"]) };
        assert_eq!(quota("steady", tier), steady, "{method} {path}");
        // Where the file and its prose differ, the smaller.
        let daily = amount(&row["daily"]).map(|daily| amount(&row["prose_daily"]).unwrap_or(daily).min(daily));
        assert_eq!(quota("daily", tier), daily, "{method} {path}");
        let pattern = path.replace("{id}", "*").replace("{job_id}", "*");
        assert_eq!(route.operation(), format!("{method} {pattern}"));
        assert!(operations.insert(route.operation().to_owned()), "{method} {path} is counted with another");
        count += 1;
    }
    assert_eq!(count, 345);
}

#[test]
fn a_query_can_change_the_tier() {
    let klaviyo = Preset::klaviyo();
    for line in include_str!("klaviyo.jsonl").lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        for condition in row["conditional"].as_array().into_iter().flatten() {
            let query = condition["when_query"].as_str().unwrap().replace('[', "%5B").replace(']', "%5D");
            let path = row["path"].as_str().unwrap().replace("{id}", "01HX");
            let route = klaviyo.route(row["method"].as_str().unwrap(), "a.klaviyo.com", &path, &query);
            let tier = if condition["burst"] == "1/s" { "XS" } else { "M" };
            assert_eq!(route.tier(), Some(tier), "{path}?{query}");
            assert!(!route.operation().contains('/'), "{} is counted across operations", route.operation());
        }
    }
}

#[test]
fn the_daily_limit_is_of_a_day() {
    let budget = Preset::klaviyo().budget("klaviyo", &[]).unwrap().build().unwrap();
    let periods = budget.limits().iter().map(|limit| match limit.kind() {
        Kind::SlidingWindow { quota } => quota.period().as_secs(),
        other => panic!("{other:?}"),
    });
    assert_eq!(periods.collect::<Vec<_>>(), [1, 60, 86_400]);
}
