//! How figures and names look to people: bars, and times as short as they may be read.

use std::time::Duration;

use paceline::{Pause, Report};

/// Cells of a bar.
const BAR: u64 = 10;

/// How much of a quota is used and in flight. What is taken rounds up, so that one unit of many still shows.
pub fn bar(used: u64, in_flight: u64, quota: u64) -> String {
    let cells = |units: u64| (u128::from(units) * u128::from(BAR)).div_ceil(u128::from(quota.max(1))) as usize;
    let used_cells = cells(used).min(BAR as usize);
    let taken = cells(used.saturating_add(in_flight)).clamp(used_cells, BAR as usize);
    format!("{}{}{}", "█".repeat(used_cells), "▒".repeat(taken - used_cells), "░".repeat(BAR as usize - taken))
}

/// A time as short as it may be read: two units at most.
pub fn time(millis: u64) -> String {
    if millis < 1000 {
        return format!("{millis} ms");
    }
    if millis < 10_000 {
        return format!("{:.1} s", millis as f64 / 1000.0);
    }
    let text = humantime::format_duration(Duration::from_secs(millis / 1000)).to_string();
    text.split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// How long something will take: as far as a forecast looks is not how long it takes.
pub fn forecast(millis: u64) -> String {
    if is_beyond(millis) { "more than 10 years".into() } else { time(millis) }
}

/// The same in a sentence.
pub fn about(millis: u64) -> String {
    if is_beyond(millis) { forecast(millis) } else { format!("about {}", time(millis)) }
}

fn is_beyond(millis: u64) -> bool {
    u128::from(millis) >= Report::FARTHEST.as_millis()
}

/// A time that may not be there.
pub fn maybe_time(millis: Option<u64>) -> String {
    millis.map_or("-".into(), time)
}

/// So many of a thing: `1 caller`, `3 processes`.
pub fn count(n: u64, thing: &str) -> String {
    let ending = match (n, thing.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{n} {thing}{ending}")
}

/// A budget, or one partition of it, in a sentence.
pub fn named(budget: &str, key: Option<&str>) -> String {
    key.map_or_else(|| budget.to_owned(), |key| format!("{budget}, key {}", on_a_line(key)))
}

/// The same in a table.
pub fn path(budget: &str, key: Option<&str>) -> String {
    key.map_or_else(|| budget.to_owned(), |key| format!("{budget}/{}", on_a_line(key)))
}

fn on_a_line(key: &str) -> String {
    crate::visible(key).replace('\n', "\\n")
}

/// A pause in words.
pub fn paused(pause: &Pause) -> String {
    let end = pause.left_ms.map_or("until it is resumed".into(), |left| format!("for {} more", time(left)));
    let why = if pause.why.is_empty() { String::new() } else { format!(": {}", pause.why) };
    format!("paused by {} {end}{why}", pause.who)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_unit_of_many_shows_in_the_bar() {
        assert_eq!(bar(1, 0, 30_000), "█░░░░░░░░░");
        assert_eq!(bar(30_000, 30_000, 30_000), "██████████");
        assert_eq!(bar(0, u64::MAX, 30_000), "▒▒▒▒▒▒▒▒▒▒");
    }

    #[test]
    fn times_are_short() {
        let farthest = Report::FARTHEST.as_millis() as u64;
        assert_eq!([1500, farthest - 1].map(about), ["about 1.5 s", "about 9years 11months"]);
        assert_eq!([forecast(farthest), about(farthest)], ["more than 10 years"; 2]);
        assert_eq!([7, 1500, 61_000, 5_025_000].map(time), ["7 ms", "1.5 s", "1m 1s", "1h 23m"]);
    }
}
