//! The configuration file: a good one is understood, and each mistake is told with its place and its mend.

use std::{collections::BTreeSet, fs, path::PathBuf, time::Duration};

use paceline::{ArrivalWithin, Budget, Config, CountFrom, Kind, Limit, OnStoreError, Quota};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/config")
}

/// A limit of a budget, as the shortest sound file around it.
fn with_limit(limit: &str) -> String {
    format!("[budget.a]\n[[budget.a.limit]]\n{limit}")
}

#[test]
fn a_good_file_says_the_same_as_the_builder() {
    let config = Config::load(folder().join("good.toml")).unwrap();
    let names: Vec<_> = config.budgets().map(Budget::name).collect();
    assert_eq!(names, ["keap", "anthropic", "bare"], "in the order of the file");
    assert_eq!(config.redis_url().unwrap().as_str(), "rediss://worker:p%40ss@redis.example:6380/1");

    let keap = Budget::builder("keap")
        .count_from(CountFrom::Grant)
        .arrival_within(Duration::from_secs(2))
        .rtt_floor(Duration::from_millis(20))
        .on_store_error(OnStoreError::Allow)
        .strangers(true)
        .metrics_by_key(true)
        .limit(Limit::sliding_window("spike", Quota::per_second(5)))
        .limit(Limit::token_bucket("smooth", Quota::per_second(5)).burst(1))
        .limit(
            Limit::fixed_window("day", Quota::per_day(30_000))
                .zone("America/New_York")
                .offset(Duration::from_secs(3 * 3600))
                .skew(Duration::from_secs(5)),
        )
        .build()
        .unwrap();
    assert_eq!(config.budget("keap"), Some(&keap));

    let anthropic = Budget::builder("anthropic")
        .arrival_within(ArrivalWithin::Unbounded)
        .limit(Limit::token_bucket("tokens", Quota::per_minute(90_000)).unit("tokens").scope("model"))
        .limit(Limit::concurrency("open", 16).scope("endpoint"))
        .build()
        .unwrap();
    assert_eq!(config.budget("anthropic"), Some(&anthropic));
    assert_eq!(config.budget("nobody"), None);
}

/// The first thing that anyone copies.
#[test]
fn the_example_in_the_readme_is_right() {
    let readme = include_str!("../README.md");
    let (_, example) = readme.split_once("```toml\n").expect("README.md has an example");
    let (example, _) = example.split_once("```").expect("which ends");
    let config = Config::parse(example).unwrap();
    let keap = Budget::builder("keap")
        .limit(Limit::sliding_window("spike", Quota::per_second(5)))
        .limit(Limit::token_bucket("smooth", Quota::per_second(5)).burst(1))
        .limit(Limit::fixed_window("day", Quota::per_day(30_000)).zone("UTC"))
        .build()
        .unwrap();
    assert_eq!(config.budgets().collect::<Vec<_>>(), [&keap]);
    assert_eq!(config.redis_url().unwrap().as_str(), "redis://127.0.0.1:6379");
}

/// A bad file says at its end what is wrong with it, in lines that start with `#= `.
#[test]
fn every_bad_file_is_told_exactly_what_is_wrong() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder().join("bad")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let want: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("#= ")).collect();
        let got = Config::parse(&text).expect_err(&path.display().to_string()).to_string();
        assert_eq!(got.lines().collect::<Vec<_>>(), want, "{}", path.display());
        seen.insert(path);
    }
    assert!(seen.len() > 40, "the bad files are gone");
}

#[test]
fn the_builder_says_the_same_as_the_file() {
    let file = with_limit("name = 'b'\nkind = 'fixed-window'\nquota = 0\nper = '7h'\nzone = 'Asia/Tokyo'\nburst = 1");
    let file = Config::parse(&file).unwrap_err();
    let mut from_file: Vec<_> = file.mistakes().iter().map(|mistake| mistake.message()).collect();
    let seven_hours = Quota::per(1, Duration::from_secs(7 * 3600));
    let limit = Limit::fixed_window("b", seven_hours).zone("Asia/Tokyo").burst(1);
    let built = Budget::builder("a").limit(limit).build().unwrap_err().to_string();
    // A quota of nothing cannot be built in the first place.
    from_file.retain(|message| !message.contains("quota is 0"));
    from_file.sort_unstable();
    let mut from_builder: Vec<_> = built.lines().collect();
    from_builder.sort_unstable();
    assert_eq!(from_file, from_builder);
}

