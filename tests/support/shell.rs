//! `paceline` as a shell runs it: with a configuration and a Redis of its own.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use paceline::{Config, Limiter, RedisStore};
use tempfile::TempDir;

use super::RedisServer;

pub struct Shell {
    pub server: RedisServer,
    folder: TempDir,
}

impl Shell {
    pub fn of(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("paceline.toml"), config).unwrap();
        let server = RedisServer::own();
        // A budget waits a second on a node that nobody has used.
        server.command(&["SET", "pl:1:node", "0123456789abcdef:1000000"]);
        Self { server, folder }
    }

    /// A file in its folder.
    pub fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("paceline.toml")
    }

    /// Another process that uses one of its budgets.
    pub async fn limiter(&self, budget: &str) -> Limiter {
        let config = Config::load(self.config()).unwrap();
        let store = RedisStore::connect_trusting(self.server.url()).await.unwrap();
        Limiter::new(store, config.budget(budget).unwrap().clone())
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command
            .args(arguments)
            .env("PACELINE_CONFIG", self.config())
            .env("PACELINE_REDIS_URL", self.server.url())
            .env("COLUMNS", "1000")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> (String, String, i32) {
        ended(self.command(arguments).spawn().unwrap())
    }
}

/// What it printed to both, and its exit code.
pub fn ended(child: Child) -> (String, String, i32) {
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr), output.status.code().unwrap())
}

/// Looks again and again; generous, since it is waited for in vain only if something is broken.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} in 20 s");
        thread::sleep(Duration::from_millis(20));
    }
}
