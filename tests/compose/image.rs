//! The Dockerfile.

use std::fs;

use super::{file, services, yaml};

/// Its instructions, each with its arguments on one line.
fn instructions() -> Vec<(String, String)> {
    let text = fs::read_to_string(file("Dockerfile")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>().join("\n");
    let joined = lines.replace("\\\n", " ");
    let instructions = joined.lines().filter_map(|line| line.split_once(' '));
    instructions.map(|(verb, rest)| (verb.to_owned(), rest.split_whitespace().collect::<Vec<_>>().join(" "))).collect()
}

fn all(verb: &str) -> Vec<String> {
    instructions().into_iter().filter(|(found, _)| found == verb).map(|(_, rest)| rest).collect()
}

#[test]
fn the_image_is_built_as_anybody_would_build_it() {
    let [run] = all("RUN").try_into().unwrap();
    let script: String = run.split(' ').filter(|word| !word.starts_with("--mount=")).collect::<Vec<_>>().join(" ");
    assert_eq!(
        script,
        "CARGO_PROFILE_RELEASE_STRIP=symbols cargo build --locked --release --features cli --bin paceline && \
         cp target/release/paceline /usr/local/bin/paceline"
    );
    let manifest: toml::Table = fs::read_to_string(file("Cargo.toml")).unwrap().parse().unwrap();
    let bin = &manifest["bin"][0];
    assert_eq!((bin["name"].as_str(), bin["required-features"][0].as_str()), (Some("paceline"), Some("cli")));
    let copied: Vec<_> = all("COPY");
    assert_eq!(copied, [". .", "--from=build /usr/local/bin/paceline /usr/local/bin/paceline"]);
}

#[test]
fn it_runs_as_nobody_and_its_bases_have_a_version() {
    assert_eq!(all("USER"), ["65532:65532"]);
    assert_eq!(all("ENTRYPOINT"), [r#"["/usr/local/bin/paceline"]"#]);
    let bases = all("FROM");
    assert_eq!(bases.len(), 2);
    let debian = |base: &str| base.contains("bookworm") || base.contains("debian12");
    assert!(bases.iter().all(|base| base.contains(':') && !base.contains(":latest") && debian(base)), "{bases:?}");
    // What its services run is what it starts.
    let compose = yaml("docker-compose.yml");
    assert!(services(&compose).all(|(_, service)| service["entrypoint"].is_null()));
}

#[test]
fn all_that_the_build_reads_is_sent_to_it() {
    let ignored = fs::read_to_string(file(".dockerignore")).unwrap();
    let sent: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix("!/")).collect();
    assert!(sent.iter().all(|path| file(path).exists()), "{sent:?}");
    // The manifest names examples and benches, so cargo wants their files, too.
    for needed in ["Cargo.toml", "Cargo.lock", "src", "lua", "examples", "benches"] {
        assert!(sent.contains(&needed), "{needed}");
    }
}
