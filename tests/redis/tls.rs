//! `rediss://`: who a certificate authority vouches for is believed, nobody else.

use std::{
    env, fs,
    io::Write,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output, id},
};

use paceline::{Limit, RedisStore};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

use super::budget;
use crate::support::RedisServer;

/// Tells the test below, run in a child process, which address to try.
const ADDRESS: &str = "PACELINE_TEST_TLS_ADDRESS";

/// An authority, and a server that it vouches for as `localhost`.
struct Setup {
    directory: PathBuf,
    server: RedisServer,
    port: u16,
    /// User and password of who connects.
    login: &'static str,
}

impl Setup {
    fn new(name: &str) -> Self {
        Self::until(name, 2100)
    }

    /// With a certificate that ended, or ends, with that year.
    fn until(name: &str, year: i32) -> Self {
        let (directory, port) = (vouched(name, year), free_port());
        let file = |name: &str| directory.join(name).to_str().unwrap().to_owned();
        let (tls_port, ca, cert, key) = (port.to_string(), file("ca.pem"), file("server.pem"), file("server.key"));
        let arguments = ["--tls-port", &tls_port, "--tls-cert-file", &cert, "--tls-key-file", &key];
        let more = ["--tls-ca-cert-file", &ca, "--tls-auth-clients", "no"];
        let server = RedisServer::own_with(&[&arguments[..], &more[..]].concat());
        Self { directory, server, port, login: ":s3cr3t" }
    }

    /// As `deploy/redis` sets it up, with its lines for TLS; those name another folder and another port.
    fn deployed() -> Self {
        let (directory, port) = (vouched("deployed", 2100), free_port());
        let deploy = concat!(env!("CARGO_MANIFEST_DIR"), "/deploy/redis");
        let text = fs::read_to_string(format!("{deploy}/redis.conf")).unwrap();
        let (plain, tls) = text.split_once("\n# With TLS").unwrap();
        let settings: Vec<_> = tls.lines().filter_map(|line| line.strip_prefix("#   ")).collect();
        assert_eq!(settings.len(), 6, "all that stands there: {settings:?}");
        let settings = settings.join("\n").replace("tls-port 6379", &format!("tls-port {port}"));
        let settings = settings.replace("/etc/redis/tls", directory.to_str().unwrap());
        let file = directory.join("redis.conf");
        fs::write(&file, format!("{plain}\n{settings}\n")).unwrap();
        // A test sees by a plain port whether its server is up, so here `port 0` gives way to that.
        let server = RedisServer::own_as(
            "operator:operator-demo",
            &[file.to_str().unwrap(), "--aclfile", &format!("{deploy}/users.acl")],
        );
        Self { directory, server, port, login: "paceline:paceline-demo" }
    }

    /// What the system trusts is read from the environment, so each try is a process of its own.
    fn connect(&self, host: &str, trust: Option<&str>) -> Output {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "tls::connects_where_it_is_told", "--nocapture"]);
        child.env(ADDRESS, format!("rediss://{}@{host}:{}", self.login, self.port));
        child.env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
        if let Some(file) = trust {
            child.env("SSL_CERT_FILE", self.directory.join(file));
        }
        child.output().unwrap()
    }
}

impl Drop for Setup {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.directory);
    }
}

/// A folder with an authority, and the certificate and key of a server until the end of that year.
fn vouched(name: &str, year: i32) -> PathBuf {
    let directory = env::temp_dir().join(format!("paceline-test-tls-{}-{name}", id()));
    fs::create_dir_all(&directory).unwrap();

    let authority_key = KeyPair::generate().unwrap();
    let mut authority = CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(directory.join("ca.pem"), authority.self_signed(&authority_key).unwrap().pem()).unwrap();
    let issuer = Issuer::new(authority, authority_key);

    let key = KeyPair::generate().unwrap();
    let mut server = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    server.not_after = date_time_ymd(year, 12, 31);
    fs::write(directory.join("server.pem"), server.signed_by(&key, &issuer).unwrap().pem()).unwrap();
    fs::write(directory.join("server.key"), key.serialize_pem()).unwrap();
    directory
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&[&output.stdout[..], &output.stderr[..]].concat()).into_owned()
}

/// Does nothing unless the tests below run it.
#[tokio::test]
async fn connects_where_it_is_told() {
    let Ok(url) = env::var(ADDRESS) else { return };
    let store = RedisStore::connect(&url).await.unwrap();
    let limiter = paceline::Limiter::new(store, budget("tls", Limit::concurrency("calls", 1)));
    limiter.acquire(1).await.unwrap().complete();
    limiter.flush().await.unwrap();
    println!("it works");
}

#[test]
fn a_server_with_the_right_name_and_a_known_authority_is_used() {
    let setup = Setup::new("right");
    setup.server.command(&["ACL", "SETUSER", "default", ">s3cr3t"]);
    let output = setup.connect("localhost", Some("ca.pem"));
    assert!(output.status.success() && text(&output).contains("it works"), "{}", text(&output));
}

#[test]
fn the_lines_for_tls_of_the_deployed_configuration_are_enough() {
    let setup = Setup::deployed();
    let output = setup.connect("localhost", Some("ca.pem"));
    assert!(output.status.success() && text(&output).contains("it works"), "{}", text(&output));
}

#[tokio::test]
async fn a_port_that_is_asked_in_the_wrong_scheme_is_told_so() {
    let setup = Setup::new("scheme");
    let nonsense = TcpListener::bind("127.0.0.1:0").unwrap();
    let place = nonsense.local_addr().unwrap();
    std::thread::spawn(move || {
        for socket in nonsense.incoming() {
            _ = socket.unwrap().write_all(b"-ERR Protocol error\r\n");
        }
    });
    let plain = "if this port is without TLS, write redis:// for rediss://";
    for (url, expected) in [
        (
            format!("redis://:s3cr3t@127.0.0.1:{}/", setup.port),
            "it closed the connection; see whether it runs and can be reached; if this port wants TLS, write rediss:// for redis://".to_owned(),
        ),
        (
            format!("rediss://:s3cr3t@localhost:{}/", setup.server.port()),
            format!("no connection within 2 s; see whether it runs and can be reached; {plain}"),
        ),
        (
            format!("rediss://:s3cr3t@{place}"),
            format!("it does not speak TLS; see what listens at this address; {plain}"),
        ),
    ] {
        let error = RedisStore::connect(&url).await.unwrap_err().to_string();
        assert!(error.ends_with(&expected) && !error.contains("s3cr3t"), "{url}: {error}");
    }
}

#[test]
fn who_is_not_vouched_for_is_refused_with_the_mend() {
    let (valid, expired) = (Setup::new("wrong"), Setup::until("expired", 2024));
    for (setup, host, trust, mend) in [
        (&valid, "127.0.0.1", Some("ca.pem"), "write the host as the certificate has it"),
        (&valid, "localhost", None, "let this machine trust the authority"),
        (&expired, "localhost", Some("ca.pem"), "give the server another certificate"),
    ] {
        let output = setup.connect(host, trust);
        let text = text(&output);
        assert!(!output.status.success(), "{host}, {trust:?}: {text}");
        assert!(text.contains(&format!("{host}:{}", setup.port)) && text.contains("certificate"), "{text}");
        assert!(text.contains(mend), "{mend}: {text}");
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}
