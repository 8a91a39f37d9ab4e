//! A bad preset says at its end what is wrong with it, in lines that start with `#= `.

use std::{collections::BTreeSet, fs, path::PathBuf};

use paceline::Preset;

#[test]
fn every_bad_preset_is_told_exactly_what_is_wrong() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/presets/bad")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let want: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#= ")).collect();
        let got = Preset::parse(&text).expect_err(&path.display().to_string()).to_string();
        assert_eq!(got.lines().collect::<Vec<_>>(), want, "{}", path.display());
        seen.insert(path);
    }
    assert!(seen.len() > 20, "the bad presets are gone");
}
