//! House rules that a machine can check. Each failure names the rule, its reason and every place that breaks it.
//!
//! To add a module, give it a line in [`ARROWS`]; an exception is a line in a table, with its reason.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
};

/// Which modules of the library each one may use (`use crate::...`), itself aside. From the ground up: a line may only
/// name modules of the lines above it, so that there is no way round in a circle.
const ARROWS: &[(&str, &str)] = &[
    ("error", ""),
    // What applications hear of.
    ("event", "error"),
    ("trace", ""),
    // What is agreed between a session and a store.
    ("exchange", ""),
    ("report", ""),
    ("order", ""),
    // What people define: no I/O, no clock.
    ("flaw", ""),
    ("name", "error"),
    ("quota", "error exchange flaw"),
    ("calendar", "error flaw name"),
    ("cost", "error name"),
    ("limit", "error exchange flaw name quota calendar cost"),
    ("budget", "error exchange flaw name quota calendar limit cost"),
    // What of it is counted, for operators.
    ("telemetry", "limit budget"),
    ("settings", "error name quota limit budget"),
    // What a response says: no I/O, no clock.
    ("response", "error name settings"),
    ("preset", "error name quota limit cost budget settings response"),
    ("config", "error flaw name quota calendar limit cost budget settings preset"),
    // What is decided: no I/O, no clock, and no word of how a limit was written down.
    ("ledger", "error exchange report"),
    // Where it is decided.
    ("clock", ""),
    ("store", "error trace exchange report order name clock ledger"),
    // Who asks, and for whom.
    ("session", "error event exchange name limit cost budget telemetry clock response store"),
    ("permit", "error exchange cost budget clock response session"),
    ("limiter", "error event trace exchange report name limit cost budget telemetry preset clock store session permit"),
    // Between the limiter and an HTTP client.
    ("pacer", "error trace cost permit preset response limiter"),
    // Prose only.
    ("guide", ""),
];

/// Only these name the Redis driver, so that another one, or none, is a change in one place.
const DRIVER: (&[&str], &str) = (&["redis", "deadpool_redis"], "src/store/redis");

/// The ledger gets its time as an argument, or the two ledgers and the simulation could not agree.
const NOT_IN_THE_LEDGER: &[&str] = &["Instant", "SystemTime", "tokio"];

/// Files of `lua/lib` without a twin of the same name in `src/ledger`, and why.
const LUA_WITHOUT_TWIN: &[(&str, &str)] = &[
    ("concurrency.lua", "a few lines of src/ledger/limit.rs: it has no state but what is in flight"),
    ("parts.lua", "how parts are made late, to spare the calls that do without them"),
    ("parts_end.lua", "the end of parts.lua"),
    ("kinds.lua", "one function of src/ledger/limit.rs, which the kinds share"),
    ("fields.lua", "the hash in Redis, where the memory store has structs"),
    ("wait.lua", "the half of src/ledger/turn.rs that is made only for who must wait"),
    ("past.lua", "the part of src/ledger/log.rs that is made only for what is done elsewhere than at its two ends"),
    ("seldom.lua", "the part of src/ledger/limit.rs that most exchanges do without"),
    ("request.lua", "src/ledger/validate.rs, which reads nothing: its request is typed"),
];

const MAX_LINES: usize = 400;

/// Where `mod.rs` is right: a folder that cargo must not take for a test.
const MOD_RS: &[&str] = &["tests/support/mod.rs"];

#[test]
fn files_are_short_enough_to_read_at_once() {
    let long = files(&["src", "lua", "tests", "benches", "examples"])
        .into_iter()
        .filter(|file| matches!(file.extension(), "rs" | "lua" | "toml"))
        .filter(|file| file.text.lines().count() >= MAX_LINES)
        .map(|file| format!("{}: {} lines", file.path, file.text.lines().count()));
    broken("every file has fewer than 400 lines; one idea a file, so split this by its ideas", long);
}

#[test]
fn a_module_is_a_file_of_its_own_name() {
    let found = files(&["src", "tests"])
        .into_iter()
        .filter(|file| file.path.ends_with("/mod.rs") && !MOD_RS.contains(&file.path.as_str()))
        .map(|file| file.path);
    broken("foo.rs and foo/, never foo/mod.rs: ten tabs named mod.rs tell nobody anything", found);
    let gone = MOD_RS.iter().filter(|path| !root().join(path).exists()).map(ToString::to_string);
    broken("an exception that no longer exists goes out of MOD_RS", gone);
}

