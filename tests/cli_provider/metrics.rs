//! What Prometheus gets from commands that run for long.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use super::{Configured, Provider, paceline};

const SOON: Duration = Duration::from_secs(10);

/// A sender without an end, and where it serves its metrics.
fn sender(provider: &Provider, configured: &Configured) -> (Child, String) {
    let mut command = paceline(&["send", "--json", &provider.url("/"), "--duration", "1h", "--metrics", "127.0.0.1:0"]);
    command.args(configured.arguments()).stdout(Stdio::null());
    let mut sender = command.stderr(Stdio::piped()).spawn().unwrap();
    let address = told(&mut sender);
    (sender, address)
}

/// Where it says that it serves its metrics.
fn told(process: &mut Child) -> String {
    let mut first_line = String::new();
    let mut said = BufReader::new(process.stderr.take().unwrap());
    said.read_line(&mut first_line).unwrap();
    // It has more to say, and somebody must be there.
    process.stderr = Some(said.into_inner());
    let address = first_line.trim().strip_prefix("metrics: http://").and_then(|url| url.strip_suffix("/metrics"));
    address.unwrap_or_else(|| panic!("it said {first_line}")).to_owned()
}

/// Asks on a connection that stays open.
fn get(address: &str, path: &str) -> (TcpStream, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    let whole = |answer: &[u8]| {
        let text = String::from_utf8_lossy(answer).into_owned();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length: usize = head.lines().find_map(|line| line.strip_prefix("content-length: "))?.parse().ok()?;
        (body.len() >= length).then_some(text)
    };
    loop {
        let read = connection.read(&mut piece).unwrap();
        answer.extend_from_slice(&piece[..read]);
        if let Some(text) = whole(&answer) {
            return (connection, text);
        }
        assert!(read > 0, "it hung up");
    }
}

#[cfg(unix)]
#[test]
fn a_sender_serves_its_metrics_until_it_ends() {
    let (provider, configured) = (Provider::start(&["--limit", "5/1s", "--delay", "0ms"]), Configured::new("metrics"));
    let (mut sender, address) = sender(&provider, &configured);
    let granted = format!("paceline_permits_total{{budget=\"{}\"}} ", configured.budget);
    let waits = format!("paceline_wait_seconds_bucket{{budget=\"{}\",le=\"+Inf\"}}", configured.budget);
    let deadline = Instant::now() + SOON;
    let (connection, text) = loop {
        let (connection, text) = get(&address, "/metrics");
        let permits = text.lines().find_map(|line| line.strip_prefix(&granted)?.parse::<u64>().ok());
        if permits.is_some_and(|permits| permits >= 5) {
            break (connection, text);
        }
        assert!(Instant::now() < deadline, "{text}");
    };
    assert!(text.starts_with("HTTP/1.1 200") && text.contains("content-type: text/plain; version=0.0.4"), "{text}");
    assert!(text.contains(&waits), "{text}");
    assert!(get(&address, "/").1.starts_with("HTTP/1.1 404"));

    // Whoever reads does not hold it up.
    assert!(Command::new("kill").args(["-TERM", &sender.id().to_string()]).status().unwrap().success());
    let asked = Instant::now();
    sender.wait().unwrap();
    assert!(asked.elapsed() < SOON, "it ended after {:?}", asked.elapsed());
    drop(connection);
}

#[cfg(unix)]
#[test]
fn what_runs_in_its_turn_is_told_as_in_flight() {
    let configured = Configured::new("metrics-exec");
    let config = configured.file.to_str().unwrap();
    let script = "echo started; read line; exit 7";
    let metrics = ["--metrics", "127.0.0.1:0"];
    let command = ["--", "sh", "-c", script];
    let mut job = paceline(&[&["exec", &configured.budget, "--config", config][..], &metrics, &command].concat());
    // Meant for others: jobs that run at the same time inherit it.
    job.env("PACELINE_METRICS", "nowhere");
    let mut job = job.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let address = told(&mut job);
    let mut heard = String::new();
    BufReader::new(job.stdout.take().unwrap()).read_line(&mut heard).unwrap();
    assert_eq!(heard, "started\n");
    let in_flight = format!("paceline_in_flight_units{{budget=\"{}\",limit=\"spike\"}} 1", configured.budget);
    let (_, text) = get(&address, "/metrics");
    assert!(text.contains(&in_flight), "{text}");
    drop(job.stdin.take());
    assert_eq!(job.wait().unwrap().code(), Some(7));
}

#[test]
fn an_address_that_is_taken_is_named_before_anything_is_sent() {
    let (provider, configured) = (Provider::start(&["--limit", "5/1s"]), Configured::new("metrics"));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut sender = paceline(&["send", &provider.url("/"), "-n", "1"]);
    sender.env("PACELINE_METRICS", &address);
    let output = sender.args(configured.arguments()).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(told.starts_with(&format!("error: metrics: cannot listen on {address}: ")), "{told}");
    assert!(told.contains("choose another address"), "{told}");
    assert_eq!(provider.stats()["sent"], 0);
}
