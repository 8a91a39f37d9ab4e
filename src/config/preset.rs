//! Reads which preset a budget is of, and what its variables are set to.

use std::path::Path;

use crate::{
    Limit, Preset,
    name::shown,
    settings::{Mistakes, Section, mend},
};

/// The preset and its limits for these variables.
pub(super) fn read(section: &Section, folder: Option<&Path>, mistakes: &mut Mistakes) -> Option<(Preset, Vec<Limit>)> {
    let vars = read_vars(section, mistakes);
    let preset = find(section, folder, mistakes)?;
    let given: Vec<_> = vars.iter().map(|(name, value, _)| (*name, value.as_str())).collect();
    match preset.limits(&section.title, &given) {
        Ok(limits) => Some((preset, limits)),
        Err(flaws) => {
            for flaw in flaws {
                let of_var = vars.iter().find(|(name, ..)| Some(*name) == flaw.var.as_deref());
                // What no single value is to blame for is about all of them.
                let other = if section.get("vars").is_some() { "vars" } else { "preset" };
                mistakes.add(of_var.map_or_else(|| section.place(other), |(.., at)| *at), flaw.text);
            }
            None
        }
    }
}

/// The variables that are given, with the places of their values.
fn read_vars<'a>(section: &Section<'a>, mistakes: &mut Mistakes) -> Vec<(&'a str, String, usize)> {
    let Some(vars) = section.part("vars", "[budget.NAME.vars]", mistakes) else { return Vec::new() };
    let read =
        vars.keys().into_iter().filter_map(|(name, _)| Some((name, vars.text(name, mistakes)?, vars.place(name))));
    read.collect()
}

/// A name is one of ours; with a slash or the ending `.toml` it is a file, relative to the configuration.
fn find(section: &Section, folder: Option<&Path>, mistakes: &mut Mistakes) -> Option<Preset> {
    let (name, at) = section.string("preset", mistakes)?;
    if !name.contains('/') && !name.ends_with(".toml") {
        let preset = Preset::named(name);
        if preset.is_none() {
            let mend = mend(&shown(name), &Preset::names().map(shown).collect::<Vec<_>>());
            let file = if mend.ends_with('?') { "" } else { "; your own file is written as in \"./mine.toml\"" };
            mistakes.add(at, section.message(format!("preset is {}; {mend}{file}", shown(name))));
        }
        return preset;
    }
    let Some(folder) = folder else {
        let text = "lies beside the configuration, and this text is in no file; read it with Config::load or parse_in";
        mistakes.add(at, section.message(format!("preset {} {text}", shown(name))));
        return None;
    };
    match Preset::load(folder.join(name)) {
        Ok(preset) => Some(preset),
        Err(errors) => {
            // They are in another file, so each tells its own place.
            for line in errors.to_string().lines() {
                mistakes.add(at, section.message(format!("preset {line}")));
            }
            None
        }
    }
}