#[test]
fn arrows_point_one_way() {
    let mut above: Vec<&str> = Vec::new();
    let mut circles = Vec::new();
    for (module, uses) in ARROWS {
        circles.extend(
            uses.split_whitespace().filter(|used| !above.contains(used)).map(|used| format!("{module} names {used}")),
        );
        above.push(module);
    }
    broken("a line of ARROWS names only modules of the lines above it", circles);

    let homes = root_names();
    let wrong = library().into_iter().flat_map(|file| {
        let module = file.module();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else {
            return vec![format!("{}: module {module} has no line in ARROWS (tests/tidy.rs)", file.path)];
        };
        let used = names_after_crate(&file.code()).into_iter().map(|name| homes.get(&name).cloned().unwrap_or(name));
        let strays = used.filter(|used| *used != module && !allowed.split_whitespace().any(|name| name == used));
        let mut strays: Vec<_> = strays.map(|used| format!("{}: {module} uses {used}", file.path)).collect();
        strays.dedup();
        strays
    });
    broken("a module uses only what ARROWS lets it: arrows point one way, so that each part can be read alone", wrong);
}

#[test]
fn only_the_redis_store_names_the_driver() {
    let (crates, home) = DRIVER;
    let wrong = library().into_iter().chain(files(&["src/bin"])).filter(|file| !file.path.starts_with(home));
    let wrong = wrong.flat_map(|file| {
        let code = file.code();
        let named = crates.iter().filter(|name| names_crate(&code, name));
        named.map(|name| format!("{}: {name}::", file.path)).collect::<Vec<_>>()
    });
    broken("only src/store/redis* names the driver, so that another one is a change in one place", wrong);
}

#[test]
fn the_ledger_has_no_clock_and_no_io() {
    let wrong = library().into_iter().filter(|file| file.module() == "ledger").flat_map(|file| {
        let code = file.code();
        let named = NOT_IN_THE_LEDGER.iter().filter(|word| words(&code).any(|found| found == **word));
        named.map(|word| format!("{}: {word}", file.path)).collect::<Vec<_>>()
    });
    broken("the ledger is arithmetic: its time is an argument, or its two forms could not be compared", wrong);
}

#[test]
fn each_lua_file_has_its_twin() {
    let lua = files(&["lua"]);
    let scripts: Vec<_> = lua.iter().filter(|file| file.extension() == "lua").collect();
    let has_scripts = !scripts.is_empty();
    let alone = scripts.iter().filter_map(|file| file.path.strip_prefix("lua/lib/")).filter(|name| {
        let twin = format!("src/ledger/{}", name.replace(".lua", ".rs"));
        !root().join(twin).exists() && !LUA_WITHOUT_TWIN.iter().any(|(known, _)| known == name)
    });
    let alone = alone.map(|name| format!("lua/lib/{name}"));
    broken("lua/lib/x.lua has its twin in src/ledger/x.rs: who changes one finds the other by its name", alone);

    let gone = LUA_WITHOUT_TWIN.iter().filter(|(name, _)| !scripts.iter().any(|file| file.path.ends_with(name)));
    broken("an exception that no longer exists goes out of LUA_WITHOUT_TWIN", gone.map(|(name, _)| name.to_string()));

    // As long as there are no scripts at all, nobody can have a twin.
    let both = lua.into_iter().chain(library()).filter(|_| has_scripts);
    let lost = both.filter_map(|file| {
        let (_, twin) = file.text.split_once("Twin: ")?;
        let twin = twin.trim_start_matches('`').split(['`', '\n']).next()?;
        (!root().join(twin).exists()).then(|| format!("{} names {twin}", file.path))
    });
    broken("the twin that a file names is there", lost);
}

#[test]
fn each_script_opens_with_what_it_does() {
    let lua = files(&["lua"]).into_iter().filter(|file| file.extension() == "lua");
    let wrong = lua.filter(|file| !file.text.starts_with("--")).map(|file| file.path);
    broken("a Lua file opens with a comment: what it does, takes and gives", wrong);
}

#[test]
fn nothing_is_unwrapped_outside_of_tests() {
    let wrong = library().into_iter().chain(files(&["src/bin"])).filter_map(|file| {
        let count = file.code().matches(".unwrap()").count();
        (count > 0).then(|| format!("{}: {count} times", file.path))
    });
    broken("no unwrap() in src: return the error, or expect(\"why it cannot fail\")", wrong);
}

