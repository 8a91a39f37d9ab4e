//! The provider that the demo plays: one of the story, or one of the numbers that were given.

use std::{fmt, time::Duration};

use paceline::Preset;

use super::Command;
use crate::{
    Failure,
    provider::{Period, Provider, Rule, Stats},
};

/// Those that `--provider` knows.
pub const NAMES: [&str; 5] = ["aisoule", "customerio", "keap", "klaviyo", "klinky"];

/// A provider of the story.
#[derive(Clone, Copy)]
pub struct Cast {
    pub name: &'static str,
    /// What its callers ask for.
    pub path: &'static str,
    /// The limit that binds there, as the provider's log names it.
    limit: &'static str,
    quota: u64,
    per: Duration,
    /// Periods that last shorter than the provider says, so that a few seconds have several.
    periods: &'static [(&'static str, u64, &'static str, u64)],
    /// How one learns to wait.
    tells: &'static str,
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: u64 = 60;

const CAST: [Cast; 5] = [
    Cast {
        name: "aisoule",
        path: "/api/messages",
        limit: "second",
        quota: 10,
        per: SECOND,
        periods: &[("1m", MINUTE, "10s", 10)],
        tells: "the text of its body",
    },
    Cast {
        name: "customerio",
        path: "/v1/newsletters",
        limit: "app",
        quota: 10,
        per: SECOND,
        periods: &[],
        tells: "nothing at all",
    },
    Cast {
        name: "keap",
        path: "/crm/rest/v1/contacts",
        limit: "spike",
        quota: 5,
        per: SECOND,
        periods: &[("1m", MINUTE, "15s", 15), ("1d", 1440 * MINUTE, "10m", 10 * MINUTE)],
        tells: "which of its headers are used up",
    },
    Cast {
        name: "klaviyo",
        path: "/api/images",
        limit: "burst",
        quota: 10,
        per: SECOND,
        periods: &[("1m", MINUTE, "12s", 12)],
        tells: "Retry-After",
    },
    Cast {
        name: "klinky",
        path: "/api/v1/public/links",
        limit: "hour",
        quota: 100,
        per: Duration::from_secs(4),
        periods: &[("1h", 60 * MINUTE, "4s", 4)],
        tells: "Retry-After",
    },
];

impl Cast {
    pub fn named(name: &str) -> Option<Self> {
        CAST.into_iter().find(|cast| cast.name == name)
    }

    /// The demo with the numbers of this provider.
    pub fn direct(self, demo: Command) -> Command {
        Command { quota: self.quota, per: self.per, ..demo }
    }

    /// Its preset, with periods as short as they are here.
    pub fn preset(self) -> Result<String, Failure> {
        let preset = Preset::named(self.name).ok_or_else(|| format!("there is no preset {}", self.name))?;
        let text = self.periods.iter().fold(preset.text().to_owned(), |text, (says, _, lasts, _)| {
            text.replace(&format!("per = \"{says}\""), &format!("per = \"{lasts}\""))
        });
        Ok(text)
    }

    fn provider(self, demo: &Command) -> Result<Provider, Failure> {
        let periods = self
            .periods
            .iter()
            .map(|(_, says, _, lasts)| Period { says: Duration::from_secs(*says), lasts: Duration::from_secs(*lasts) });
        let stranger = demo.stranger.unwrap_or_default();
        let provider = Provider::like(self.name, periods.collect(), demo.delay, stranger);
        provider.ok_or_else(|| format!("there is no provider {} to be like", self.name).into())
    }
}

/// How it limits.
impl fmt::Display for Cast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, limit, quota, per, tells, .. } = self;
        let per = humantime::format_duration(*per);
        writeln!(f, "The provider limits as {name} does: for GET {path}, {quota} calls in {per} ({limit}),")?;
        write!(f, "and 429 beyond that; how long to wait, {tells} says.")?;
        for (says, _, lasts, _) in self.periods {
            write!(f, "\nWhat takes {says} there takes {lasts} here, so that a short act has several of them.")?;
        }
        Ok(())
    }
}

/// What plays the provider.
pub fn provider(demo: &Command) -> Result<Provider, Failure> {
    match demo.cast() {
        Some(cast) => cast.provider(demo),
        None => Ok(Provider::new(vec![Rule::new(demo.quota, demo.per)], demo.delay)),
    }
}

/// What its log says of the limit that binds: the most that came in any window, and the share that was used.
pub fn of_the_limit(demo: &Command, stats: &Stats) -> (u64, Option<f64>) {
    let binds = |name: &str| demo.cast().is_none_or(|cast| name.split(' ').next() == Some(cast.limit));
    let limit = stats.limits.iter().find(|limit| binds(&limit.limit));
    // Of two windows side by side all may be used at once, where they meet: more than all of it is no share.
    limit.map_or((0, None), |limit| (limit.worst_sent, limit.share.map(|share| share.min(1.0))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_its_preset_with_the_periods_of_the_demo() {
        for name in NAMES {
            let cast = Cast::named(name).unwrap();
            let text = cast.preset().unwrap();
            let budget = Preset::parse(&text).unwrap().budget("demo", &[]).unwrap().build().unwrap();
            let shipped = Preset::named(name).unwrap();
            assert_eq!(budget.limits().len(), shipped.budget("demo", &[]).unwrap().build().unwrap().limits().len());
            assert_eq!(text == shipped.text(), cast.periods.is_empty(), "{name}");
            for (says, seconds, lasts, short) in cast.periods {
                assert!(shipped.text().contains(&format!("per = \"{says}\"")), "{name}");
                for (text, seconds) in [(says, seconds), (lasts, short)] {
                    assert_eq!(humantime::parse_duration(text), Ok(Duration::from_secs(*seconds)));
                }
            }
        }
    }
}
