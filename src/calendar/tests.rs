use proptest::prelude::*;

use super::*;

fn local(zone: &str, period: Duration) -> Calendar {
    let mut calendar = Calendar::new(period);
    calendar.set_zone(zone.to_owned());
    assert_eq!(calendar.flaws(), []);
    calendar
}

fn us(instant: &str) -> u64 {
    let instant: Timestamp = instant.parse().unwrap();
    u64::try_from(instant.as_microsecond()).unwrap()
}

fn edges(calendar: &Calendar, now: &str) -> [String; 4] {
    let edges = calendar.edges(us(now)).unwrap();
    edges.map(|edge| Timestamp::from_microsecond(i64::try_from(edge).unwrap()).unwrap().to_string())
}

#[test]
fn without_a_zone_the_store_works_the_edges_out() {
    assert_eq!(Calendar::new(Duration::from_millis(1500)).edges(us("2024-05-01T00:00:00Z")), None);
    assert_eq!(local("UTC", Duration::from_secs(90)).edges(us("2024-05-01T00:00:00Z")), None);
}

#[test]
fn a_day_that_springs_forward_is_one_window_of_23_hours() {
    let want = ["2024-03-09T05:00:00Z", "2024-03-10T05:00:00Z", "2024-03-11T04:00:00Z", "2024-03-12T04:00:00Z"];
    assert_eq!(edges(&local("America/New_York", DAY), "2024-03-10T05:00:00Z"), want);
    assert_eq!(edges(&local("America/New_York", DAY), "2024-03-11T03:59:59.999999Z"), want);
}

#[test]
fn a_day_that_falls_back_is_one_window_of_25_hours() {
    let want = ["2024-11-02T04:00:00Z", "2024-11-03T04:00:00Z", "2024-11-04T05:00:00Z", "2024-11-05T05:00:00Z"];
    assert_eq!(edges(&local("America/New_York", DAY), "2024-11-03T12:00:00Z"), want);
}

#[test]
fn an_hour_that_comes_twice_is_two_windows() {
    let want = ["2024-11-03T05:00:00Z", "2024-11-03T06:00:00Z", "2024-11-03T07:00:00Z", "2024-11-03T08:00:00Z"];
    assert_eq!(edges(&local("America/New_York", HOUR), "2024-11-03T06:30:00Z"), want);
}

#[test]
fn an_edge_within_the_skipped_hour_falls_on_the_moment_of_the_skip() {
    let mut day = local("America/New_York", DAY);
    day.set_offset(Duration::from_secs(2 * 3600 + 1800));
    let want = ["2024-03-09T07:30:00Z", "2024-03-10T07:00:00Z", "2024-03-11T06:30:00Z", "2024-03-12T06:30:00Z"];
    assert_eq!(edges(&day, "2024-03-10T07:00:00Z"), want);
}

#[test]
fn half_hour_zones_turn_at_their_own_midnight() {
    let want = ["2024-05-08T18:30:00Z", "2024-05-09T18:30:00Z", "2024-05-10T18:30:00Z", "2024-05-11T18:30:00Z"];
    assert_eq!(edges(&local("Asia/Kolkata", DAY), "2024-05-10T00:00:00Z"), want);
}

#[test]
fn a_change_by_half_an_hour_makes_an_hour_of_90_and_one_of_30_minutes() {
    let hour = local("Australia/Lord_Howe", HOUR);
    let back = ["2024-04-06T13:00:00Z", "2024-04-06T14:00:00Z", "2024-04-06T15:30:00Z", "2024-04-06T16:30:00Z"];
    assert_eq!(edges(&hour, "2024-04-06T15:15:00Z"), back);
    let forth = ["2024-10-05T14:30:00Z", "2024-10-05T15:30:00Z", "2024-10-05T16:00:00Z", "2024-10-05T17:00:00Z"];
    assert_eq!(edges(&hour, "2024-10-05T15:30:00Z"), forth);
    let day = ["2024-04-05T13:00:00Z", "2024-04-06T13:00:00Z", "2024-04-07T13:30:00Z", "2024-04-08T13:30:00Z"];
    assert_eq!(edges(&local("Australia/Lord_Howe", DAY), "2024-04-07T00:00:00Z"), day);
}

#[test]
fn a_day_without_a_midnight_starts_when_the_clock_jumps_over_it() {
    let paulo = ["2018-11-03T03:00:00Z", "2018-11-04T03:00:00Z", "2018-11-05T02:00:00Z", "2018-11-06T02:00:00Z"];
    assert_eq!(edges(&local("America/Sao_Paulo", DAY), "2018-11-04T03:00:00Z"), paulo);
    let beirut = ["2024-03-29T22:00:00Z", "2024-03-30T22:00:00Z", "2024-03-31T21:00:00Z", "2024-04-01T21:00:00Z"];
    assert_eq!(edges(&local("Asia/Beirut", DAY), "2024-03-31T00:00:00Z"), beirut);
}

