//! A TCP proxy between a test and its Redis, which does to the connection what networks do.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::sleep,
};

/// What becomes of bytes; requests and replies alike unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Pass,
    /// Later by so much.
    Delay(Duration),
    /// Every so many replies, the connection is cut instead: the request was done, and nobody hears of it.
    CutReplies(u64),
    /// Replies vanish, the connection stays.
    SwallowReplies,
    /// Everything vanishes, the connection stays.
    BlackHole,
}

/// Listens on a port of its own. Dropping it cuts every connection.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    mode: watch::Sender<Mode>,
    cuts: Arc<AtomicU64>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let mode = watch::Sender::new(Mode::Pass);
        let cuts = Arc::new(AtomicU64::new(0));
        let (modes, counter) = (mode.subscribe(), cuts.clone());
        let accepting = tokio::spawn(async move {
            let replies = Arc::new(AtomicU64::new(0));
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(carry(client, to, modes.clone(), replies.clone(), counter.clone()));
            }
        });
        Self { port, mode, cuts, accepting }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    pub fn set(&self, mode: Mode) {
        self.mode.send_replace(mode);
    }

    /// Replies that were cut off so far.
    pub fn cuts(&self) -> u64 {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn carry(
    mut client: TcpStream,
    to: u16,
    modes: watch::Receiver<Mode>,
    replies: Arc<AtomicU64>,
    cuts: Arc<AtomicU64>,
) -> Option<()> {
    let mut server = TcpStream::connect(("127.0.0.1", to)).await.ok()?;
    _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let there = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Some(n) = from_client.read(&mut bytes).await.ok().filter(|n| *n > 0) {
            match mode(&modes) {
                Mode::BlackHole => continue,
                Mode::Delay(by) => sleep(by).await,
                _ => {}
            }
            if to_server.write_all(&bytes[..n]).await.is_err() {
                break;
            }
        }
    };
    let back = async {
        let mut bytes = vec![0; 64 * 1024];
        while let Some(n) = from_server.read(&mut bytes).await.ok().filter(|n| *n > 0) {
            match mode(&modes) {
                Mode::BlackHole | Mode::SwallowReplies => continue,
                Mode::Delay(by) => sleep(by).await,
                Mode::CutReplies(every) if replies.fetch_add(1, Ordering::Relaxed) % every == every - 1 => {
                    cuts.fetch_add(1, Ordering::Relaxed);
                    break;
                }
                _ => {}
            }
            if to_client.write_all(&bytes[..n]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
    Some(())
}

fn mode(modes: &watch::Receiver<Mode>) -> Mode {
    *modes.borrow()
}
