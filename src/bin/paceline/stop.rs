//! One way to be told to stop, whoever says so: Ctrl-C, SIGTERM, the end of standard input, or the program itself.

use std::{io, sync::Arc, thread};

use tokio::sync::watch;

/// A request to stop that everyone who holds a clone sees.
#[derive(Clone)]
pub struct Stop(Arc<watch::Sender<bool>>);

impl Stop {
    /// One that only the program itself requests.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Listens for Ctrl-C and SIGTERM.
    pub fn listen() -> Self {
        let stop = Self::new();
        let listener = stop.clone();
        tokio::spawn(async move {
            interrupted().await;
            listener.request();
        });
        stop
    }

    /// Stops when standard input closes as well: it does so in any case when the process at its other end is gone.
    pub fn when_stdin_closes(&self) {
        let stop = self.clone();
        // A plain thread: the runtime would wait for a blocked read before it ends.
        thread::spawn(move || {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            stop.request();
        });
    }

    pub fn request(&self) {
        self.0.send_replace(true);
    }

    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    pub async fn requested(&self) {
        // The sender lives in `self`, so the channel cannot close under us.
        let _ = self.0.subscribe().wait_for(|&requested| requested).await;
    }
}

/// Where the signals cannot be listened to, nothing is caught and they do what they do by default.
async fn interrupted() {
    let ctrl_c = async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending().await
        }
    };
    tokio::select! {
        () = ctrl_c => {}
        () = terminated() => {}
    }
}

#[cfg(unix)]
async fn terminated() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut signal) => drop(signal.recv().await),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(not(unix))]
async fn terminated() {
    std::future::pending().await
}
