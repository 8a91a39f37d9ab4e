//! What differs from account to account: a choice that sets several values at once, or a plain value.

use crate::{
    name::{check_name, shown},
    settings::{Mistakes, Section, Values, mend},
};

/// A variable of a preset.
#[derive(Debug, Clone)]
pub struct Variable {
    name: String,
    about: String,
    default: Option<String>,
    example: Option<String>,
    choices: Vec<Choice>,
}

#[derive(Debug, Clone)]
struct Choice {
    name: String,
    sets: Vec<(String, String)>,
}

/// What is wrong with the values that someone gave, and with which of them.
#[derive(Debug)]
pub(crate) struct VarFlaw {
    pub(crate) var: Option<String>,
    pub(crate) text: String,
}

impl Variable {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is.
    pub fn about(&self) -> &str {
        &self.about
    }

    /// What it is if nobody says; without one it must be given.
    pub fn default(&self) -> Option<&str> {
        self.default.as_deref()
    }

    /// A value that it might have, where it has no default.
    pub fn example(&self) -> Option<&str> {
        self.example.as_deref()
    }

    /// What it can be; none if it is a plain value.
    pub fn choices(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().map(|choice| choice.name.as_str())
    }

    /// What a choice sets: names and values. Each of them may be given by itself as well.
    pub fn sets(&self, choice: &str) -> impl Iterator<Item = (&str, &str)> {
        let found = self.choices.iter().filter(move |known| known.name == choice);
        found.flat_map(|choice| choice.sets.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    fn set_names(&self) -> impl Iterator<Item = &str> {
        self.choices.iter().flat_map(|choice| choice.sets.iter().map(|(name, _)| name.as_str()))
    }
}

/// The variables of a preset; what is wrong with them is a mistake.
pub(super) fn read(top: &Section, mistakes: &mut Mistakes) -> Vec<Variable> {
    let Some(vars) = top.section("vars", "[vars.NAME]", mistakes) else { return Vec::new() };
    let title = |name: &str| top.within(crate::budget::title("variable", name));
    let sections = vars.sections("variable", mistakes);
    let mut found: Vec<Variable> = Vec::new();
    for section in sections {
        let section = section.clone().titled(title(section.name));
        let variable = read_one(&section, mistakes);
        for name in variable.set_names().chain([section.name]) {
            if found.iter().any(|other| other.name == name || other.set_names().any(|set| set == name)) {
                mistakes
                    .add(section.at, section.message(format!("another variable sets {name}; give it another name")));
            }
        }
        found.push(variable);
    }
    found
}

fn read_one(section: &Section, mistakes: &mut Mistakes) -> Variable {
    section.refuse_others(&["about", "default", "example", "is"], mistakes);
    section.require("about", "say what it is", mistakes);
    if let Err(error) = check_name("name", section.name) {
        mistakes.add(section.at, section.message(error));
    }
    let choices = read_choices(section, mistakes);
    let default = section.text("default", mistakes);
    if let Some(default) = &default
        && !choices.is_empty()
        && !choices.iter().any(|choice| choice.name == *default)
    {
        let known: Vec<_> = choices.iter().map(|choice| shown(&choice.name)).collect();
        let text = format!("default is {}; {}", shown(default), mend(&shown(default), &known));
        mistakes.add(section.place("default"), section.message(text));
    }
    let example = section.text("example", mistakes);
    if section.get("default").is_none() && section.get("example").is_none() {
        let text = "there is neither a default nor an example; write one of them";
        mistakes.add(section.at, section.message(text));
    }
    let about = section.string("about", mistakes).map(|(about, _)| about.to_owned()).unwrap_or_default();
    Variable { name: section.name.to_owned(), about, default, example, choices }
}

fn read_choices(section: &Section, mistakes: &mut Mistakes) -> Vec<Choice> {
    let Some(is) = section.section("is", "[vars.NAME.is.CHOICE]", mistakes) else { return Vec::new() };
    let choices = is.sections("choice", mistakes).into_iter().map(|choice| {
        let choice = choice.clone().titled(section.within(&choice.title));
        let sets = choice.keys().into_iter().filter_map(|(name, at)| {
            if let Err(error) = check_name("name", name) {
                mistakes.add(at, choice.message(error));
            }
            Some((name.to_owned(), choice.text(name, mistakes)?))
        });
        Choice { name: choice.name.to_owned(), sets: sets.collect() }
    });
    choices.collect()
}

/// What all names stand for, by what was given and else by default; or all that is wrong with what was given.
pub(super) fn values(variables: &[Variable], given: &[(&str, &str)]) -> Result<Values, Vec<VarFlaw>> {
    let mut flaws = Vec::new();
    let mut known: Vec<&str> = Vec::new();
    for name in variables.iter().flat_map(|v| [v.name()].into_iter().chain(v.set_names())) {
        // Each choice of a variable may set it.
        if !known.contains(&name) {
            known.push(name);
        }
    }
    for (name, _) in given.iter().filter(|(name, _)| !known.contains(name)) {
        let mend = if known.is_empty() { "it has none".to_owned() } else { mend(name, &known) };
        let text = format!("{} is not a variable of the preset; {mend}", shown(name));
        flaws.push(VarFlaw { var: Some((*name).to_owned()), text });
    }
    let given = |name: &str| given.iter().rev().find(|(known, _)| *known == name).map(|(_, value)| *value);
    let mut values = Values::default();
    for variable in variables {
        let name = variable.name();
        let Some(value) = given(name).or(variable.default()) else {
            let example = variable.example().unwrap_or_default();
            let text = format!("variable {name} is missing; write {}, such as {example:?}", variable.about);
            flaws.push(VarFlaw { var: None, text });
            continue;
        };
        values.set(name, value);
        let Some(first) = variable.choices.first() else { continue };
        // One that is not known stands for another, so that the rest can be checked all the same.
        let choice = variable.choices.iter().find(|choice| choice.name == value).unwrap_or_else(|| {
            let known: Vec<_> = variable.choices().map(shown).collect();
            let text = format!("{name} is {}; {}", shown(value), mend(&shown(value), &known));
            flaws.push(VarFlaw { var: Some(name.to_owned()), text });
            first
        });
        for (name, value) in &choice.sets {
            values.set(name, given(name).unwrap_or(value));
        }
    }
    if flaws.is_empty() { Ok(values) } else { Err(flaws) }
}

/// The variables by default, or as in their examples.
pub(super) fn usual(variables: &[Variable]) -> Vec<(&str, &str)> {
    variables.iter().filter_map(|v| Some((v.name(), v.default().or(v.example())?))).collect()
}

/// What the variables can be besides.
pub(super) fn other_choices(variables: &[Variable]) -> impl Iterator<Item = (&str, &str)> {
    variables.iter().flat_map(|variable| {
        let others = variable.choices().filter(|choice| variable.default() != Some(*choice));
        others.map(|choice| (variable.name(), choice))
    })
}
