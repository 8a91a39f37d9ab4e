use super::*;

fn texts(limit: &Limit) -> Vec<String> {
    limit.flaws().into_iter().map(|flaw| flaw.text).collect()
}

#[test]
fn a_refill_is_sent_in_lowest_terms() {
    let terms = Limit::token_bucket("smooth", Quota::per_minute(90_000)).burst(10).terms(None, 0);
    let want = Terms::TokenBucket { key: "smooth".into(), burst: 10, refill_units: 3, refill_us: 2_000 };
    assert_eq!(terms, want);
}

#[test]
fn a_scope_value_is_part_of_the_key() {
    let terms = Limit::concurrency("open", 3).scope("endpoint").terms(Some("a%2Fb"), 0);
    assert_eq!(terms, Terms::Concurrency { key: "open@a%2Fb".into(), max: 3 });
}

#[test]
fn only_a_zone_needs_edges() {
    let edges = |limit: Limit| match limit.terms(None, 1_700_000_000_000_000) {
        Terms::FixedWindow { edges, .. } => edges,
        other => panic!("{other:?}"),
    };
    assert_eq!(edges(Limit::fixed_window("day", Quota::per_day(1))), None);
    assert!(edges(Limit::fixed_window("day", Quota::per_day(1)).zone("Asia/Kolkata")).is_some());
}

#[test]
fn a_burst_is_the_quota_unless_it_is_given() {
    let kind = Limit::token_bucket("a", Quota::per_second(7)).kind().clone();
    assert_eq!(kind, Kind::TokenBucket { refill: Quota::per_second(7), burst: 7 });
}

#[test]
fn settings_of_another_kind_are_refused() {
    let limit = Limit::sliding_window("a", Quota::per_second(1)).burst(2).zone("UTC");
    assert_eq!(
        texts(&limit),
        [
            "burst does not go with the kind sliding-window; take it out or change the kind",
            "zone does not go with the kind sliding-window; take it out or change the kind",
        ]
    );
}

#[test]
fn what_a_script_cannot_count_exactly_is_refused() {
    let year = Quota::per(1, Duration::from_secs(366 * 86_400));
    let burst = "burst is 1000, which a refill of 1 per 366d cannot count exactly; write less, or a rounder quota";
    assert_eq!(texts(&Limit::token_bucket("a", year).burst(1_000)), [burst]);
    assert!(texts(&Limit::token_bucket("a", Quota::per_second(997))).is_empty());
    assert!(texts(&Limit::token_bucket("a", Quota::per_day(277))).is_empty());
    assert!(texts(&Limit::token_bucket("a", Quota::per_second(1_000))).is_empty());
}

#[test]
fn every_flaw_is_said_once() {
    let none = Quota::unchecked(0, Duration::ZERO);
    assert_eq!(texts(&Limit::token_bucket("a", none)).len(), 2);
    assert_eq!(texts(&Limit::fixed_window("a", none).zone("nowhere")).len(), 2);
    assert_eq!(texts(&Limit::token_bucket("a b", none).burst(u64::MAX).unit("").scope("{x}")).len(), 6);
}

#[test]
fn a_tier_has_an_amount_of_its_own() {
    let day = Limit::fixed_window("day", Quota::per_day(1)).tiers([("S", 3), ("M", 10)]);
    assert!(texts(&day).is_empty());
    let Some(Kind::FixedWindow { quota, .. }) = day.in_tier("M").map(|limit| limit.kind().clone()) else { panic!() };
    assert_eq!(quota, Quota::per_day(10));
    assert_eq!(day.in_tier("L"), None);
    assert_eq!(day.to_string(), "at most 3 (S) or 10 (M) requests in each 1d by the clock of UTC");
    assert_eq!(Limit::concurrency("a", 1).in_tier("S"), None);
}

#[test]
fn every_flaw_of_a_tier_is_said() {
    let limit = Limit::sliding_window("a", Quota::per_second(1)).tiers([("x", 0), ("a b", 1), ("x", 2)]);
    assert_eq!(
        texts(&limit),
        [
            "quota of tier x is 0; write a whole number from 1 to 1099511627775",
            "tier \"a b\" has ' ' in it; use 1 to 64 of the characters A-Z a-z 0-9 . _ -",
            "tier x is there twice; take one out",
        ]
    );
    let long = Limit::concurrency("a", 1).tiers([("x".repeat(33), 1)]);
    assert_eq!(texts(&long), [format!("tier {} has 33 characters; write at most 32", "x".repeat(33))]);
    let bucket = Limit::token_bucket("a", Quota::per_second(1)).tiers([("x", 1)]);
    assert_eq!(
        texts(&bucket),
        ["a quota by tier does not go with the kind token-bucket; write one number or change the kind"]
    );
}
