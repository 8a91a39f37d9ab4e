//! What both acts came to, side by side.

use std::fmt;

use comfy_table::{Cell, CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::{Value, json};

use super::{
    Command,
    act::{Act, Outcome},
};

/// So many calls may find out that there is a stranger.
const FIRST: u64 = 3;

/// Both acts of one demo.
pub struct Report {
    quota: u64,
    per: String,
    provider: Option<String>,
    stranger: Option<f64>,
    acts: Vec<Outcome>,
}

/// How one row of the table is got from an act.
type Figure = fn(&Outcome) -> String;

impl Report {
    pub fn new(demo: &Command, acts: Vec<Outcome>) -> Self {
        let per = humantime::format_duration(demo.per).to_string();
        let (provider, stranger) = (demo.provider.clone(), demo.stranger);
        Self { quota: demo.quota, per, provider, stranger, acts }
    }

    /// Whether the act with paceline saw not a single 429, and calls at all. Of a stranger nobody can know before the provider
    /// tells: then whether it saw those that told of him and hardly more, and nobody sent while the provider had told to wait.
    pub fn is_proof(&self) -> bool {
        let told_by = |act: &Outcome| if self.stranger.is_some() { FIRST.max(act.sent / 50) } else { 0 };
        let obeyed = |act: &Outcome| act.too_early == 0 && act.rejected <= told_by(act);
        self.acts.iter().filter(|act| act.act == Act::Together).all(|act| obeyed(act) && act.accepted > 0)
    }

    pub fn json(&self) -> String {
        let acts: Vec<Value> = self.acts.iter().map(Outcome::json).collect();
        json!({
            "provider": self.provider, "stranger": self.stranger, "quota": self.quota, "per": self.per,
            "acts": acts, "proof": self.is_proof(),
        })
        .to_string()
    }

    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(UTF8_FULL_CONDENSED).set_header(self.row("", |act| act.title().into()));
        let most = format!("most calls in any {} ({} allowed)", self.per, self.quota);
        let rows: [(&str, Figure); 11] = [
            ("calls that reached the provider", |act| act.sent.to_string()),
            ("accepted", |act| act.accepted.to_string()),
            ("rejected with 429", |act| act.rejected.to_string()),
            ("  sent although told to wait", |act| act.too_early.to_string()),
            ("used by the stranger", |act| act.strangers.to_string()),
            (&most, |act| act.worst_window.to_string()),
            ("share of the budget used", |act| percent(act.share, "too short to tell")),
            ("  possible with these delays", |act| percent(act.possible, "")),
            ("fairness among replicas (Jain)", |act| format!("{:.3}", act.fairness)),
            ("wait until a call got through, median", |act| time(act.median_wait_ms)),
            ("  the worst", |act| time(act.worst_wait_ms)),
        ];
        // Where nobody is told for how long, or there is no stranger, these say nothing.
        let told = self.acts.iter().any(|act| act.too_early > 0);
        let says = |row: usize| (row != 3 || told) && (row != 4 || self.stranger.is_some());
        let shown = rows.into_iter().enumerate().filter(|(row, _)| says(*row));
        for (_, (label, figure)) in shown {
            table.add_row(self.row(label, figure));
        }
        table
    }

    fn row(&self, label: &str, figure: impl Fn(&Outcome) -> String) -> Vec<Cell> {
        let figures = self.acts.iter().map(|act| Cell::new(figure(act)).set_alignment(CellAlignment::Right));
        std::iter::once(Cell::new(label)).chain(figures).collect()
    }

    fn conclusion(&self) -> String {
        let rejected = |act: Act| self.acts.iter().filter(|a| a.act == act).map(|a| a.rejected).sum::<u64>();
        match (rejected(Act::Alone), rejected(Act::Together)) {
            (0, 0) if self.is_proof() => {
                "No call was told 429 in either act: so few callers keep to the budget by themselves.".into()
            }
            (alone, 0) if self.is_proof() => format!("{alone} calls were told 429 without paceline; with it, none."),
            (_, 0) => {
                "No call reached the provider in act two: something is wrong with the store or this machine.".into()
            }
            (alone, together) if self.is_proof() => format!(
                "{together} of the calls told of a stranger by a 429, where there were {alone} without paceline. Everybody\n\
                 waited as long as the provider said, and since then there is room for both."
            ),
            (_, together) => {
                format!("{together} calls were told 429 in act two: that must not happen. Please report it.")
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.table().trim_fmt())?;
        for act in self.acts.iter().filter(|act| act.lost > 0) {
            writeln!(f, "{} calls of act {} got no turn or no answer.", act.lost, act.act.number())?;
        }
        write!(f, "{}", self.conclusion())
    }
}

impl Outcome {
    fn title(&self) -> &'static str {
        match self.act {
            Act::Alone => "act one: alone",
            Act::Together => "act two: paceline",
        }
    }

    fn json(&self) -> Value {
        json!({
            "act": match self.act { Act::Alone => "alone", Act::Together => "paceline" },
            "sent": self.sent,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "too_early": self.too_early,
            "cooldowns": self.cooldowns,
            "strangers": self.strangers,
            "share": self.share,
            "possible": self.possible,
            "worst_window": self.worst_window,
            "fairness": self.fairness,
            "wait_ms": {"p50": self.median_wait_ms, "max": self.worst_wait_ms},
            "lost": self.lost,
            "exchanges": self.exchanges,
        })
    }
}

fn percent(share: Option<f64>, unknown: &str) -> String {
    share.map_or(unknown.into(), |share| format!("{:.1} %", share * 100.0))
}

fn time(millis: f64) -> String {
    if millis < 1000.0 { format!("{millis:.0} ms") } else { format!("{:.1} s", millis / 1000.0) }
}
