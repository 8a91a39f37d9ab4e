//! Which store the demo runs on: a Redis that was given, a private one, or the memory of this process.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use paceline::RedisStore;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    process::{Child, ChildStdin, Command},
    time::{Instant, sleep, timeout},
};

use crate::Failure;

/// How long a private Redis may take to answer its first PING, and to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs Redis until standard input closes, which it does however we end. Redis itself does not watch it.
const UNTIL_STDIN_CLOSES: &str = r#""$@" </dev/null & redis=$!; read -r _; kill "$redis"; wait "$redis""#;

/// The store of the demo.
pub enum Backend {
    Given { url: String, from: &'static str },
    Private(Box<PrivateRedis>),
    Memory,
}

impl Backend {
    /// The first of: the address given, `PACELINE_REDIS_URL`, a private server, the memory of this process.
    pub async fn choose(given: Option<&str>) -> Result<Self, Failure> {
        let from_env = std::env::var("PACELINE_REDIS_URL").ok().filter(|url| !url.is_empty());
        let given = match (given, from_env) {
            (Some(url), _) => Some((url.to_owned(), "--redis")),
            (None, Some(url)) => Some((url, "PACELINE_REDIS_URL")),
            (None, None) => None,
        };
        if let Some((url, from)) = given {
            // Said now, in one sentence, rather than by each replica.
            RedisStore::connect(&url).await?;
            return Ok(Self::Given { url, from });
        }
        match (which::which("redis-server"), which::which("sh")) {
            (Ok(server), Ok(shell)) => Ok(Self::Private(Box::new(PrivateRedis::start(&server, &shell).await?))),
            _ => Ok(Self::Memory),
        }
    }

    /// The address for the replicas; none means that they cannot be processes.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Given { url, .. } => Some(url),
            Self::Private(redis) => Some(&redis.url),
            Self::Memory => None,
        }
    }

    pub async fn end(self) {
        if let Self::Private(redis) = self {
            redis.end().await;
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // The address may hold a password.
            Self::Given { from, .. } => write!(
                f,
                "Store: the Redis that {from} gives.\nEach replica is a process of its own.\n\
                 To look while they send: {} list, with the same {from}",
                program()
            ),
            Self::Private(redis) => write!(
                f,
                "Store: a private redis-server for this demo only.\nEach replica is a process of its own.\n\
                 To look while they send: {} list --redis {}",
                program(),
                redis.url
            ),
            Self::Memory => f.write_str(
                "Store: the memory of this process, and the replicas are tasks in it,\n\
                 as no Redis was given and there is no redis-server on PATH.\n\
                 The same rules decide. Install redis-server to see real processes.",
            ),
        }
    }
}

/// What a person types for this program, who may be in a clone and have installed nothing.
fn program() -> &'static str {
    if std::env::var_os("CARGO").is_some() { "cargo paceline" } else { "paceline" }
}

/// A Redis on loopback that keeps nothing on disk. It ends when this value is dropped, and when we are killed.
pub struct PrivateRedis {
    url: String,
    shell: Child,
    /// The shell ends Redis when this closes.
    lifeline: Option<ChildStdin>,
}

impl PrivateRedis {
    async fn start(server: &Path, shell: &Path) -> Result<Self, Failure> {
        let failed = |why: std::io::Error| format!("cannot start a private redis-server: {why}; give --redis URL");
        let port = free_port().map_err(failed)?;
        let mut command = Command::new(shell);
        command
            .args(["-c", UNTIL_STDIN_CLOSES, "sh"])
            .arg(server)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args([PathBuf::from("--dir"), std::env::temp_dir()])
            // What somebody else left there under the usual name is not ours to load.
            .args(["--dbfilename", &format!("paceline-demo-{}.rdb", std::process::id())])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // Ctrl-C in a terminal goes to the whole process group: the replicas still need Redis to say goodbye.
        #[cfg(unix)]
        command.process_group(0);
        let mut shell = command.spawn().map_err(failed)?;
        let lifeline = shell.stdin.take();
        let redis = Self { url: format!("redis://127.0.0.1:{port}"), shell, lifeline };
        if answers_ping((Ipv4Addr::LOCALHOST, port).into()).await {
            Ok(redis)
        } else {
            Err("the private redis-server did not answer within 5 s; start a Redis and give --redis URL".into())
        }
    }

    async fn end(mut self) {
        drop(self.lifeline.take());
        let _ = timeout(PATIENCE, self.shell.wait()).await;
    }
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

async fn answers_ping(address: SocketAddr) -> bool {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        if let Ok(Ok(true)) = timeout(Duration::from_millis(500), ping(address)).await {
            return true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}

async fn ping(address: SocketAddr) -> std::io::Result<bool> {
    let mut connection = TcpStream::connect(address).await?;
    connection.write_all(b"PING\r\n").await?;
    let mut answer = [0; 7];
    connection.read_exact(&mut answer).await?;
    Ok(&answer == b"+PONG\r\n")
}
