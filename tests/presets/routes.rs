//! What requests come to: a table for each preset, and all sorts of nonsense.

use std::{collections::BTreeSet, fs, path::PathBuf};

use paceline::Preset;
use proptest::prelude::*;

fn string<'a>(case: &'a toml::Table, key: &str) -> Option<&'a str> {
    case.get(key).map(|value| value.as_str().unwrap())
}

/// `GET https://host/path?query`.
fn parts(request: &str) -> (&str, &str, &str, &str) {
    let (method, url) = request.split_once(" https://").unwrap();
    let (url, query) = url.split_once('?').unwrap_or((url, ""));
    let (host, path) = url.split_at(url.find('/').unwrap_or(url.len()));
    (method, host, path, query)
}

#[test]
fn requests_come_to_what_the_tables_say() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/presets/routes");
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let preset = Preset::named(&name).unwrap();
        let table: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        for case in table["case"].as_array().unwrap() {
            let case = case.as_table().unwrap();
            let request = string(case, "request").unwrap();
            let (method, host, path, query) = parts(request);
            let route = preset.route(method, host, path, query);
            let limits: Vec<_> =
                case["limits"].as_array().unwrap().iter().map(|limit| limit.as_str().unwrap()).collect();
            assert_eq!(route.limits(), limits, "{name}: {request}");
            assert_eq!(route.tier(), string(case, "tier"), "{name}: {request}");
            if let Some(operation) = string(case, "operation") {
                assert_eq!(route.operation(), operation, "{name}: {request}");
            }
            let cost: Vec<_> = route.cost().iter().map(|(unit, amount)| format!("{amount} {unit}")).collect();
            assert_eq!(cost.join(", "), string(case, "cost").unwrap_or("1 requests"), "{name}: {request}");
        }
        seen.insert(name);
    }
    assert!(seen.iter().eq(&Preset::names().map(str::to_owned).collect::<BTreeSet<_>>()), "{seen:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_request_makes_routing_panic(method in ".*", host in ".*", path in "(/?[%+*.a-zA-Z0-9é/-]{0,9}){0,9}|.*", query in ".*") {
        for name in Preset::names() {
            let preset = Preset::named(name).unwrap();
            let route = preset.route(&method, &host, &path, &query);
            prop_assert!(!route.limits().is_empty());
            prop_assert!(route.operation().len() < 128);
            let _ = preset.covers(&host);
        }
    }

    #[test]
    fn no_text_makes_reading_panic(text in ".*", key in "[a-z_]{1,9}", value in "[-0-9a-z.'\"{}=\\[\\], ]{0,20}") {
        let _ = Preset::parse(&text);
        let klinky = Preset::klinky();
        let _ = Preset::parse(&format!("{key} = {value}\n{}", klinky.text()));
        let _ = Preset::parse(&format!("{}\n[[route]]\n{key} = {value}", klinky.text()));
        let _ = Preset::parse(&format!("{}\n[vars.x]\n{key} = {value}", klinky.text()));
    }
}
