//! The way to one Redis: a connection that is checked out of the pool once and kept, our own timeouts, and what each
//! failure means.

use std::{
    borrow::Cow,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use deadpool_redis::{Connection, Manager, Pool, Runtime};
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, RedisConnectionInfo,
    RedisError, Value,
    aio::{ConnectionLike, MultiplexedConnection},
    io::tcp::{TcpSettings, socket2::TcpKeepalive},
};
use tokio::{sync::Mutex, time::timeout};

use super::scripts::Code;
use crate::Error;

/// Nobody waits longer for a connection ...
const CONNECT: Duration = Duration::from_secs(2);
/// ... or for an answer: then the connection is given up, with all that is on its way.
const ANSWER: Duration = Duration::from_secs(1);

const NO_CONNECTION: &str = "no connection within 2 s";
const NO_ANSWER: &str = "no answer within 1 s";
/// What only operators need, as Redis names what it refuses.
const OPERATES: [&str; 3] = ["'scan'", "'xadd'", "'xrevrange'"];
const RIGHTS: &str = "give the user the commands and keys that lua/README.md lists";
const REACH: &str = "see whether it runs and can be reached";

/// A connection to one Redis that mends itself.
pub(super) struct Link {
    /// Host and port, for messages.
    place: String,
    scheme: Scheme,
    /// It was heard once, so it is a Redis, and its scheme is right.
    heard: AtomicBool,
    client: Client,
    pool: Pool,
    live: Mutex<Live>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scheme {
    Plain,
    Tls,
    Unix,
}

#[derive(Default)]
struct Live {
    /// Kept checked out: checking it out again would cost a PING each time.
    connection: Option<Connection>,
    /// Which connection this is: one that failed is given up once, however many calls were on it.
    number: u64,
}

impl Link {
    /// Prepares the way; nothing is sent yet.
    pub(super) fn new(url: &str) -> Result<Self, Error> {
        Self::to(read(url)?)
    }

    /// The same without user, password and database.
    pub(super) fn nameless(url: &str) -> Result<Self, Error> {
        Self::to(read(url)?.set_redis_settings(RedisConnectionInfo::default()))
    }

    fn to(info: ConnectionInfo) -> Result<Self, Error> {
        let (place, scheme) = match info.addr() {
            ConnectionAddr::Tcp(host, port) => (format!("{host}:{port}"), Scheme::Plain),
            ConnectionAddr::TcpTls { host, port, .. } => (format!("{host}:{port}"), Scheme::Tls),
            other => (other.to_string(), Scheme::Unix),
        };
        #[cfg(feature = "tls")]
        if scheme == Scheme::Tls {
            // Without a default provider the first handshake would panic; if the application chose one, this fails.
            _ = rustls::crypto::ring::default_provider().install_default();
        }
        #[cfg(not(feature = "tls"))]
        if scheme == Scheme::Tls {
            return Err(Error::config("a rediss:// address needs TLS; build paceline with its feature tls"));
        }
        let info = info.set_tcp_settings(sockets());
        let config = AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(None);
        let unusable = |why: RedisError| {
            Error::config(format!("Redis at {place} cannot be used: {}; check its address", why.category()))
        };
        let client = Client::open(info.clone()).map_err(unusable)?;
        let manager = Manager::new_with_config(info, config).map_err(unusable)?;
        let pool = Pool::builder(manager).max_size(1).runtime(Runtime::Tokio1).build();
        let pool = pool.map_err(|why| {
            Error::config(format!("Redis at {place}: no pool could be made: {why}; please report it"))
        })?;
        Ok(Self { place, scheme, heard: AtomicBool::new(false), client, pool, live: Mutex::default() })
    }

    /// Host and port.
    pub(super) fn place(&self) -> &str {
        &self.place
    }

