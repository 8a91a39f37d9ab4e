//! The trail of orders: who gave them, when, how many are kept and for how long.

use std::time::{Duration, SystemTime};

use paceline::{Order, RedisStore};

use crate::{file, json, paceline, said, support::RedisServer};

const CONFIG: &str = "[budget.keap]\nlimit = [{ name = 'spike', kind = 'sliding-window', quota = 5, per = '1s' }]";
const TRAIL: &str = "pl:1:{keap}:audit";
const DAY_MS: u64 = 86_400_000;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_millis() as u64
}

#[test]
fn an_entry_says_who_ordered_it_and_when() {
    let server = RedisServer::own();
    let (_folder, file) = file(CONFIG);
    let host = paceline::host();
    assert!(!host.is_empty());
    for (names, user) in [
        (&[("USER", "ada"), ("LOGNAME", "grace")][..], Some("ada")),
        (&[("LOGNAME", "grace")], Some("grace")),
        // As in a cron job.
        (&[], None),
    ] {
        let mut order = paceline(server.url(), &["pause", "keap", "--for", "1ms", "--why", "it rains", "--yes"]);
        order.args(["--json", "--config", &file]);
        for name in ["USER", "LOGNAME", "USERNAME"] {
            order.env_remove(name);
        }
        order.envs(names.iter().copied());
        let before = now_ms();
        let (out, err, code) = said(&mut order);
        assert_eq!(code, 0, "{err}");
        let told: serde_json::Value = serde_json::from_str(&out).unwrap();

        let entry = &json(server.url(), &["audit", "keap", "--last", "1"])[0];
        let who = entry["who"].as_str().unwrap();
        let (name, place) = who.rsplit_once('@').unwrap();
        assert!(place == host && user.map_or(name.starts_with("uid-"), |user| name == user), "{names:?}: {who}");
        assert_eq!(
            (&told["who"], &entry["order"], &entry["why"]),
            (&entry["who"], &"pause for 1ms".into(), &"it rains".into())
        );
        assert_eq!((&entry["budget"], &entry["key"]), (&"keap".into(), &serde_json::Value::Null));
        let when = entry["unix_ms"].as_u64().unwrap();
        assert!((before..=now_ms()).contains(&when), "{before} {when}");
    }
}

#[tokio::test]
async fn some_thousand_orders_are_kept_for_90_days_after_the_last() {
    let server = RedisServer::own();
    let store = RedisStore::connect_trusting(server.url()).await.unwrap();
    let order = async |number: u32| {
        let order = Order::Pause { time: Some(Duration::from_millis(1)) };
        store.order("keap", None, &order, "ada@here", &number.to_string()).await.unwrap();
    };
    for number in 1..=1200 {
        order(number).await;
    }
    // Redis drops them by the hundred.
    let kept: usize = server.command(&["XLEN", TRAIL]).parse().unwrap();
    assert!((1000..=1100).contains(&kept), "{kept}");
    let trail = json(server.url(), &["audit", "keap", "--last", "5000"]);
    let whys: Vec<_> =
        trail.as_array().unwrap().iter().map(|entry| entry["why"].as_str().unwrap().to_owned()).collect();
    let newest_first: Vec<_> = (1..=1200).rev().take(kept).map(|number: u32| number.to_string()).collect();
    assert_eq!(whys, newest_first);

    let is_kept = || {
        let left: u64 = server.command(&["PTTL", TRAIL]).parse().unwrap();
        assert!((90 * DAY_MS - 60_000..=90 * DAY_MS).contains(&left), "{left}");
    };
    is_kept();
    server.command(&["PEXPIRE", TRAIL, "60000"]);
    order(1201).await;
    is_kept();
}
