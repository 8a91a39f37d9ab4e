//! Which Redis a test talks to.
//!
//! `PACELINE_TEST_REDIS` (a URL) if set; else a `redis-server` found on PATH, started for the test and ended with it;
//! else `redis:7` in a container.

use std::{env, path::PathBuf, sync::LazyLock};

use super::{container::Container, process::Process, resp::Client};

/// Where to find Redis, for machines whose tests use one that runs already.
const GIVEN: &str = "PACELINE_TEST_REDIS";

/// The URL of the one server that the tests of this binary share. Use [`super::unique`] names on it.
pub fn redis_url() -> &'static str {
    shared_redis().url()
}

/// The server behind [`redis_url`], for a look inside.
pub fn shared_redis() -> &'static RedisServer {
    // A static is never dropped: the keeper (`process.rs`) or the container's own end clears up after it.
    static SHARED: LazyLock<RedisServer> = LazyLock::new(RedisServer::start);
    &SHARED
}

/// A Redis for tests. Dropping it ends what was started for it, also when the test panics.
#[derive(Debug)]
pub struct RedisServer {
    url: String,
    runs: Runs,
}

#[derive(Debug)]
enum Runs {
    /// Someone else's; we leave it as it is.
    Given,
    Process(Process),
    Container(#[expect(dead_code, reason = "held for its drop")] Container),
}

impl RedisServer {
    /// Any Redis will do, one that others use at the same time too.
    pub fn start() -> Self {
        if let Some(url) = given() {
            return Self { url, runs: Runs::Given };
        }
        if which::which("redis-server").is_ok() {
            return Self::own();
        }
        match Container::start() {
            Ok(container) => Self { url: container.url(), runs: Runs::Container(container) },
            Err(why) => panic!(
                "this test needs a Redis: set {GIVEN} to a URL, or install redis-server (apt-get install redis-server), \
                 or start Docker ({why})"
            ),
        }
    }

    /// A server that is this test's alone, so that it may be killed, stopped and emptied.
    pub fn own() -> Self {
        Self::own_with(&[])
    }

    /// As [`RedisServer::own`], with more arguments for `redis-server`, as in `&["--requirepass", "secret"]`.
    pub fn own_with(arguments: &[&str]) -> Self {
        let password = arguments.iter().skip_while(|word| **word != "--requirepass").nth(1);
        Self::own_as(&password.map(|password| format!(":{password}")).unwrap_or_default(), arguments)
    }

    /// As [`RedisServer::own_with`], for a server of ours whose users stand in a file: with `user:password` of who may ask
    /// for INFO.
    pub fn own_as(login: &str, arguments: &[&str]) -> Self {
        let process = Process::start(&program(), login, arguments);
        Self { url: process.url(), runs: Runs::Process(process) }
    }

    /// As `deploy/redis` sets it up; its URL is the operator's.
    pub fn deployed() -> Self {
        let file = |name: &str| format!("{}/deploy/redis/{name}", env!("CARGO_MANIFEST_DIR"));
        Self::own_as("operator:operator-demo", &[&file("redis.conf"), "--aclfile", &file("users.acl")])
    }

    /// With its password, if it asks for one.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// On 127.0.0.1, for a server of our own.
    pub fn port(&self) -> u16 {
        self.process().port()
    }

    /// Runs one command on a connection of its own and gives the reply as text, as `redis-cli --raw` does.
    ///
    /// # Panics
    /// When the server cannot be reached or answers with an error.
    pub fn command(&self, words: &[&str]) -> String {
        Client::connect(&self.url)
            .and_then(|mut client| client.command(words))
            .unwrap_or_else(|error| panic!("{words:?} on {}: {error}", self.url))
    }

    /// `kill -9`: all that it held is gone, its port refuses connections.
    pub fn kill(&mut self) {
        self.process_mut().kill();
    }

    /// `kill -9` if it runs, then the same port again without any data.
    pub fn restart_empty(&mut self) {
        self.process_mut().restart_empty();
    }

    /// Freezes it (SIGSTOP): connections stay open and nothing answers, until [`RedisServer::cont`].
    pub fn stop_process(&self) {
        self.process().signal("STOP");
    }

    /// Lets a frozen server go on (SIGCONT).
    pub fn cont(&self) {
        self.process().signal("CONT");
    }

    fn process(&self) -> &Process {
        match &self.runs {
            Runs::Process(process) => process,
            _ => panic!("{} is not this test's own server; start one with RedisServer::own()", self.url),
        }
    }

    fn process_mut(&mut self) -> &mut Process {
        match &mut self.runs {
            Runs::Process(process) => process,
            _ => panic!("{} is not this test's own server; start one with RedisServer::own()", self.url),
        }
    }
}

fn given() -> Option<String> {
    env::var(GIVEN).ok().filter(|url| !url.is_empty())
}

fn program() -> PathBuf {
    which::which("redis-server").unwrap_or_else(|_| {
        panic!(
            "this test kills or configures its server, so it needs a redis-server on PATH, whatever {GIVEN} says: \
             apt-get install redis-server"
        )
    })
}
