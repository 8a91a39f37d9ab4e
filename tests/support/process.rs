//! A `redis-server` process that never outlives the test.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio, id},
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::resp::Client;

/// Between asking for a free port and using it someone else may take it: then another port.
const ATTEMPTS: u32 = 5;

/// A server on a busy machine answers well within this.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// Runs the server and waits for its own standard input to end, which happens however this process ends: a drop, a
/// panic, a static that is never dropped, `kill -9`. Then it kills the server by its id and removes its directory.
const KEEPER: &str = r#"
directory=$1; shift
"$@" </dev/null >"$directory/log" 2>&1 &
server=$!
echo "$server"
read -r _
kill -9 "$server"
wait "$server"
rm -r -- "$directory"
"#;

#[derive(Debug)]
pub struct Process {
    program: PathBuf,
    arguments: Vec<String>,
    /// `user:password` of who may ask it for INFO.
    login: String,
    port: u16,
    running: Option<Running>,
}

#[derive(Debug)]
struct Running {
    keeper: Child,
    server: u32,
}

impl Process {
    /// Arguments may begin with a configuration file.
    pub fn start(program: &Path, login: &str, arguments: &[&str]) -> Self {
        let arguments: Vec<_> = arguments.iter().map(ToString::to_string).collect();
        let mut why = String::new();
        for _ in 0..ATTEMPTS {
            let (program, arguments, login) = (program.into(), arguments.clone(), login.to_owned());
            let mut process = Self { program, arguments, login, port: free_port(), running: None };
            match process.launch() {
                Ok(()) => return process,
                Err(error) => why = error,
            }
        }
        panic!("redis-server {} does not start: {why}", arguments.join(" "));
    }

    pub fn url(&self) -> String {
        let at = if self.login.is_empty() { "" } else { "@" };
        format!("redis://{}{at}127.0.0.1:{}", self.login, self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn kill(&mut self) {
        self.running = None;
    }

    pub fn restart_empty(&mut self) {
        self.kill();
        self.launch().unwrap_or_else(|why| panic!("redis-server does not start again on port {}: {why}", self.port));
    }

    pub fn signal(&self, name: &str) {
        let running = self.running.as_ref().expect("the server was killed; restart_empty() starts it again");
        let done = Command::new("sh").args(["-c", r#"kill -s "$0" "$1""#, name, &running.server.to_string()]).status();
        assert!(done.is_ok_and(|status| status.success()), "cannot send SIG{name} to redis-server {}", running.server);
    }

    fn launch(&mut self) -> Result<(), String> {
        let directory = new_directory();
        let running = Running::start(&directory, &self.program, self.port, &self.arguments)
            .map_err(|error| format!("sh: {error}"))?;
        let marker = format!("process_id:{}\r", running.server);
        self.running = Some(running);

        let deadline = Instant::now() + READY_WITHIN;
        loop {
            match Client::connect(&self.url()).and_then(|mut client| client.command(&["INFO", "server"])) {
                Ok(info) if info.contains(&marker) => return Ok(()),
                Ok(_) => break,
                Err(_) if Instant::now() > deadline => break,
                Err(_) => thread::sleep(Duration::from_millis(5)),
            }
        }
        let log = fs::read_to_string(directory.join("log")).unwrap_or_default();
        self.running = None;
        Err(format!("port {} is someone else's or nobody answers there; its log: {log}", self.port))
    }
}

impl Running {
    fn start(directory: &Path, program: &Path, port: u16, arguments: &[String]) -> io::Result<Self> {
        let file = arguments.first().filter(|first| !first.starts_with("--"));
        // What a file says of the disk is part of what is tested.
        let is_said = file.is_some() || arguments.iter().any(|argument| argument == "--save");
        let no_disk: &[&str] = if is_said { &[] } else { &["--save", "", "--appendonly", "no"] };
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER, "redis-keeper"])
            .args([directory, program])
            .args(file)
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(no_disk)
            .arg("--dir")
            .arg(directory)
            .args(&arguments[file.iter().len()..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // Ctrl-C at a terminal goes to the whole group: it must end the test, not the one who clears up after it.
            .process_group(0)
            .spawn()?;
        let mut first_line = String::new();
        BufReader::new(keeper.stdout.take().expect("piped")).read_line(&mut first_line)?;
        let server = first_line.trim().parse().map_err(io::Error::other)?;
        Ok(Self { keeper, server })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        // Whoever asked for the kill may count on it from here on.
        let _ = self.keeper.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port on 127.0.0.1");
    listener.local_addr().expect("the address just bound").port()
}

fn new_directory() -> PathBuf {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let name = format!("paceline-test-redis-{}-{}", id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let directory = env::temp_dir().join(name);
    fs::create_dir(&directory).unwrap_or_else(|error| panic!("cannot make {}: {error}", directory.display()));
    directory
}
