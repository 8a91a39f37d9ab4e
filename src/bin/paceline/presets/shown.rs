//! A preset in words, and as JSON.

use std::fmt;

use paceline::{CompleteAt, Limit, Preset, Variable};
use serde_json::{Value, json};
use toml::{Table, Value as Toml};

use crate::Failure;

/// What a signal names headers and fields by.
const PLACES: [&str; 9] =
    ["quota", "used", "remaining", "reset", "used_of_quota", "quota_at", "used_at", "remaining_at", "reset_at"];

pub struct Shown<'a> {
    preset: &'a Preset,
    /// With the defaults, or examples where there are none.
    limits: Vec<Limit>,
    /// The file, for what the library keeps to itself.
    file: Table,
}

impl<'a> Shown<'a> {
    pub fn new(preset: &'a Preset) -> Result<Self, Failure> {
        let examples = preset.variables().filter(|variable| variable.default().is_none());
        let examples: Vec<_> = examples.filter_map(|variable| Some((variable.name(), variable.example()?))).collect();
        let limits = preset.budget(preset.name(), &examples)?.build()?.limits().to_vec();
        Ok(Self { preset, limits, file: preset.text().parse()? })
    }

    pub fn json(&self) -> Value {
        let limit = |limit: &Limit| {
            json!({
                "name": limit.name(), "kind": limit.kind().name(), "unit": limit.unit_name(), "scope": limit.scope_name(),
                "text": limit.to_string(),
            })
        };
        let variable = |variable: &Variable| {
            let sets = |choice| variable.sets(choice).map(|(name, value)| (name.to_owned(), json!(value)));
            let choices = variable.choices().map(|choice| (choice.to_owned(), Value::Object(sets(choice).collect())));
            json!({
                "name": variable.name(), "about": variable.about(), "default": variable.default(),
                "example": variable.example(), "choices": Value::Object(choices.collect()),
            })
        };
        let preset = self.preset;
        json!({
            "name": preset.name(),
            "about": preset.about(),
            "read": preset.read(),
            "sources": preset.sources().collect::<Vec<_>>(),
            "uncertain": preset.uncertain().collect::<Vec<_>>(),
            "hosts": preset.hosts().collect::<Vec<_>>(),
            "variables": preset.variables().map(variable).collect::<Vec<_>>(),
            "limits": self.limits.iter().map(limit).collect::<Vec<_>>(),
            "routes": self.file.get("route"),
            "signals": self.file.get("signal"),
            "throttles": self.file.get("throttle"),
            "retry": { "methods": preset.retry().methods().collect::<Vec<_>>(), "header": preset.retry().idempotency_key() },
            "complete": self.complete(),
        })
    }

    fn complete(&self) -> &'static str {
        match self.preset.complete_at() {
            CompleteAt::Body => "body",
            _ => "headers",
        }
    }

    fn tables(&self, key: &str) -> impl Iterator<Item = &Table> {
        self.file.get(key).and_then(Toml::as_array).into_iter().flatten().filter_map(Toml::as_table)
    }

    /// What each signal reads: `minute: quota x-limit, remaining x-left`.
    fn headers(&self) -> Vec<String> {
        let signals = self.tables("signal").map(|signal| {
            let places = PLACES.iter().filter_map(|place| Some((place, signal.get(*place)?.as_str()?)));
            let places: Vec<_> = places.map(|(place, name)| format!("{} {name}", place.replace('_', " "))).collect();
            format!("{}: {}", signal.get("limits").map(texts).unwrap_or_default(), places.join(", "))
        });
        signals.collect()
    }
}

/// One text or several, in a row.
fn texts(value: &Toml) -> String {
    match value {
        Toml::Array(items) => items.iter().map(texts).collect::<Vec<_>>().join(", "),
        Toml::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A heading and lines under it; nothing if there are none.
fn part(f: &mut fmt::Formatter<'_>, heading: &str, lines: impl IntoIterator<Item = String>) -> fmt::Result {
    let mut lines = lines.into_iter().peekable();
    if lines.peek().is_some() {
        writeln!(f, "\n{heading}")?;
    }
    lines.try_for_each(|line| writeln!(f, "  {line}"))
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let preset = self.preset;
        writeln!(f, "{}: {}", preset.name(), preset.about())?;
        part(f, "variables", preset.variables().flat_map(variable))?;
        let by = if preset.variables().next().is_some() { "limits, by default" } else { "limits" };
        part(f, by, self.limits.iter().map(|limit| format!("{} ({}): {limit}", limit.name(), limit.kind().name())))?;
        part(f, "hosts", preset.hosts().map(str::to_owned))?;
        part(f, "headers and fields", self.headers())?;
        let mut retry = vec![format!("{} are sent again", preset.retry().methods().collect::<Vec<_>>().join(", "))];
        retry.extend(preset.retry().idempotency_key().map(|header| format!("and any request with {header}")));
        part(f, "after a wait", retry)?;
        part(f, &format!("sources, read on {}", preset.read()), preset.sources().map(str::to_owned))?;
        part(f, "uncertain", preset.uncertain().map(str::to_owned))
    }
}

fn variable(variable: &Variable) -> Vec<String> {
    let value = match (variable.default(), variable.example()) {
        (Some(default), _) => format!("{default} if absent"),
        (None, example) => format!("must be given, such as {}", example.unwrap_or_default()),
    };
    let mut lines = vec![format!("{}: {}; {value}", variable.name(), variable.about())];
    lines.extend(variable.choices().map(|choice| {
        let sets: Vec<_> = variable.sets(choice).map(|(name, value)| format!("{name} = {value}")).collect();
        format!("  {choice}: {}", sets.join(", "))
    }));
    lines
}