    /// The same, apart: a socket's path has no port.
    pub(super) fn address(&self) -> (&str, Option<u16>) {
        match self.place.rsplit_once(':').filter(|_| self.scheme != Scheme::Unix) {
            Some((host, port)) => (host, port.parse().ok()),
            None => (&self.place, None),
        }
    }

    /// Runs a script by its hash, or by its text on the same server if it is not known there.
    pub(super) async fn run(&self, code: &Code, keys: &[&str], args: &[&[u8]]) -> Result<Value, Error> {
        let command = |verb: &str, script: &str| {
            let mut command = redis::cmd(verb);
            command.arg(script).arg(keys.len()).arg(keys).arg(args);
            command
        };
        match self.call(&command("EVALSHA", &code.hash)).await {
            Err(Failure { error, .. }) if error.as_ref().is_some_and(|e| e.code() == Some("NOSCRIPT")) => {
                self.call(&command("EVAL", code.text)).await.map_err(|f| self.explain(f))
            }
            answer => answer.map_err(|f| self.explain(f)),
        }
    }

    /// Sends one command.
    pub(super) async fn command(&self, command: &Cmd) -> Result<Value, Error> {
        self.call(command).await.map_err(|f| self.explain(f))
    }

    /// Whether the user may run a command, whatever else comes of it.
    pub(super) async fn allows(&self, command: &Cmd) -> Result<bool, Error> {
        let Err(failure) = self.call(command).await else { return Ok(true) };
        let Some(error) = &failure.error else { return Err(self.explain(failure)) };
        match code(error) {
            None | Some("NOAUTH" | "WRONGPASS") => Err(self.explain(failure)),
            // One that was renamed or switched off.
            Some("ERR") if error.detail().is_some_and(|why| why.starts_with("unknown command")) => Ok(false),
            Some(code) => Ok(code != "NOPERM"),
        }
    }

    async fn call(&self, command: &Cmd) -> Result<Value, Failure> {
        let (mut connection, number) = self.connection().await?;
        let failure = match timeout(ANSWER, connection.req_packed_command(command)).await {
            Ok(Ok(value)) => {
                self.heard.store(true, Ordering::Relaxed);
                return value.extract_error().map_err(Failure::from);
            }
            Ok(Err(error)) if !error.is_unrecoverable_error() && code(&error) != Some("READONLY") => {
                return Err(error.into());
            }
            Ok(Err(error)) => error.into(),
            Err(_) => Failure { error: None, what: NO_ANSWER },
        };
        // What was sent may still be done: the next exchange repeats its number, and is told what came of it.
        self.give_up(number).await;
        Err(failure)
    }

    async fn connection(&self) -> Result<(MultiplexedConnection, u64), Failure> {
        let mut live = self.live.lock().await;
        if let Some(connection) = &live.connection {
            return Ok((MultiplexedConnection::clone(connection), live.number));
        }
        let connection = match timeout(CONNECT, self.pool.get()).await {
            Ok(Ok(connection)) => connection,
            Ok(Err(deadpool_redis::PoolError::Backend(error))) => return Err(error.into()),
            Ok(Err(_)) => return Err(Failure { error: None, what: "the pool is closed" }),
            Err(_) => return Err(Failure { error: None, what: NO_CONNECTION }),
        };
        live.number += 1;
        let copy = MultiplexedConnection::clone(&connection);
        live.connection = Some(connection);
        Ok((copy, live.number))
    }

    async fn give_up(&self, number: u64) {
        let mut live = self.live.lock().await;
        if live.number == number
            && let Some(connection) = live.connection.take()
        {
            drop(Connection::take(connection));
        }
    }

    /// Listens on a channel.
    pub(super) async fn subscribe(&self, channel: &str) -> Result<redis::aio::PubSub, Error> {
        let listener = async {
            let mut listener = self.client.get_async_pubsub().await?;
            listener.subscribe(channel).await?;
            Ok::<_, RedisError>(listener)
        };
        match timeout(CONNECT, listener).await {
            Ok(listener) => listener.map_err(|error| self.explain(error.into())),
            Err(_) => Err(self.explain(Failure { error: None, what: NO_CONNECTION })),
        }
    }

