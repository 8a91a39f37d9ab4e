//! What a shell and a packager get: completions and manual pages.
#![cfg(feature = "cli")]

use std::{
    fs,
    io::Write,
    process::{Command, Stdio},
};

/// What a call that must succeed prints.
fn paceline(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_paceline")).args(arguments).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands that the help lists.
fn commands() -> Vec<String> {
    let help = paceline(&["--help"]);
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let lines = list.lines().take_while(|line| !line.is_empty());
    // Two spaces in: a command. Deeper: its description goes on.
    let commands = lines.filter_map(|line| line.strip_prefix("  ").filter(|line| !line.starts_with(' ')));
    let names = commands.map(|line| line.split(' ').next().unwrap().to_owned());
    names.filter(|name| name != "help").collect()
}

fn names(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_').any(|found| found == word)
}

#[test]
fn every_shell_completes_every_visible_command() {
    let commands = commands();
    assert!(commands.len() > 15 && commands.contains(&"watch".to_owned()), "{commands:?}");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = paceline(&["completions", shell]);
        for command in &commands {
            assert!(names(&script, command), "{shell}: {command}");
        }
        // `demo --provider` is for people.
        for hidden in ["paceline,provider)", "(provider)", "-a \"provider\"", "paceline;provider"] {
            assert!(!script.contains(hidden), "{shell}: {hidden}");
        }
        // What only the demo gives its replicas.
        for hidden in ["naive", "As a replica of the demo", "--replica ", "--replica)"] {
            assert!(script.contains("tries") && !script.contains(hidden), "{shell}: {hidden}");
        }
    }
    let help = paceline(&["completions", "--help"]);
    assert!(help.contains("~/.local/share/bash-completion/completions/paceline"), "{help}");
}

#[test]
fn a_help_fits_the_terminal() {
    for arguments in [&["--help"][..], &["send", "--help"], &["exec", "-h"], &["why", "--help"]] {
        for columns in [80, 200] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
            let output = command.args(arguments).env("COLUMNS", columns.to_string()).output().unwrap();
            let help = String::from_utf8(output.stdout).unwrap();
            // An address stays whole, and so does what cannot be set apart from the name of an option.
            let too_long =
                help.lines().find(|line| line.chars().count() > columns.min(100) && line.trim().contains(' '));
            assert_eq!(too_long, None, "{arguments:?} {columns}\n{help}");
        }
    }
}

#[test]
fn bash_can_parse_its_completions_and_completes() {
    let mut script = paceline(&["completions", "bash"]);
    let Ok(mut bash) = Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn() else {
        return eprintln!("there is no bash here");
    };
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    let output = bash.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    script += "COMP_WORDS=(paceline wa); COMP_CWORD=1; _paceline paceline wa paceline; echo \"${COMPREPLY[@]}\"";
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "watch\n", "{output:?}");
}

#[test]
fn an_archive_has_the_command_its_completions_and_its_manual() {
    let folder = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/scripts/package");
    let run = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let archive = run(Command::new(script).arg(env!("CARGO_BIN_EXE_paceline")).arg(folder.path()));
    assert!(archive.contains(concat!("/paceline-", env!("CARGO_PKG_VERSION"), "-")), "{archive}");
    let list = run(Command::new("tar").args(["-tzf", archive.trim()]));
    for file in [
        "bin/paceline",
        "completions/_paceline",
        "completions/paceline.bash",
        "completions/paceline.fish",
        "man/man1/paceline.1",
        "man/man1/paceline-cool-down.1",
        "deploy/redis/redis.conf",
        "lua/README.md",
        "LICENSE-MIT",
    ] {
        assert!(list.lines().any(|line| line.ends_with(&format!("/{file}"))), "{file}\n{list}");
    }
}

#[test]
fn the_manual_has_a_page_for_each_visible_command() {
    let page = paceline(&["man"]);
    assert!(page.starts_with(".ie") && page.contains(".TH paceline 1"), "{page}");
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(paceline(&["man", "--dir", folder.path().to_str().unwrap()]), "");
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap_or_else(|why| panic!("{name}: {why}"));
    assert_eq!(read("paceline.1").trim_end(), page.trim_end());
    for command in commands() {
        // Dashes stand for minus signs.
        assert!(page.replace('\\', "").contains(&format!("paceline-{command}(1)")), "{command}\n{page}");
        assert!(read(&format!("paceline-{command}.1")).contains(".SH SYNOPSIS"), "{command}");
    }
    assert!(read("paceline-send.1").contains("tries") && !read("paceline-send.1").contains("naive"));
    let send = read("paceline-send.1");
    let examples =
        send.split_once("\n.SH EXAMPLES\n.nf\npaceline send https://").map(|(_, rest)| rest).unwrap_or_default();
    assert!(examples.contains("\n.fi\n.SH \"EXIT STATUS\"\nExit code 0: ") && !send.contains("EXTRA"), "{send}");
    assert!(!page.contains("provider(1)") && !folder.path().join("paceline-provider.1").exists());
    let nowhere = folder.path().join("nowhere");
    let output = Command::new(env!("CARGO_BIN_EXE_paceline")).args(["man", "--dir"]).arg(&nowhere).output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: cannot write the pages into "), "{output:?}");
}
