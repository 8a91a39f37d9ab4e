//! Budgets of presets: with each choice of each variable, from Rust and from a configuration.

use std::fs;

use paceline::{Config, Kind, Limiter, MemoryStore, Preset, Variable};

/// The defaults, or the examples where there are none.
fn usual(preset: &Preset) -> Vec<(String, String)> {
    let value = |variable: &Variable| variable.default().or(variable.example()).unwrap().to_owned();
    preset.variables().map(|variable| (variable.name().to_owned(), value(variable))).collect()
}

fn limits(preset: &Preset, vars: &[(String, String)]) -> Vec<String> {
    let vars: Vec<_> = vars.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let budget = preset.budget("test", &vars).unwrap_or_else(|error| panic!("{}: {error}", preset.name()));
    let budget = budget.build().unwrap_or_else(|error| panic!("{} {vars:?}: {error}", preset.name()));
    budget.limits().iter().map(ToString::to_string).collect()
}

fn with(preset: &Preset, vars: &[(&str, &str)]) -> Vec<String> {
    let vars: Vec<_> = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    limits(preset, &vars)
}

#[test]
fn every_choice_of_every_variable_makes_a_budget() {
    for name in Preset::names() {
        let preset = Preset::named(name).unwrap();
        let usual = usual(&preset);
        let by_default = limits(&preset, &usual);
        assert!(!by_default.is_empty() && by_default.len() <= 16, "{name}");
        for variable in preset.variables() {
            for choice in variable.choices() {
                let mut vars = usual.clone();
                vars.push((variable.name().to_owned(), choice.to_owned()));
                assert_eq!(limits(&preset, &vars).len(), by_default.len(), "{name} {choice}");
            }
        }
    }
}

#[test]
fn every_preset_says_where_its_numbers_are_from() {
    for name in Preset::names() {
        let preset = Preset::named(name).unwrap();
        assert_eq!(preset.read().len(), 10, "{name}");
        assert!(preset.sources().next().is_some() && !preset.about().is_empty(), "{name}");
        assert!(preset.variables().all(|variable| !variable.about().is_empty()), "{name}");
    }
}

#[test]
fn the_readme_lists_every_preset_with_its_choices() {
    let readme = include_str!("../../README.md");
    for name in Preset::names() {
        let preset = Preset::named(name).unwrap();
        let row = readme.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
        let row = row.unwrap_or_else(|| panic!("{name} has no row in README.md"));
        for variable in preset.variables().filter(|variable| variable.name() != "requests_per") {
            let choices = variable.choices().collect::<Vec<_>>().join(", ");
            assert!(row.contains(variable.name()) && row.contains(&choices), "{name} {}: {row}", variable.name());
        }
        assert!(row.contains("must be given") == preset.variables().any(|variable| variable.default().is_none()));
    }
}

#[test]
fn the_example_of_the_readme_is_right() {
    let (_, presets) = include_str!("../../README.md").split_once("## Presets").unwrap();
    let (_, example) = presets.split_once("```toml\n").unwrap();
    let config = Config::parse(example.split_once("```").unwrap().0).unwrap();
    assert_eq!(config.budgets().count(), 2);
}

#[test]
fn keap_is_as_its_key_is() {
    let keap = Preset::keap();
    assert_eq!(
        with(&keap, &[]),
        [
            "at most 5 requests in any 1s",
            "at most 240 requests in any 1m",
            "at most 30000 requests in each 1d by the clock of UTC",
            "at most 10000 requests in any 1m",
            "at most 250000 requests in each 1d by the clock of UTC",
        ]
    );
    assert_eq!(
        with(&keap, &[("credential", "oauth")])[..2],
        ["at most 25 requests in any 1s", "at most 1500 requests in any 1m"]
    );
    assert_eq!(with(&keap, &[("smooth", "yes")])[0], "at most 1 requests in any 200ms");
    assert_eq!(with(&keap, &[("smooth", "yes"), ("credential", "oauth")])[0], "at most 1 requests in any 40ms");
    // What a choice sets may be given by itself.
    assert_eq!(with(&keap, &[("per_second", "10")])[0], "at most 10 requests in any 1s");
}

