//! Several processes with several callers each: limiters of their own on one Redis, and the pacer's own client.

use std::time::Duration;

use paceline::{Limiter, PaceMiddleware, Pacer, Preset, RedisStore, one_for_one};
use reqwest_middleware::ClientWithMiddleware;
use tokio::time::{Instant, timeout_at};

use super::{
    practice::{Log, Practice},
    shortened::{Short, preset},
    support,
};

/// What all processes send, as fast as they may, for a while.
#[derive(Clone)]
pub struct Play {
    pub name: &'static str,
    pub vars: &'static [(&'static str, &'static str)],
    pub short: Short,
    /// Method, host and path; each caller sends one of them.
    pub calls: &'static [(&'static str, &'static str, &'static str)],
    /// More arguments for the provider.
    pub provider: &'static [&'static str],
    pub processes: usize,
    pub callers: usize,
    pub lasts: Duration,
}

impl Play {
    pub fn new(name: &'static str, short: Short, calls: &'static [(&'static str, &'static str, &'static str)]) -> Self {
        let lasts = Duration::from_millis(7500);
        Self { name, vars: &[], short, calls, provider: &["--delay", "2ms..20ms"], processes: 3, callers: 6, lasts }
    }

    pub async fn run(&self) -> Log {
        let practice = Practice::start(self.name, self.short, self.provider);
        let preset = preset(self.name, self.short);
        let budget = preset.budget(&support::unique(self.name), self.vars).unwrap().build().unwrap();
        let ends = Instant::now() + self.lasts;
        let mut tasks = Vec::new();
        for _ in 0..self.processes {
            let store = RedisStore::connect(support::redis_url()).await.unwrap();
            let client = client(Limiter::new(store, budget.clone()), preset.clone(), self.calls, practice.port);
            for caller in 0..self.callers {
                let (client, port) = (client.clone(), practice.port);
                let (method, host, path) = self.calls[caller % self.calls.len()];
                let (method, url) = (reqwest::Method::try_from(method).unwrap(), format!("http://{host}:{port}{path}"));
                tasks.push(tokio::spawn(async move {
                    loop {
                        let request = client.request(method.clone(), &url);
                        match timeout_at(ends, request.send()).await {
                            Ok(Ok(response)) => drop(timeout_at(ends, response.bytes()).await),
                            // A wait that a provider asked for may be longer than the play.
                            Ok(Err(error)) => panic!("{method} {path}: {error:?}"),
                            Err(_) => return,
                        }
                    }
                }));
            }
        }
        for task in tasks {
            task.await.unwrap();
        }
        // What was on its way arrives.
        tokio::time::sleep(Duration::from_millis(100)).await;
        practice.stats().await
    }
}

/// The pacer's client, for whom the hosts are on loopback.
pub fn client(limiter: Limiter, preset: Preset, calls: &[(&str, &str, &str)], port: u16) -> ClientWithMiddleware {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = one_for_one(reqwest::Client::builder()).no_proxy().tcp_nodelay(true);
    for (_, host, _) in calls {
        builder = builder.resolve(host, ([127, 0, 0, 1], port).into());
    }
    let pacer = Pacer::new(limiter).preset(preset);
    reqwest_middleware::ClientBuilder::new(builder.build().unwrap()).with(PaceMiddleware::new(pacer)).build()
}
