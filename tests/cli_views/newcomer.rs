//! Somebody who has started the demo and wants to know who spends: he has what it prints, and no more.

use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{alone, json, paceline, said};

const REPLICAS: usize = 3;

/// The demo. Dropping it ends it, as a stranger would.
struct Demo(Child);

impl Drop for Demo {
    fn drop(&mut self) {
        let ended = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        assert!(ended.is_ok_and(|status| status.success()));
        self.0.wait().unwrap();
    }
}

impl Demo {
    /// With the address of its Redis, which it says how to look at, once its second act has begun.
    fn in_its_second_act() -> (Self, String) {
        let mut command = alone(&["demo", "--replicas", &REPLICAS.to_string(), "--seconds", "5"]);
        let mut demo = Self(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut lines = BufReader::new(demo.0.stdout.take().unwrap()).lines().map(Result::unwrap);
        let look = lines.find(|line| line.starts_with("To look while they send: ")).unwrap();
        let (_, url) = look.split_once("paceline list --redis ").unwrap();
        lines.find(|line| line.starts_with("Act two")).unwrap();
        (demo, url.to_owned())
    }
}

/// The parent of a process, where the system shows it.
#[cfg(target_os = "linux")]
fn parent(pid: u64) -> u32 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let parent = status.lines().find_map(|line| line.strip_prefix("PPid:")).unwrap();
    parent.trim().parse().unwrap()
}

#[test]
fn who_spends_in_the_demo_is_found_by_what_it_prints() {
    if which::which("redis-server").is_err() {
        return eprintln!("skipped: there is no redis-server on PATH");
    }
    let (demo, url) = Demo::in_its_second_act();
    let deadline = Instant::now() + Duration::from_secs(5);
    let sessions = loop {
        assert!(Instant::now() < deadline, "three processes that have sent never show");
        let list = json(&url, &["list"]);
        let Some(budget) = list[0]["budget"].as_str() else { continue };
        let report = json(&url, &["inspect", budget]);
        let sessions = report[0]["sessions"].as_array().unwrap().clone();
        if sessions.iter().filter(|session| session["calls"].as_u64() > Some(0)).count() == REPLICAS {
            let (shown, _, _) = said(&mut paceline(&url, &["inspect", budget]));
            assert!(sessions.iter().all(|session| shown.contains(&session["pid"].to_string())), "{shown}");
            break sessions;
        }
    };
    let processes: BTreeSet<u64> = sessions.iter().map(|session| session["pid"].as_u64().unwrap()).collect();
    assert_eq!(processes.len(), REPLICAS, "{sessions:?}");
    assert!(sessions.iter().all(|session| session["host"] == paceline::host()), "{sessions:?}");
    #[cfg(target_os = "linux")]
    assert!(processes.iter().all(|pid| parent(*pid) == demo.0.id()), "{sessions:?}");
    drop(demo);
}