#[test]
fn numbers_are_those_of_the_plan() {
    assert_eq!(with(&Preset::klinky(), &[]), ["at most 100 requests in any 1h"]);
    assert_eq!(with(&Preset::klinky(), &[("plan", "scale")]), ["at most 1000 requests in any 1h"]);
    assert_eq!(
        with(&Preset::aisoule(), &[]),
        [
            "at most 10 requests in any 1s",
            "at most 100 requests in any 1m",
            "at most 100 requests in any 1h",
            "at most 500 requests in any 1d",
        ]
    );
    let hubspot = with(&Preset::hubspot(), &[("plan", "professional"), ("zone", "Europe/Berlin")]);
    assert_eq!(
        hubspot[..2],
        ["at most 190 requests in any 10s", "at most 625000 requests in each 1d by the clock of Europe/Berlin"]
    );
    let ingress = with(&Preset::customerio(), &[("ingress", "current")]);
    assert_eq!(ingress[0], "at most 3000 requests in any 3s");
    assert_eq!(ingress[1..], ["at most 10 requests in any 1s", "at most 1 requests in any 10s"]);
    let slack = with(&Preset::slack(), &[("app", "unlisted")]);
    assert!(slack[0].contains("1 (history)"), "{slack:?}");
}

#[test]
fn what_is_wrong_with_variables_is_said_all_at_once() {
    let error = |preset: Preset, vars: &[(&str, &str)]| preset.budget("b", vars).unwrap_err().to_string();
    assert_eq!(
        error(Preset::keap(), &[("credentials", "sak"), ("smooth", "maybe")]),
        "budget b: \"credentials\" is not a variable of the preset; did you mean credential?\n\
         budget b: smooth is \"maybe\"; write \"no\" or \"yes\""
    );
    assert_eq!(
        error(Preset::hubspot(), &[]),
        "budget b: variable zone is missing; write the time zone of the account, at whose midnight the day begins, \
         such as \"America/New_York\""
    );
    assert!(
        error(Preset::hubspot(), &[("zone", "Mars")]).starts_with("budget b, limit day: zone \"Mars\" is not known;")
    );
    assert_eq!(
        error(Preset::keap(), &[("per_minute", "many")]),
        "budget b, limit minute: quota is \"many\"; write a whole number from 1 to 1099511627775"
    );
    assert!(
        error(Preset::keap(), &[("per_minute", "{per_minute}")]).contains("what it stands for is not there, or itself")
    );
}

#[test]
fn a_configuration_names_a_preset() {
    let text = "[budget.keap-prod]\npreset = 'keap'\nvars = { credential = 'oauth', per_second = 20 }\n\
                arrival_within = '1s'\n[budget.mine]\nlimit = [{ name = 'open', kind = 'concurrency', quota = 3 }]";
    let config = Config::parse(text).unwrap();
    let budget = config.budget("keap-prod").unwrap();
    let oauth = Preset::keap().budget("keap-prod", &[("credential", "oauth"), ("per_second", "20")]).unwrap();
    assert_eq!(*budget, oauth.arrival_within(std::time::Duration::from_secs(1)).build().unwrap());
    assert_eq!(config.preset("keap-prod").unwrap().name(), "keap");
    assert!(config.preset("mine").is_none() && config.preset("nobody").is_none());
}

#[test]
fn a_preset_of_ones_own_lies_beside_the_configuration() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("mine.toml"), Preset::klinky().text().replace("\"klinky\"", "\"mine\"")).unwrap();
    let text = "[budget.b]\npreset = './mine.toml'\nvars = { plan = 'scale' }";
    let file = folder.path().join("paceline.toml");
    fs::write(&file, text).unwrap();
    for config in [Config::load(&file).unwrap(), Config::parse_in(text, folder.path()).unwrap()] {
        assert_eq!(config.preset("b").unwrap().name(), "mine");
        assert_eq!(config.budget("b").unwrap().limits()[0].to_string(), "at most 1000 requests in any 1h");
    }
    let error = Config::parse(text).unwrap_err().to_string();
    assert!(error.starts_with("2:10: budget b: preset \"./mine.toml\" lies beside"), "{error}");

    fs::write(folder.path().join("mine.toml"), "name = 'mine'\nlimits = 3").unwrap();
    let error = Config::load(&file).unwrap_err();
    assert_eq!(error.mistakes().len(), 5, "{error}");
    let place = format!("{}:2:10: budget b: preset {}", file.display(), folder.path().join("./mine.toml").display());
    assert!(error.to_string().starts_with(&place), "{error}");
    fs::remove_file(folder.path().join("mine.toml")).unwrap();
    let error = Config::load(&file).unwrap_err();
    assert!(error.to_string().contains("the file cannot be read"), "{error}");
    assert!(
        Preset::load("/nowhere.toml").unwrap_err().to_string().starts_with("/nowhere.toml: the file cannot be read")
    );
}