    /// What a failure means, and what to do about it.
    fn explain(&self, failure: Failure) -> Error {
        let what = format!("Redis at {}", self.place);
        let Some(error) = failure.error else {
            return Error::store_transient(what, failure.what, self.reach(Scheme::Tls));
        };
        let why = told(&error);
        match code(&error) {
            Some("WRONGPASS" | "NOAUTH") => Error::store_fatal(what, why, "check user and password in its address"),
            Some("NOPERM") if OPERATES.iter().any(|command| why.contains(command)) => {
                Error::not_permitted(what, why, "this needs an operator's login, such as deploy/redis/users.acl has")
            }
            Some("NOPERM") => Error::not_permitted(what, why, RIGHTS),
            _ if why.contains("The user executing the script can't") => Error::not_permitted(what, why, RIGHTS),
            Some("OOM") => {
                Error::store_transient(what, why, "give it more memory; paceline needs maxmemory-policy noeviction")
            }
            Some("MISCONF") => Error::store_transient(what, why, "see why it cannot write to its disk"),
            Some("NOREPLICAS") => Error::store_transient(what, why, "bring its replicas back"),
            Some("READONLY") => Error::store_transient(what, why, "it is a replica; point the address at the primary"),
            Some("LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN") => {
                Error::store_transient(what, why, "wait until it is done")
            }
            _ if matches!(error.kind(), redis::ErrorKind::AuthenticationFailed) => {
                Error::store_fatal(what, why, "check user and password in its address")
            }
            // To the driver these are failures of input and output, like any other.
            _ if why.contains("certificate not valid for name") => Error::store_fatal(
                what,
                why,
                "write the host as the certificate has it, or give the server one for this host",
            ),
            _ if why.contains("invalid peer certificate: UnknownIssuer") => Error::store_fatal(
                what,
                why,
                "let this machine trust the authority that signed it, as by SSL_CERT_FILE=/path/to/ca.pem",
            ),
            _ if why.contains("invalid peer certificate") => {
                Error::store_fatal(what, why, "give the server another certificate")
            }
            // The driver's limit of time for a connection is ours.
            _ if error.is_timeout() => Error::store_transient(what, NO_CONNECTION, self.reach(Scheme::Tls)),
            _ if error.is_connection_refusal() => Error::store_transient(what, why, REACH),
            _ if error.is_connection_dropped() => {
                Error::store_transient(what, "it closed the connection", self.reach(self.scheme))
            }
            _ if why.contains("received corrupt message") => {
                Error::store_fatal(what, "it does not speak TLS", self.listens())
            }
            _ if error.is_io_error() => Error::store_transient(what, why, REACH),
            _ if matches!(error.kind(), redis::ErrorKind::Parse | redis::ErrorKind::UnexpectedReturnType) => {
                Error::store_fatal(what, "it does not speak Redis", self.listens())
            }
            _ => Error::store_fatal(what, why, "see its log"),
        }
    }

    /// What to do about a server that is silent; where it was never heard, the other scheme may be the right one. A server
    /// with TLS that is asked without is never silent: it hangs up.
    fn reach(&self, may_be_wrong: Scheme) -> Cow<'static, str> {
        match self.other_scheme().filter(|_| self.scheme == may_be_wrong) {
            Some(other) => format!("{REACH}; {other}").into(),
            None => REACH.into(),
        }
    }

    /// What to do about one that is no Redis.
    fn listens(&self) -> String {
        let other = self.other_scheme().map(|other| format!("; {other}")).unwrap_or_default();
        format!("see what listens at this address{other}")
    }

