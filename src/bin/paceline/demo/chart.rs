//! The chart that shows an act while it plays: accepted and rejected calls in each step of time against the limit.

use std::{
    convert::Infallible,
    fmt::Write,
    time::{Duration, Instant},
};

use console::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::provider::{Count, Provider};

/// Lines of the chart.
const HEIGHT: u64 = 8;
/// Columns for the figures left of it.
const MARGIN: usize = 9;
/// How often it is drawn anew.
const FRAME: Duration = Duration::from_millis(200);

/// The live view of one act: redrawn in place on a terminal, one line at the end in a pipe.
pub struct Live {
    screen: ProgressBar,
    is_silent: bool,
    quota: u64,
    per: Duration,
    lasts: Duration,
    started: Instant,
}

impl Live {
    pub fn new(quota: u64, per: Duration, lasts: Duration, is_silent: bool) -> Self {
        let target = if is_silent { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stdout() };
        let screen = ProgressBar::with_draw_target(None, target)
            .with_style(ProgressStyle::with_template("{msg}").expect("the template is a literal"));
        Self { screen, is_silent, quota, per, lasts, started: Instant::now() }
    }

    /// Draws what the provider sees for as long as it is polled.
    pub async fn follow(&self, provider: &Provider) -> Infallible {
        loop {
            if !self.screen.is_hidden() {
                self.screen.set_message(self.frame(provider));
            }
            tokio::time::sleep(FRAME).await;
        }
    }

    /// Leaves the last view on the screen, or a line in the pipe.
    pub fn end(&self, provider: &Provider) {
        if !self.screen.is_hidden() {
            self.screen.abandon_with_message(self.frame(provider));
            crate::say("");
        } else if !self.is_silent {
            let (accepted, rejected) = totals(&provider.series(self.step()));
            crate::say(format!("  {accepted} calls accepted, {rejected} rejected with 429"));
        }
    }

    fn frame(&self, provider: &Provider) -> String {
        let series = provider.series(self.step());
        let width = usize::from(console::Term::stdout().size().1).saturating_sub(MARGIN);
        let chart = draw(&series, self.limit_per_step(), width);
        let (accepted, rejected) = totals(&series);
        let accepted = style(format!("█ {accepted} accepted")).green();
        let rejected = style(format!("░ {rejected} rejected with 429")).red();
        let passed = self.started.elapsed().min(self.lasts).as_secs();
        format!("{chart}\n  {accepted}   {rejected}   {passed} s of {} s", self.lasts.as_secs())
    }

    /// A column is a second, or a whole window where that is longer: a window may come all at once.
    fn step(&self) -> Duration {
        self.per.max(Duration::from_secs(1))
    }

    fn limit_per_step(&self) -> f64 {
        self.quota as f64 * self.step().as_secs_f64() / self.per.as_secs_f64()
    }
}

/// Columns of `█` for what was accepted and, on top, `░` for what was rejected; the latest that fit into `width`.
fn draw(series: &[Count], limit: f64, width: usize) -> String {
    let shown = &series[series.len().saturating_sub(width / 3)..];
    let highest = shown.iter().map(|count| count.accepted + count.rejected).max().unwrap_or(0);
    // Room above the limit, so that it is seen when nothing goes there.
    let row = (highest as f64).max(limit * 1.5) / HEIGHT as f64;
    let limit_row = ((limit / row).ceil() as u64).clamp(1, HEIGHT);
    let mut chart = String::new();
    for level in (1..=HEIGHT).rev() {
        let label = match level {
            level if level == limit_row => format!("limit {}", short(limit)),
            HEIGHT => short(row * HEIGHT as f64),
            _ => String::new(),
        };
        let _ = write!(chart, "{label:>width$} ┤", width = MARGIN - 2);
        // A cell shows what is at its middle.
        let height = (level as f64 - 0.5) * row;
        for count in shown {
            let cell = if height < count.accepted as f64 {
                style("██").green()
            } else if height < (count.accepted + count.rejected) as f64 {
                style("░░").red()
            } else if level == limit_row {
                style("──").dim()
            } else {
                style("  ")
            };
            let _ = write!(chart, "{cell} ");
        }
        chart.push('\n');
    }
    let _ = write!(chart, "{:>width$} ┴{}", 0, "───".repeat(shown.len()), width = MARGIN - 2);
    chart
}

/// What was accepted and what was rejected in all.
fn totals(series: &[Count]) -> (u64, u64) {
    series.iter().fold((0, 0), |(accepted, rejected), count| (accepted + count.accepted, rejected + count.rejected))
}

/// A figure for the margin: whole where it is, short where it is large.
fn short(figure: f64) -> String {
    if figure >= 10_000.0 {
        format!("{:.0}k", figure / 1000.0)
    } else if figure.fract() < 0.05 {
        format!("{figure:.0}")
    } else {
        format!("{figure:.1}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(series: &[Count], limit: f64, width: usize) -> Vec<String> {
        draw(series, limit, width).lines().map(|line| console::strip_ansi_codes(line).trim_end().to_owned()).collect()
    }

    #[test]
    fn accepted_calls_stand_below_the_limit_and_rejected_ones_on_top() {
        let series = [Count { accepted: 4, rejected: 4 }, Count { accepted: 2, rejected: 0 }];
        let chart = plain(&series, 4.0, 70);
        assert_eq!(chart[0], "      8 ┤░░");
        assert_eq!(chart[4], "limit 4 ┤██ ──");
        assert_eq!(chart[7], "      1 ┤██ ██".replace('1', " "));
        assert_eq!(chart[8], "      0 ┴──────");
    }

    #[test]
    fn an_empty_series_and_a_narrow_terminal_are_drawn_too() {
        assert_eq!(plain(&[], 5.0, 70).len(), 9);
        let series = vec![Count { accepted: 1, rejected: 0 }; 100];
        assert!(plain(&series, 5.0, 30).iter().all(|line| line.chars().count() <= 30 + MARGIN));
        assert_eq!(plain(&series, 5.0, 0).len(), 9);
    }
}