#[tokio::test]
async fn a_handle_takes_from_the_limits_of_its_route() {
    let klaviyo = Preset::klaviyo();
    let limiter = Limiter::new(MemoryStore::new(), klaviyo.budget("klaviyo", &[]).unwrap().build().unwrap());
    let on = |method: &str, path: &str| limiter.on(&klaviyo.route(method, "a.klaviyo.com", path, "")).unwrap();
    assert!(on("GET", "/api/accounts").acquire(2).await.unwrap_err().is_never_fits());
    let profiles = on("GET", "/api/profiles");
    profiles.acquire(75).await.unwrap().complete();
    profiles.flush().await.unwrap();
    let report = limiter.inspect().await.unwrap().unwrap();
    let names: Vec<_> = report.limits.iter().map(|limit| limit.name.as_str()).collect();
    assert_eq!(names, ["burst@L@GET%20%2Fapi%2Fprofiles", "steady@L@GET%20%2Fapi%2Fprofiles"]);
    // Without a route, no limit with tiers applies.
    assert!(limiter.acquire(1).await.unwrap_err().is_config());
    let error = limiter.tier("XXL").unwrap_err().to_string();
    assert!(error.starts_with("budget klaviyo has no tier \"XXL\"; its tiers are XS, S, M, L,"), "{error}");
    let error = limiter.scoped("endpoint", "x").unwrap_err().to_string();
    assert_eq!(error, "budget klaviyo has no scope \"endpoint\"; its scopes are operation");
    let scoped = limiter.scoped("operation", "x").unwrap();
    let error = scoped.only(&["daily"]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "budget klaviyo, limit daily: no tier is chosen; say which with Limiter::tier");
    let error = scoped.tier("L").unwrap().only(&["daily"]).map(|_| ()).unwrap_err().to_string();
    assert_eq!(error, "budget klaviyo, limit daily: it has no tier \"L\"; check the name");
}

#[tokio::test]
async fn a_scope_that_the_request_does_not_tell_is_given_by_the_caller() {
    let slack = Preset::slack();
    let limiter = Limiter::new(MemoryStore::new(), slack.budget("slack", &[]).unwrap().build().unwrap());
    let route = slack.route("POST", "slack.com", "/api/chat.postMessage", "");
    limiter.on(&route).unwrap().acquire(100).await.unwrap().complete();
    let channel = limiter.scoped("channel", "C1").unwrap().on(&route).unwrap();
    assert!(channel.acquire(2).await.unwrap_err().is_never_fits(), "one a second in a channel");
    // Another provider's route names limits that are not here.
    assert!(limiter.on(&Preset::keap().route("GET", "", "/", "")).is_err());
}

#[test]
fn a_preset_says_what_may_be_sent_again_and_when_a_response_is_in() {
    let stripe = Preset::stripe();
    assert!(stripe.retry().allows("GET", |_| false) && !stripe.retry().allows("POST", |_| false));
    assert!(stripe.retry().allows("POST", |header| header == "Idempotency-Key"));
    assert_eq!(stripe.complete_at(), paceline::CompleteAt::Headers);
    let openai = Preset::openai();
    assert_eq!(openai.complete_at(), paceline::CompleteAt::Body);
    assert!(openai.cost_at().eq([("tokens", "/usage/total_tokens")]));
    assert!(openai.covers("API.openai.com:443") && !openai.covers("openai.com"));
    let budget = openai.budget("o", &[("requests", "60"), ("tokens", "9000")]).unwrap().build().unwrap();
    assert!(matches!(budget.limits()[1].kind(), Kind::SlidingWindow { quota } if quota.amount() == 9_000));
}