    fn other_scheme(&self) -> Option<&'static str> {
        match self.scheme {
            _ if self.heard.load(Ordering::Relaxed) => None,
            Scheme::Plain => Some("if this port wants TLS, write rediss:// for redis://"),
            Scheme::Tls => Some("if this port is without TLS, write redis:// for rediss://"),
            Scheme::Unix => None,
        }
    }

    /// An answer that is not what the script promises.
    pub(super) fn nonsense(&self, why: &str) -> Error {
        Error::store_fatal(
            format!("Redis at {}", self.place),
            why,
            "see whether it is a Redis, and whether its scripts are ours",
        )
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Link({})", self.place)
    }
}

struct Failure {
    error: Option<RedisError>,
    what: &'static str,
}

impl From<RedisError> for Failure {
    fn from(error: RedisError) -> Self {
        Self { error: Some(error), what: "" }
    }
}

fn read(url: &str) -> Result<ConnectionInfo, Error> {
    let how = "write redis://user:password@host:port/database, or rediss:// for TLS";
    url.into_connection_info().map_err(|_| Error::config(format!("the Redis address cannot be read; {how}")))
}

/// The code of what a server says. Redis 6.2 wraps what stopped a script: `Error running script (call to f_HASH):
/// @user_script:1: -OOM command not allowed ...`.
fn code(error: &RedisError) -> Option<&str> {
    match error.detail().and_then(unwrapped) {
        Some(inner) => inner.split(' ').next(),
        None => error.code(),
    }
}

fn unwrapped(detail: &str) -> Option<&str> {
    detail.strip_prefix("Error running script")?.split_once(": -").map(|(_, inner)| inner)
}

/// What a server says, without which script it was and where it stopped in it: `... script: HASH, on @user_script:1.`
fn told(error: &RedisError) -> String {
    let Some(detail) = error.detail() else { return error.to_string() };
    let told = match unwrapped(detail) {
        Some(inner) => inner.to_owned(),
        None => {
            let detail = detail.split_once(" script: ").map_or(detail, |(told, _)| told);
            format!("{} {detail}", error.code().unwrap_or_default())
        }
    };
    told.trim().trim_end_matches('.').to_owned()
}

/// No delay, a watch on silent peers, and a reset instead of unsent bytes when a connection is given up: a call that
/// nobody waits for should not be done later.
fn sockets() -> TcpSettings {
    let keepalive =
        TcpKeepalive::new().with_time(Duration::from_secs(10)).with_interval(Duration::from_secs(3)).with_retries(3);
    let settings = TcpSettings::default().set_nodelay(true).set_keepalive(keepalive).set_linger_time(Duration::ZERO);
    #[cfg(target_os = "linux")]
    let settings = settings.set_user_timeout(Duration::from_secs(2));
    settings
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the driver makes of an answer.
    fn error(answer: &str) -> RedisError {
        redis::parse_redis_value(format!("-{answer}\r\n").as_bytes()).and_then(Value::extract_error).unwrap_err()
    }

    #[test]
    fn what_stops_a_script_is_told_without_the_script() {
        let hash = "2783038e4403fe2fabc1e29cf66dc34ce6738d9b";
        let (full, replica) = ("OOM command not allowed when used memory > 'maxmemory'", "READONLY You can't write");
        for (answer, known, expected) in [
            (format!("{full}. script: {hash}, on @user_script:13."), "OOM", full),
            (format!("{replica}. script: {hash}, on @user_script:13."), "READONLY", replica),
            // Redis 6.2.
            (
                format!("ERR Error running script (call to f_{hash}): @user_script:13: @user_script: 13: -{replica}."),
                "READONLY",
                replica,
            ),
            (
                format!("ERR user_script:1: it is broken script: {hash}, on @user_script:1."),
                "ERR",
                "ERR user_script:1: it is broken",
            ),
            ("NOAUTH Authentication required.".to_owned(), "NOAUTH", "NOAUTH Authentication required"),
        ] {
            let error = error(&answer);
            assert_eq!((code(&error), told(&error).as_str()), (Some(known), expected), "{answer}");
        }
    }
}