#[test]
fn an_empty_text_is_told_how_to_begin() {
    let error = Config::parse("").unwrap_err();
    assert_eq!(error.to_string(), "1:1: there are no budgets; write one, starting with [budget.NAME]");
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_without_a_line() {
    let error = Config::load("/nowhere/paceline.toml").unwrap_err();
    assert_eq!(error.mistakes()[0].line(), None);
    assert!(error.to_string().starts_with("/nowhere/paceline.toml: the file cannot be read: "), "{error}");
    assert!(paceline::Error::from(error).is_config());
}

#[test]
fn mistakes_of_a_loaded_file_name_it() {
    let path = folder().join("bad/quota-zero.toml");
    let error = Config::load(&path).unwrap_err();
    assert!(error.to_string().starts_with(&format!("{}:", path.display())), "{error}");
    let json = serde_json::to_value(error.mistakes()).unwrap();
    assert_eq!(json[0]["line"], 5);
    assert_eq!(json[0]["column"], 9);
}

#[test]
fn no_password_is_ever_printed() {
    let config = Config::load(folder().join("good.toml")).unwrap();
    assert!(!format!("{config:?} {}", config.redis_url().unwrap()).contains("p%40ss"));
    for text in [
        "[redis]\nurl = 'redis://:hunter2@:x'",
        "[redis]\nurl = 'redis://:hunter2@host\n",
        "[redis]\nurl = \"redis://:hunter2@host\\q\"",
        "[redis]\nurl = redis://:hunter2@host",
        "[redis]\nurl = ['redis://:hunter2@host']",
        "redis = 'redis://:hunter2@host'",
    ] {
        let error = Config::parse(text).unwrap_err();
        let printed = format!("{error} {error:?} {}", serde_json::to_string(&error).unwrap());
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}

/// Runs itself again, since a test must not change the environment of the others.
#[test]
fn the_environment_overrides_the_address() {
    const VARIABLE: &str = "PACELINE_REDIS_URL";
    let load = || Config::load(folder().join("good.toml"));
    match std::env::var(VARIABLE).as_deref() {
        Ok("nonsense") => {
            let error = load().unwrap_err().to_string();
            assert!(error.starts_with("environment variable PACELINE_REDIS_URL: url has no scheme; write "), "{error}");
        }
        Ok(url) => assert_eq!(load().unwrap().redis_url().unwrap().as_str(), url),
        Err(_) => {
            for url in ["redis://:hunter2@elsewhere", "nonsense"] {
                let mut again = std::process::Command::new(std::env::current_exe().unwrap());
                again.env(VARIABLE, url).args(["--exact", "the_environment_overrides_the_address"]);
                let output = again.output().unwrap();
                assert!(output.status.success(), "{output:?}");
            }
        }
    }
}

#[test]
fn numbers_may_be_written_in_all_the_ways_of_toml() {
    for (number, amount) in [("1_000", 1_000), ("0x10", 16), ("0b101", 5), ("0o17", 15), ("+7", 7)] {
        let text = with_limit(&format!("name = 'b'\nkind = 'concurrency'\nquota = {number}"));
        let config = Config::parse(&text).unwrap_or_else(|error| panic!("{number}: {error}"));
        assert_eq!(*config.budget("a").unwrap().limits()[0].kind(), Kind::Concurrency { max: amount });
    }
}

#[test]
fn columns_count_characters() {
    let error = Config::parse("[budget.a]\nlimit = [{ unit = 'ü', name = 'é', kind = 'x', quota = 1 }]").unwrap_err();
    let kind = error.mistakes().iter().find(|mistake| mistake.message().contains("kind")).unwrap();
    assert_eq!((kind.line(), kind.column()), (Some(2), Some(43)));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".*", setting in "[a-z_]{1,12}", value in "[-0-9a-z.'\"{}=\\[\\] ]{0,20}") {
        let _ = Config::parse(&text);
        let _ = Config::parse(&with_limit(&format!("{setting} = {value}")));
        let _ = Config::parse(&format!("[budget]\n{setting} = {value}"));
        let _ = Config::parse(&format!("[redis]\nurl = '{value}'"));
    }
}