#[cfg(feature = "cli")]
#[test]
fn the_readme_lists_every_command() {
    let Ok(readme) = fs::read_to_string(root().join("README.md")) else { return };
    let help = std::process::Command::new(env!("CARGO_BIN_EXE_paceline")).arg("--help").output().unwrap().stdout;
    let help = String::from_utf8(help).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap_or_default();
    let commands = commands.lines().take_while(|line| !line.is_empty()).filter_map(|line| {
        // Two spaces in: a command. Deeper: its description goes on.
        line.strip_prefix("  ").filter(|line| !line.starts_with(' ')).and_then(|line| line.split(' ').next())
    });
    let missing = commands.filter(|command| *command != "help").filter(|command| {
        !["paceline", "cargo"].iter().any(|program| readme.contains(&format!("{program} {command}")))
    });
    broken("README.md names every command of the CLI", missing.map(|command| format!("paceline {command}")));
}

#[test]
fn this_test_reads_code_as_it_is_meant() {
    let code = "use crate::{Error, clock::Clock, ledger::{self, turn::Counter}};\nfn f() { crate::name::check() }";
    assert_eq!(names_after_crate(code), ["Error", "clock", "ledger", "name"]);
    assert!(names_crate("use redis::Client;", "redis"));
    assert!(!names_crate("pub use self::redis::RedisStore; use deadpool_redis::Pool;", "redis"));
    let file = File { path: "src/store/redis/link.rs".into(), text: "a // b\n#[cfg(test)]\nmod tests {\n c".into() };
    assert_eq!((file.module(), file.code().trim()), ("store".into(), "a"));
}

struct File {
    path: String,
    text: String,
}

impl File {
    fn extension(&self) -> &str {
        Path::new(&self.path).extension().and_then(OsStr::to_str).unwrap_or_default()
    }

    /// The module of the library that it belongs to: `store` for `src/store.rs` and all below `src/store/`.
    fn module(&self) -> String {
        let inside = self.path.trim_start_matches("src/").trim_end_matches(".rs");
        inside.split('/').next().unwrap_or_default().to_owned()
    }

    /// Its text without comments and without the tests at its end.
    fn code(&self) -> String {
        let (code, _) = self.text.split_once("#[cfg(test)]\nmod tests {").unwrap_or((&self.text, ""));
        let without_comments = code.lines().map(|line| line.split("//").next().unwrap_or_default());
        without_comments.collect::<Vec<_>>().join("\n")
    }
}

/// Fails with the rule and every place that breaks it.
#[track_caller]
fn broken(rule: &str, places: impl IntoIterator<Item = String>) {
    let places: Vec<_> = places.into_iter().collect();
    assert!(places.is_empty(), "\nthe rule: {rule}\n  {}\n", places.join("\n  "));
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All text files below some folders; one that is not there has none.
fn files(folders: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = folders.iter().map(|folder| root().join(folder)).collect();
    while let Some(path) = open.pop() {
        if let Ok(entries) = fs::read_dir(&path) {
            open.extend(entries.map(|entry| entry.unwrap().path()));
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
            found.push(File { path, text });
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// The modules of the library, without the files that hold their tests.
fn library() -> Vec<File> {
    let mut library = files(&["src"]);
    library.retain(|file| {
        let ours = file.extension() == "rs" && file.path != "src/lib.rs";
        ours && !file.path.starts_with("src/bin/") && !file.path.ends_with("/tests.rs")
    });
    library
}

/// What `src/lib.rs` re-exports, with the module it comes from: `Error` is used as `crate::Error`, and is `error`'s.
fn root_names() -> BTreeMap<String, String> {
    let text = fs::read_to_string(root().join("src/lib.rs")).unwrap();
    let mut homes = BTreeMap::new();
    for export in text.split("pub use ").skip(1) {
        let Some((path, _)) = export.split_once(';') else { continue };
        let mut path = words(path);
        let Some(module) = path.next() else { continue };
        homes.extend(path.map(|name| (name.to_owned(), module.to_owned())));
    }
    homes
}

/// The first name of every path that starts with `crate::`, also within braces.
fn names_after_crate(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let Some(group) = rest.strip_prefix('{') else {
            names.extend(words(rest).next().map(str::to_owned));
            continue;
        };
        let mut depth = 0;
        let top_level: String = group
            .chars()
            .take_while(|c| {
                depth += i32::from(*c == '{') - i32::from(*c == '}');
                depth >= 0
            })
            .collect();
        let mut depth = 0;
        for item in top_level.split(',') {
            if depth == 0 {
                names.extend(words(item).next().map(str::to_owned));
            }
            depth += item.matches('{').count();
            depth -= item.matches('}').count();
        }
    }
    names
}

/// Whether a path starts with this crate; `self::redis::` is a module of ours.
fn names_crate(code: &str, name: &str) -> bool {
    let path = format!("{name}::");
    let inside = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    code.match_indices(&path).any(|(at, _)| !code[..at].ends_with(inside))
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}
