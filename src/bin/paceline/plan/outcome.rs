//! What came of a plan, in figures and words.

use std::time::Duration;

use serde::Serialize;

use super::upstream::Allowance;
use crate::{
    calls::Take,
    figures::{count, time},
    page::Page,
    send::Waits,
};

/// Columns of the chart.
const COLUMNS: usize = 60;
/// Heights of a column, from nothing to all that is allowed.
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// What was tried.
pub struct Tried {
    /// When each call was answered.
    pub answered: Vec<Duration>,
    pub rejected: u64,
    pub exchanges: u64,
    pub waits: Waits,
    pub allowances: Vec<Allowance>,
    /// How long a unit is in flight, in the mean.
    pub hold_s: f64,
}

/// What to expect.
#[derive(Debug, Serialize)]
pub struct Outcome {
    /// How long all calls take.
    pub takes_s: f64,
    /// So many were tried; the rest goes on at the pace of their latter half.
    pub tried: u64,
    /// Told 429, of those that were tried.
    pub rejected: u64,
    pub calls_per_s: f64,
    /// The limit of which most is used, and how much of what it allows, in the latter half.
    pub tightest: Option<String>,
    pub share: Option<f64>,
    /// How much of it can be used, since units are held until their answers are in.
    pub possible: Option<f64>,
    /// From wanting to send to sending, in milliseconds.
    pub wait_ms: WaitMs,
    /// Calls to Redis for each call.
    pub exchanges_per_call: f64,
    /// Answered in each sixtieth of the time that was tried.
    pub chart: Vec<u64>,
}

#[derive(Debug, Serialize)]
pub struct WaitMs {
    pub p50: f64,
    pub p99: f64,
    pub max: f64,
}

