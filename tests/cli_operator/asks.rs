//! The question before an order, on a real terminal.

use std::{
    io::{Read, Write},
    os::unix::process::ExitStatusExt,
    process::{Child, ExitStatus},
    thread,
    time::{Duration, Instant},
};

use pty_process::{Size, blocking::Pty};

use crate::{limiter, paceline, support::RedisServer, take};

/// Generous: it is waited for in vain only if something is broken.
const PATIENCE: Duration = Duration::from_secs(30);
const QUESTION: &str = "Go on? [y/N] ";

/// Asks to pause a budget, answers the question by these keys, and tells how that ended.
fn pause(server: &RedisServer, keys: &str) -> ExitStatus {
    let (mut pty, pts) = pty_process::blocking::open().unwrap();
    pty.resize(Size::new(24, 80)).unwrap();
    let command = pty_process::blocking::Command::new(env!("CARGO_BIN_EXE_paceline")).args(["pause", "keap"]);
    let command = command.env("PACELINE_REDIS_URL", server.url()).env("USER", "ada").env_remove("PACELINE_CONFIG");
    let mut child = command.spawn(pts).unwrap();
    until_asked(&mut pty);
    pty.write_all(keys.as_bytes()).unwrap();
    ended(&mut child)
}

fn until_asked(pty: &mut Pty) {
    let (mut shown, mut buffer) = (Vec::new(), [0; 1024]);
    while !String::from_utf8_lossy(&shown).ends_with(QUESTION) {
        let n = pty.read(&mut buffer).unwrap();
        shown.extend_from_slice(&buffer[..n]);
    }
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.starts_with("Budget keap: used by 1 process"), "it says first what it would do: {shown}");
}

fn ended(child: &mut Child) -> ExitStatus {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if start.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("it still waits for an answer");
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Whether whoever started this process had it ignore a signal, which what it starts inherits.
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    ignored.is_some_and(|ignored| ignored >> (signal - 1) & 1 == 1)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_yes_is_one() {
    let server = RedisServer::own();
    let held = take(&limiter(&server).await, 1).await;
    let control_d = "\x04";
    for keys in ["n\n", "\n", "yo\n", "\x1b\n", control_d] {
        assert_eq!(pause(&server, keys).code(), Some(1), "{keys:?}");
    }
    let (control_c, interrupted) = ("\x03", 2);
    assert!(
        !is_ignored(interrupted),
        "a job in a script's background is deaf to Ctrl-C: run the tests in the foreground"
    );
    assert_eq!(pause(&server, control_c).signal(), Some(interrupted));
    assert_eq!(paceline(&server, &["audit"]).0, "Nothing was ordered.\n");

    // The keys of the terminal's own line: what was rubbed out was not said.
    assert_eq!(pause(&server, "n\x7fy\n").code(), Some(0));
    let (trail, _, _) = paceline(&server, &["audit"]);
    assert!(trail.contains("ada@") && trail.contains("pause"), "{trail}");
    drop(held);
}
