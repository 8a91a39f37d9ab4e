//! A preset whose minutes are as short as those of the provider.

use paceline::Preset;
use toml::{Table, Value};

/// How long periods last here, and what their quotas are multiplied by.
#[derive(Clone, Copy)]
pub struct Short {
    pub periods: &'static [(&'static str, &'static str)],
    pub scale: f64,
}

/// As they are.
pub const AS_THEY_ARE: Short = Short { periods: &[], scale: 1.0 };

/// The shipped preset of this name with these periods.
pub fn preset(name: &str, short: Short) -> Preset {
    Preset::parse(&text(name, short)).unwrap()
}

pub fn text(name: &str, short: Short) -> String {
    let mut top: Table = Preset::named(name).unwrap().text().parse().unwrap();
    let mut variables = Vec::new();
    for limit in top["limit"].as_array_mut().unwrap() {
        let Some((_, lasts)) = short.periods.iter().find(|(says, _)| limit.get("per") == Some(&(*says).into())) else {
            continue;
        };
        limit["per"] = (*lasts).into();
        match &mut limit["quota"] {
            Value::Table(tiers) => tiers.iter_mut().for_each(|(_, quota)| scale(quota, short, &mut variables)),
            quota => scale(quota, short, &mut variables),
        }
        // No zone has days that are any shorter.
        limit.as_table_mut().unwrap().remove("zone");
    }
    for (_, variable) in top.get_mut("vars").and_then(Value::as_table_mut).into_iter().flatten() {
        for (_, choice) in variable.get_mut("is").and_then(Value::as_table_mut).into_iter().flatten() {
            for name in &variables {
                if let Some(quota) = choice.get_mut(name.as_str()) {
                    scale(quota, short, &mut Vec::new());
                }
            }
        }
    }
    top.to_string()
}

/// A number is another one now; a variable's values are to be.
fn scale(quota: &mut Value, short: Short, variables: &mut Vec<String>) {
    match quota {
        Value::Integer(quota) => *quota = (*quota as f64 * short.scale).round().max(1.0) as i64,
        Value::String(name) => {
            let name = name.trim_matches(['{', '}']).to_owned();
            if !variables.contains(&name) {
                variables.push(name);
            }
        }
        other => panic!("{other} is no quota"),
    }
}

#[test]
fn what_is_shortened_is_a_preset_still() {
    let short = Short { periods: &[("1m", "3s"), ("1d", "1h")], scale: 0.1 };
    let keap = preset("keap", short).budget("keap", &[]).unwrap().build().unwrap();
    let limits: Vec<_> = keap.limits().iter().map(ToString::to_string).collect();
    assert_eq!(limits[..2], ["at most 5 requests in any 1s", "at most 24 requests in any 3s"]);
    for name in Preset::names() {
        preset(name, short);
    }
}