impl Tried {
    /// Calls a second in the latter half: over whole quotas of a limit, since in a part of one all may come at once, or none. By
    /// calls, since windows of a clock drift against those that begin with a call.
    fn late_pace(&self, allowance: Option<&Allowance>) -> f64 {
        let some = self.answered.len() / 2;
        let quota = allowance.map_or(1, |a| a.calls.round().max(1.0) as usize);
        let late = if quota <= some { some / quota * quota } else { some };
        let took = self.answered.last().zip(self.answered.iter().rev().nth(late)).map(|(end, start)| *end - *start);
        late as f64 / took.unwrap_or_default().as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Whether a limit had two windows or more.
    fn turned(&self, allowance: &Allowance, end_s: f64) -> bool {
        2.0 * allowance.calls <= self.answered.len() as f64 || 2.0 * allowance.per_s <= end_s
    }

    /// How much was used of a limit in the latter half; `None`: it was too short to tell.
    fn late_share(&self, allowance: &Allowance, end_s: f64) -> Option<f64> {
        self.turned(allowance, end_s).then(|| (self.late_pace(Some(allowance)) / allowance.rate()).min(1.0))
    }

    /// What that says of so many calls.
    pub fn outcome(mut self, calls: u64) -> Outcome {
        self.answered.sort_unstable();
        let tried = self.answered.len();
        let end = self.answered.last().copied().unwrap_or_default();
        let mut takes_s = end.as_secs_f64();
        if let Some(rest) = calls.checked_sub(tried as u64).filter(|&rest| rest > 0) {
            let turned = self.allowances.iter().filter(|a| self.turned(a, takes_s));
            let late = self.late_pace(turned.max_by(|a, b| a.per_s.total_cmp(&b.per_s)));
            // A window that is longer than what was tried had not been full.
            let pace = self.allowances.iter().map(Allowance::rate).fold(late, f64::min);
            takes_s += rest as f64 / pace;
        }
        let mut chart = vec![0; COLUMNS];
        for at in &self.answered {
            let column = at.as_secs_f64() / end.as_secs_f64().max(f64::MIN_POSITIVE) * COLUMNS as f64;
            chart[(column as usize).min(COLUMNS - 1)] += 1;
        }
        let shares = self.allowances.iter().map(|a| (a, a.share(calls as f64, takes_s)));
        let tightest = shares.max_by(|a, b| a.1.total_cmp(&b.1));
        let calls_per_s = calls as f64 / takes_s.max(f64::MIN_POSITIVE);
        Outcome {
            takes_s,
            tried: tried as u64,
            rejected: self.rejected,
            calls_per_s,
            share: tightest.and_then(|(allowance, _)| self.late_share(allowance, end.as_secs_f64())),
            possible: tightest.map(|(allowance, _)| allowance.possible(self.hold_s)),
            tightest: tightest.map(|(allowance, _)| allowance.limit.clone()),
            wait_ms: WaitMs {
                p50: self.waits.quantile(0.5),
                p99: self.waits.quantile(0.99),
                max: self.waits.quantile(1.0),
            },
            exchanges_per_call: self.exchanges as f64 / tried.max(1) as f64,
            chart,
        }
    }
}

/// A line of the table: its name, and its figure of each way.
type Line<'a> = (&'a str, &'a dyn Fn(&Outcome) -> String);

/// A table with a column for each way, and a chart of calls over time.
pub fn show(page: &mut Page, together: &Outcome, alone: Option<&Outcome>, takes: &[Take]) {
    let ways: Vec<&Outcome> = std::iter::once(together).chain(alone).collect();
    let ms = |ms: f64| time(ms.round() as u64);
    let percent =
        |share: Option<f64>| share.map_or("too short to tell".into(), |share| format!("{:.1} %", share * 100.0));
    let rows: [Line<'_>; 8] = [
        ("takes", &|o| ms(o.takes_s * 1000.0)),
        ("calls a second", &|o| format!("{:.2}", o.calls_per_s)),
        ("share of the tightest limit", &|o| percent(o.share)),
        ("  possible at this latency", &|o| percent(o.possible)),
        ("told 429", &|o| o.rejected.to_string()),
        ("wait for a turn, median", &|o| ms(o.wait_ms.p50)),
        ("wait for a turn, 99 %", &|o| ms(o.wait_ms.p99)),
        ("calls to Redis for each", &|o| format!("{:.2}", o.exchanges_per_call)),
    ];
    let header = ["", "with paceline", "each on its own"];
    let rows = rows
        .iter()
        .map(|(name, figure)| std::iter::once((*name).to_owned()).chain(ways.iter().map(|way| figure(way))).collect());
    page.table(1, &header[..=ways.len()], rows);
    if let Some(tightest) = &together.tightest
        && let Some((limit, _)) = takes.iter().find(|(limit, _)| limit.name() == tightest)
    {
        page.say(format_args!("The tightest limit is {tightest}: {limit}."));
    }
    for (title, way) in header[1..].iter().zip(ways) {
        // Fewer columns, of more time each, where there is no room.
        let columns: Vec<u64> =
            way.chart.chunks(COLUMNS.div_ceil(page.width())).map(|calls| calls.iter().sum()).collect();
        let most = columns.iter().max().copied().unwrap_or(0);
        let tried = count(way.tried, "call");
        page.say("");
        page.say(bars(&columns));
        page.say(format_args!("{title}: {tried} over time, at most {most} in a column"));
    }
}

fn bars(chart: &[u64]) -> String {
    let most = chart.iter().max().copied().unwrap_or(0).max(1);
    chart.iter().map(|&calls| BLOCKS[(calls * (BLOCKS.len() as u64 - 1)).div_ceil(most) as usize]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(calls: u64, rate: f64) -> Tried {
        let answered = (1..=calls).map(|i| Duration::from_secs_f64(i as f64 / rate)).collect();
        let allowance = |limit: &str, calls, per_s| Allowance { limit: limit.into(), calls, per_s, slides: true };
        let allowances = vec![allowance("minute", 240.0, 60.0), allowance("spike", 5.0, 1.0)];
        Tried { answered, rejected: 0, exchanges: 2 * calls, waits: Waits::default(), allowances, hold_s: 0.1 }
    }

    #[test]
    fn more_calls_than_were_tried_go_on_at_their_pace() {
        let outcome = tried(1000, 3.9).outcome(10_000);
        assert!((outcome.takes_s - 10_000.0 / 3.9).abs() < 1.0, "{outcome:?}");
        assert_eq!(outcome.tightest.as_deref(), Some("minute"));
        assert!((outcome.share.unwrap() - 0.975).abs() < 0.003, "{outcome:?}");
        assert!((outcome.possible.unwrap() - 60.0 / 60.1).abs() < 1e-9);
        assert_eq!((outcome.exchanges_per_call, outcome.chart.iter().sum::<u64>()), (2.0, 1000));
    }

    #[test]
    fn days_whose_calls_all_come_in_the_morning_count_as_whole_days() {
        // Some a little later each day, since theirs begin with a call; and the last of them is cut off somewhere.
        for (later, last) in [(0, 1), (0, 900), (350, 1), (350, 400), (1000, 1000)] {
            let day = |n: u64| (0..1000).map(move |i| Duration::from_secs(n * (86_400 + later) + i));
            let answered = (0..5).flat_map(day).chain(day(5).take(last)).collect();
            let allowances = vec![Allowance { limit: "day".into(), calls: 1000.0, per_s: 86_400.0, slides: false }];
            let tried = Tried { answered, rejected: 0, exchanges: 0, waits: Waits::default(), allowances, hold_s: 0.1 };
            let outcome = tried.outcome(365_000);
            let days = outcome.takes_s / (86_400 + later) as f64;
            assert!((364.0..366.0).contains(&days), "{later}, {last}: {days}");
            assert!(outcome.share.unwrap() > 0.98, "{later}, {last}: {outcome:?}");
        }
    }

    #[test]
    fn what_was_not_full_yet_does_not_go_on_faster_than_its_limit() {
        let outcome = tried(1000, 50.0).outcome(10_000);
        assert!((outcome.takes_s - (20.0 + 9000.0 / 4.0)).abs() < 1.0, "{outcome:?}");
    }

    #[test]
    fn bars_are_as_high_as_the_highest() {
        assert_eq!(bars(&[0, 1, 4, 8]), " ▁▄█");
        assert_eq!(bars(&[0, 0]), "  ");
    }
}