#[test]
fn a_midnight_that_comes_twice_starts_one_day() {
    // At one past midnight the clock went back to one past eleven.
    let want = ["2010-11-06T02:30:00Z", "2010-11-07T02:30:00Z", "2010-11-08T03:30:00Z", "2010-11-09T03:30:00Z"];
    assert_eq!(edges(&local("America/St_Johns", DAY), "2010-11-07T03:15:00Z"), want);
}

#[test]
fn a_date_that_an_island_skipped_is_no_window() {
    // Samoa had no 30 December 2011.
    let want = ["2011-12-28T10:00:00Z", "2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-31T10:00:00Z"];
    assert_eq!(edges(&local("Pacific/Apia", DAY), "2011-12-30T09:00:00Z"), want);
    let hours = ["2011-12-30T08:00:00Z", "2011-12-30T09:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T11:00:00Z"];
    assert_eq!(edges(&local("Pacific/Apia", HOUR), "2011-12-30T09:30:00Z"), hours);
}

#[test]
fn times_that_no_calendar_knows_do_no_harm() {
    for now in [0, 1, us("9999-12-30T00:00:00Z"), 253_402_207_200_000_001, i64::MAX as u64, u64::MAX] {
        let _ = local("America/New_York", DAY).edges(now);
        let _ = local("Pacific/Kiritimati", HOUR).edges(now);
    }
}

#[test]
fn the_usual_skew_is_a_second_or_a_tenth() {
    assert_eq!(Calendar::new(DAY).skew(), Duration::from_secs(1));
    assert_eq!(Calendar::new(Duration::from_millis(250)).skew(), Duration::from_millis(25));
}

#[test]
fn what_cannot_be_is_refused_with_the_mend() {
    let texts = |calendar: &Calendar| calendar.flaws().into_iter().map(|flaw| flaw.text).collect::<Vec<_>>();
    let mut calendar = Calendar::new(Duration::from_secs(5400));
    calendar.set_zone("Asia/Tokyo".to_owned());
    calendar.set_offset(Duration::from_secs(5400));
    calendar.set_skew(Duration::from_secs(541));
    assert_eq!(
        texts(&calendar),
        [
            "per is 1h 30m, which does not tile a day of zone Asia/Tokyo; write 1h, 2h, 3h, 4h, 6h, 8h, 12h or 1d, or take the zone out",
            "offset is 1h 30m; write less than per, in whole microseconds",
            "skew is 9m 1s; write at most a tenth of per, in whole microseconds",
        ]
    );
    let mut calendar = Calendar::new(DAY);
    calendar.set_zone("New York".to_owned());
    let want = "zone \"New York\" is not known; write a name of the IANA list, such as \"America/New_York\"";
    assert_eq!(texts(&calendar), [want]);
}

/// Any zone there is, any period that a zone allows, and a time that is often close to a change of the clock.
fn anywhere() -> impl Strategy<Value = (Calendar, u64)> {
    let zones: Vec<_> = jiff::tz::db().available().map(|name| name.to_string()).collect();
    let periods: Vec<_> = LOCAL_HOURS.iter().map(|&hours| HOUR * hours).chain([DAY]).collect();
    let year = us("1971-01-01T00:00:00Z")..us("2070-01-01T00:00:00Z");
    let near = -2 * 86_400_000_000_i64..2 * 86_400_000_000;
    let clock = (year, near, any::<bool>());
    let place = (prop::sample::select(zones), prop::sample::select(periods), 0.0..1.0);
    (place, clock).prop_map(|((zone, period, part), (now, near, at_change))| {
        let mut calendar = local(&zone, period);
        calendar.set_offset(Duration::from_secs((period.as_secs() as f64 * part) as u64));
        let change = calendar.local_rules().and_then(|rules| {
            let now = Timestamp::from_microsecond(i64::try_from(now).unwrap()).unwrap();
            rules.following(now).next().map(|change| change.timestamp().as_microsecond())
        });
        match change {
            Some(change) if at_change => (calendar, u64::try_from(change + near).unwrap()),
            _ => (calendar, now),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn windows_tile_time((calendar, now) in anywhere()) {
        let Some(edges) = calendar.edges(now) else {
            prop_assert!(calendar.local_rules().is_none());
            return Ok(());
        };
        prop_assert!(edges.is_sorted_by(|a, b| a < b), "edges rise strictly");
        prop_assert!((edges[1]..edges[2]).contains(&now), "now is in the current window");
        prop_assert_eq!(calendar.edges(edges[1]), Some(edges), "a window starts with its first instant");
        prop_assert_eq!(calendar.edges(edges[2] - 1), Some(edges), "and ends with its last");
        let after = calendar.edges(edges[2]).unwrap();
        prop_assert_eq!(&after[..3], &edges[1..], "the next window continues where this one ends");
    }
}
