//! Providers that answer nonsense, too much, too slowly or not at all: no panic, no wait above the cap, a clear report.

use std::time::Duration;

use paceline::{Limiter, MemoryStore, PaceMiddleware, Pacer, Preset, reqwest_client};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

/// How a provider answers each call.
#[derive(Clone, Copy)]
enum Says {
    /// A head; the body is short.
    Head(&'static str),
    /// Bytes that are no text.
    Bytes(&'static [u8]),
    /// A head and a body.
    Full(&'static str, &'static str),
    /// A head, and so many bytes of body.
    Long(&'static str, usize),
    /// A head, byte for byte, with a pause before each.
    Slowly(&'static str, Duration),
    /// A head, a little of the body, and then nothing more.
    Stalls(&'static str),
    /// Nothing, and the connection is gone.
    Resets,
    /// Half a head, and the connection is gone.
    Breaks(&'static str),
    /// No answer at all.
    Silence,
}

use Says::{Breaks, Bytes, Full, Head, Long, Resets, Silence, Slowly, Stalls};

const MS: Duration = Duration::from_millis(1);
const HUGE: &str = "429\r\nretry-after: 99999999999999999999999999999999999999999";

const ALL: [(&str, &str, Says); 44] = [
    ("a huge wait", "klinky", Head(HUGE)),
    ("a huge wait in a float", "shopify", Head("429\r\nretry-after: 1e308")),
    ("a day that nobody believes", "stripe", Head("429\r\nretry-after: 86400")),
    ("a negative wait", "klinky", Head("429\r\nretry-after: -5")),
    ("a wait that is no number", "klinky", Head("429\r\nretry-after: NaN")),
    ("an infinite wait", "klinky", Head("429\r\nretry-after: inf")),
    ("a blank wait", "klinky", Head("429\r\nretry-after: ")),
    ("a wait in words", "klinky", Head("429\r\nretry-after: soon")),
    ("a wait in hex", "klinky", Head("429\r\nretry-after: 0x10")),
    ("a wait with a plus", "klinky", Head("429\r\nretry-after: +10")),
    ("a wait of zero, for ever", "klinky", Head("429\r\nretry-after: 0")),
    ("two waits", "klinky", Head("429\r\nretry-after: 2\r\nretry-after: 99999999")),
    ("a hundred waits in one line", "klinky", Head("429\r\nretry-after: 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18")),
    ("a wait that is not ASCII", "klinky", Bytes(b"429\r\nretry-after: \xff\xfe10\xc3\x28")),
    ("digits of another script", "klinky", Head("429\r\nretry-after: \u{0663}\u{0660}")),
    ("a date in 1970", "klinky", Head("429\r\nretry-after: Thu, 01 Jan 1970 00:00:00 GMT")),
    ("a date in 9999", "klinky", Head("429\r\nretry-after: Fri, 31 Dec 9999 23:59:59 GMT")),
    ("a date that is none", "klinky", Head("429\r\nretry-after: Fri, 99 Foo 2026 99:99:99 GMT")),
    ("a reset in 1970", "klinky", Head("429\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 0")),
    ("a reset in 9999", "klinky", Head("429\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 253402300799")),
    (
        "a reset beyond all years",
        "github",
        Head(
            "403\r\nx-ratelimit-resource: core\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 18446744073709551615",
        ),
    ),
    ("nothing left of nothing", "klinky", Head("200\r\nx-ratelimit-limit: 0\r\nx-ratelimit-remaining: 0")),
    (
        "more left than there is",
        "klinky",
        Head("200\r\nx-ratelimit-limit: 5\r\nx-ratelimit-remaining: 18446744073709551615"),
    ),
    ("negative numbers", "klinky", Head("200\r\nx-ratelimit-limit: -1\r\nx-ratelimit-remaining: -7")),
    (
        "numbers that are none",
        "keap",
        Head("200\r\nx-keap-product-throttle-limit: NaN\r\nx-keap-product-throttle-available: "),
    ),
    (
        "a pipe too many",
        "keap",
        Head("200\r\nx-keap-tenant-throttle-limit: 1|2|3\r\nx-keap-tenant-throttle-available: |||"),
    ),
    (
        "a list of nonsense",
        "klaviyo",
        Head("200\r\nratelimit-limit: ;;;w=,10;w=-1,;w=9999999999999999999\r\nratelimit-remaining: 0"),
    ),
    (
        "a list of a thousand",
        "klaviyo",
        Head(
            "200\r\nratelimit-limit: 1, 1;w=1, 2;w=60, 3;w=3, 4;w=4, 5;w=5, 6;w=6, 7;w=7, 8;w=8\r\nratelimit-remaining: x",
        ),
    ),
    ("used of quota without a quota", "shopify", Head("200\r\nx-shopify-shop-api-call-limit: 40/0")),
    (
        "a Go duration beyond all",
        "openai",
        Head("429\r\nx-ratelimit-remaining-requests: 0\r\nx-ratelimit-reset-requests: 999999999h999999999m"),
    ),
    ("a 429 without a hint", "customerio", Head("429")),
    ("a 429 without a hint, for ever", "stripe", Head("429")),
    ("a body that is no JSON", "hubspot", Full("429", "{{{{[[[[\u{0}")),
    ("a body with a huge wait", "aisoule", Full("429", r#"{"message":"Try again in 999999999999999999999 seconds."}"#)),
    ("a body with a negative wait", "aisoule", Full("429", r#"{"message":"Try again in -3 seconds."}"#)),
    ("a status that nobody knows", "klinky", Head("799\r\nretry-after: 5")),
    ("a body of 100 MB", "aisoule", Long("429", 100 << 20)),
    ("a body of 100 MB to an accepted call", "openai", Long("200", 100 << 20)),
    ("headers that take their time", "klinky", Slowly("429\r\nretry-after: 1", Duration::from_millis(20))),
    ("a body that never ends", "aisoule", Stalls("429")),
    ("a connection that is reset", "klinky", Resets),
    ("a head that breaks off", "klinky", Breaks("HTTP/1.1 200 OK\r\nx-ratelimit-rem")),
    ("something else than HTTP", "klinky", Breaks("SSH-2.0-OpenSSH_9.6\r\n")),
    ("no answer", "klinky", Silence),
];

async fn answer(mut socket: TcpStream, says: Says) -> std::io::Result<()> {
    let mut request = [0; 4096];
    if matches!(says, Resets) {
        return Ok(());
    }
    while socket.read(&mut request).await? > 0 {
        let head = |head: &str, length: usize| format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n");
        match says {
            Head(text) => socket.write_all(format!("{}no", head(text, 2)).as_bytes()).await?,
            Bytes(bytes) => {
                socket.write_all(&[b"HTTP/1.1 ", bytes, b"\r\ncontent-length: 2\r\n\r\nno"].concat()).await?;
            }
            Full(text, body) => socket.write_all(format!("{}{body}", head(text, body.len())).as_bytes()).await?,
            Long(text, length) => {
                socket.write_all(head(text, length).as_bytes()).await?;
                let piece = vec![b'x'; 1 << 20];
                for _ in 0..length >> 20 {
                    socket.write_all(&piece).await?;
                }
            }
            Slowly(text, pause) => {
                for byte in head(text, 0).bytes() {
                    sleep(pause).await;
                    socket.write_all(&[byte]).await?;
                }
            }
            Stalls(text) => {
                socket.write_all(format!("{}x", head(text, 99)).as_bytes()).await?;
                std::future::pending().await
            }
            Breaks(text) => return socket.write_all(text.as_bytes()).await,
            Silence => std::future::pending().await,
            Resets => {}
        }
    }
    Ok(())
}

/// The longest that a rule of this preset waits.
fn cap(preset: &str) -> u64 {
    let seconds = match preset {
        "stripe" | "customerio" | "openai" | "shopify" => 3600,
        "klaviyo" | "keap" => 86_400,
        _ => 62 * 60,
    };
    seconds * 1000
}

/// Calls such a provider some times, and says what is wrong with what comes of it.
async fn call(name: &str, preset: &str, says: Says) -> Result<(), String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1/x", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(answer(socket, says));
        }
    });
    let preset = Preset::named(preset).unwrap();
    let vars: &[_] = match preset.name() {
        "openai" => &[("requests", "100"), ("tokens", "100000")],
        "hubspot" => &[("zone", "UTC")],
        _ => &[],
    };
    let limiter = Limiter::new(MemoryStore::new(), preset.budget("hostile", vars).unwrap().build().unwrap());
    let pacer = Pacer::new(limiter.clone()).preset(preset.clone()).wait(300 * MS);
    let client = reqwest_client(pacer).unwrap();
    for _ in 0..3 {
        let began = Instant::now();
        match timeout(Duration::from_secs(3), client.get(&url).send()).await {
            // Whoever reads all of it gets all of it.
            Ok(Ok(response)) => drop(timeout(2 * Duration::from_secs(1), response.bytes()).await),
            Ok(Err(error)) => {
                if let Some(own) = PaceMiddleware::error(&error) {
                    let told = own.to_string();
                    if !own.is_too_late() || !told.contains("budget hostile") {
                        return Err(format!("{name}: an unclear error: {told}"));
                    }
                }
            }
            Err(_) if matches!(says, Silence | Slowly(..)) => {}
            Err(_) => return Err(format!("{name}: nothing after {:?}", began.elapsed())),
        }
    }
    timeout(Duration::from_secs(2), limiter.flush())
        .await
        .map_err(|_| format!("{name}: no flush"))
        .and_then(|done| done.map_err(|error| format!("{name}: {error}")))?;
    let report = limiter.inspect().await.unwrap().ok_or_else(|| format!("{name}: no report"))?;
    for limit in &report.limits {
        let waits = limit.cooldown_ms.unwrap_or(0);
        if waits > cap(preset.name()) {
            return Err(format!("{name}: {} waits for {waits} ms", limit.name));
        }
        let cause = limit.feedback.as_ref().map_or("", |said| said.cause.as_str());
        if waits > 0 && !(cause.starts_with("429, ") || cause.starts_with("403, ")) {
            return Err(format!("{name}: {} waits because of {cause:?}", limit.name));
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_they_answer_nobody_panics_or_waits_for_ever() {
    let calls = ALL.map(|(name, preset, says)| tokio::spawn(call(name, preset, says)));
    let mut wrong = Vec::new();
    for (call, (name, ..)) in calls.into_iter().zip(ALL) {
        match call.await {
            Ok(Ok(())) => {}
            Ok(Err(what)) => wrong.push(what),
            Err(panic) => wrong.push(format!("{name}: {panic}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
