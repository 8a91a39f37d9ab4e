//! A scope that is in no URL: Slack's channels, each with a message a second.

use std::time::Duration;

use paceline::{Limiter, Preset, RedisStore};
use tokio::time::{Instant, timeout_at};

use super::{fleet::client, practice::Practice, shortened::AS_THEY_ARE, support};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_channel_has_a_second_of_its_own() {
    let practice = Practice::start("slack", AS_THEY_ARE, &["--delay", "2ms..20ms"]);
    let preset = Preset::slack();
    let budget = preset.budget(&support::unique("slack"), &[]).unwrap().build().unwrap();
    let calls = &[("POST", "slack.com", "/api/chat.postMessage")];
    let ends = Instant::now() + Duration::from_secs(6);
    let mut tasks = Vec::new();
    for channel in ["C1", "C2", "C1", "C2"] {
        let store = RedisStore::connect(support::redis_url()).await.unwrap();
        let limiter = Limiter::new(store, budget.clone()).scoped("channel", channel).unwrap();
        let client = client(limiter, preset.clone(), calls, practice.port);
        for _ in 0..3 {
            let (client, port) = (client.clone(), practice.port);
            tasks.push(tokio::spawn(async move {
                let url = format!("http://slack.com:{port}/api/chat.postMessage");
                let message = format!(r#"{{"channel": "{channel}", "text": "hello"}}"#);
                while let Ok(sent) = timeout_at(ends, client.post(&url).body(message.clone()).send()).await {
                    assert_eq!(sent.unwrap().status(), 200);
                }
            }));
        }
    }
    for task in tasks {
        task.await.unwrap();
    }
    let log = practice.stats().await;
    println!("slack: {} sent to two channels, {} rejected", log.count("sent"), log.count("rejected"));
    assert_eq!(log.count("rejected"), 0, "{log}");
    assert!(log.share("channel C1") >= 0.95 && log.share("channel C2") >= 0.95, "{log}");
}
