//! Orders: they say what they will do, ask, do it, and are kept.

use std::{
    io::Read,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use paceline::Decision;

use crate::{assert_shown, limiter, paceline, support::RedisServer, take, until_waiting};

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_nobody_confirms_is_not_given() {
    let server = RedisServer::own();
    let held = take(&limiter(&server).await, 1).await;
    let mut child = Command::new(env!("CARGO_BIN_EXE_paceline"))
        .args(["pause", "keap"])
        .env("PACELINE_REDIS_URL", server.url())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let (out, _, _) = paceline(&server, &["audit"]);
    assert_eq!(out, "Nothing was ordered.\n");
    let (_, err, code) = paceline(&server, &["pause", "keap"]);
    let question = "Budget keap: used by 1 process, with 1 unit in flight and 0 callers waiting. Nobody is granted anything until `paceline resume`";
    assert!(err.starts_with(question), "it says first what it would do: {err}");
    assert!(err.ends_with("\nerror: there is no terminal to ask on; say --yes to do it all the same\n") && code == 1);
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_about_a_partition_or_all_of_them_and_never_about_none() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let tenants = ["t1", "t2"].map(|tenant| limiter.for_key(tenant).unwrap());
    let mut held = Vec::new();
    for tenant in &tenants {
        held.extend(take(tenant, 1).await);
    }
    let (out, err, code) = paceline(&server, &["pause", "keap", "--yes"]);
    assert!(
        err.contains("by 2 partitions of it, each of which is ordered by itself") && out.is_empty() && code == 1,
        "{err}"
    );
    let (out, err, code) = paceline(&server, &["pause", "kaep", "--yes"]);
    assert!(err.contains("nobody uses budget kaep in this Redis") && out.is_empty() && code == 1, "{err}");
    let (out, _, code) = paceline(&server, &["pause", "keap", "--all-keys", "--yes"]);
    assert_eq!((out.as_str(), code), ("Budget keap with 2 partitions: paused until `paceline resume`.\n", 0));
    for tenant in &tenants {
        assert!(matches!(tenant.try_acquire(1).await.unwrap(), Decision::Denied(_)));
        let refused = tenant.acquire_within(1, Duration::from_millis(50)).await.unwrap_err();
        assert!(
            refused.is_paused() && refused.to_string().ends_with("(each with the --key of the partition)"),
            "{refused}"
        );
    }
    paceline(&server, &["resume", "keap", "--key", "t1", "--yes"]);
    let (out, err, code) = paceline(&server, &["resume", "keap", "--all-keys", "--yes", "--json"]);
    let resumed: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|why| panic!("{why}: {out}{err}"));
    assert_eq!((&resumed["keys"], code), (&serde_json::json!(["t2"]), 0), "t1 is resumed already");
    let (_, err, code) = paceline(&server, &["resume", "keap", "--all-keys", "--yes"]);
    assert_eq!((err.as_str(), code), ("error: budget keap: there is none in use that this would change\n", 1));
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_keeps_an_operators_quota_and_it_shows_at_once() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let held = take(&limiter, 1).await;
    let quota = || {
        let (out, _, _) = paceline(&server, &["inspect", "keap", "--json"]);
        let shown: serde_json::Value = serde_json::from_str(&out).unwrap();
        (shown[0]["limits"][0]["quota"].as_u64(), shown[0]["limits"][0]["feedback"]["ordered"]["quota"].as_u64())
    };
    paceline(&server, &["limit", "keap", "hour", "--quota", "2", "--for", "1h", "--yes"]);
    assert_eq!(quota(), (Some(2), Some(2)), "before anybody asks again");
    let (_, _, code) = paceline(&server, &["reset", "keap", "--yes"]);
    assert_eq!((quota(), code), ((Some(2), Some(2)), 0));
    paceline(&server, &["cool-down", "keap", "--for", "30s", "--limit", "hour", "--yes"]);
    let (why, _, _) = paceline(&server, &["why", "keap"]);
    assert!(why.contains("(by hand; ") && !why.contains("(process 0)"), "{why}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_cannot_be_given_says_why_and_for_whom() {
    let server = RedisServer::own();
    let held = take(&limiter(&server).await, 1).await;
    let long = "x".repeat(201);
    for (order, error) in [
        (
            &["resume", "keap", "--key", "t1"][..],
            "budget keap, key t1: it is not paused, so there is nothing to resume",
        ),
        (&["reset", "keap", "--key", "t1"], "budget keap, key t1: nobody uses it in this Redis"),
        (&["pause", "keap", "--why", &long], "budget keap: say in 200 characters why it is ordered"),
        (&["limit", "keap", "day", "--quota", "-1", "--for", "1h"], "invalid value '-1' for '--quota <N>'"),
        (&["limit", "keap", "hour", "--end"], "limit hour: no operator's quota holds, so there is nothing to end"),
        (&["limit", "keap", "hour", "--end", "--for", "1h"], "'--end' cannot be used with '--for <TIME>'"),
        (&["limit", "keap", "hour", "--for", "1h"], "--quota <N>"),
        (&["cool-down", "keap", "--end"], "error: budget keap: nothing cools down, so there is nothing to end"),
        (&["cool-down", "keap", "--end", "--all-keys"], "there is none in use that this would change"),
        (&["cool-down", "keap", "--end", "--for", "1h"], "cannot be used with"),
        (&["cool-down", "keap"], "--for <TIME>"),
    ] {
        let (out, err, code) = paceline(&server, &[order, &["--yes"]].concat());
        assert!(err.contains(error) && out.is_empty() && code != 0, "{order:?}: {err}{out}");
    }
    assert_eq!(paceline(&server, &["audit"]).0, "Nothing was ordered.\n");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_order_says_what_it_did_and_leaves_an_entry() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    drop(take(&limiter, 2).await);
    limiter.flush().await.unwrap();
    let mut said = String::new();
    for order in [
        &["pause", "keap", "--why", "their maintenance"][..],
        &["resume", "keap"],
        &["cool-down", "keap", "--for", "30s", "--limit", "open"],
        &["cool-down", "keap", "--for", "1s", "--limit", "open"],
        &["cool-down", "keap", "--for", "1s"],
        &["cool-down", "keap", "--end"],
        &["limit", "keap", "hour", "--quota", "2", "--for", "1h"],
        &["limit", "keap", "hour", "--end"],
        &["reset", "keap", "--limit", "hour"],
    ] {
        let (out, err, code) = paceline(&server, &[order, &["--yes"]].concat());
        assert_eq!((err.as_str(), code), ("", 0), "{order:?}");
        said += &out;
        thread::sleep(Duration::from_millis(2));
    }
    assert_shown("orders", &said);
    let (trail, _, _) = paceline(&server, &["audit"]);
    assert_eq!(trail.lines().count(), 2 + 9);
    let orders = [
        "reset limit hour",
        "end quota of limit hour",
        "limit hour to 2 for 1h",
        "end cooldown",
        "cool down for 1s",
        "cool down limit open for 1s",
        "cool down limit open for 30s",
        "resume",
        "pause until resumed",
    ];
    let orders = orders.map(|order| trail.find(order).unwrap_or_else(|| panic!("{order}\n{trail}")));
    assert!(orders.is_sorted(), "the newest first\n{trail}");
    assert!(trail.contains("their maintenance"));
    let (out, _, _) = paceline(&server, &["audit", "keap", "--last", "1", "--json"]);
    let kept: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["order"]), (1, &"reset limit hour".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_says_first_what_it_will_do_and_a_cooldown_how_long_it_lasts() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let held = take(&limiter, 1).await;
    for (order, what) in [
        (&["cool-down", "keap", "--for", "1m"][..], "Nobody sends for 1m; a longer cooldown stays."),
        (&["cool-down", "keap", "--end", "--limit", "hour"], "The cooldown of limit hour ends now: one request goes"),
        (
            &["limit", "keap", "hour", "--end"],
            "The operator's quota of limit hour ends now, and the configured one holds",
        ),
    ] {
        let (_, err, code) = paceline(&server, order);
        assert!(err.contains(what) && err.ends_with("say --yes to do it all the same\n") && code == 1, "{err}");
    }
    let lasts = |time: &str| {
        let (out, _, _) = paceline(&server, &["cool-down", "keap", "--for", time, "--yes", "--json"]);
        serde_json::from_str::<serde_json::Value>(&out).unwrap()["cooldown_ms"].as_u64().unwrap()
    };
    assert!((50_000..=60_000).contains(&lasts("1m")));
    assert!((40_000..=60_000).contains(&lasts("1s")), "the longer one stays");
    let (out, _, code) = paceline(&server, &["cool-down", "keap", "--end", "--yes", "--json"]);
    let ended: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&ended["order"], &ended["budget"], code), (&"end cooldown".into(), &"keap".into(), 0));
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pause_shows_wherever_somebody_looks() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    drop(take(&limiter, 1).await);
    limiter.flush().await.unwrap();
    let (out, _, _) = paceline(&server, &["pause", "keap", "--yes", "--why", "their maintenance", "--json"]);
    let paused: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&paused["order"], &paused["why"]), (&"pause until resumed".into(), &"their maintenance".into()));
    assert!(matches!(limiter.try_acquire(1).await.unwrap(), Decision::Denied(_)));
    let (why, _, code) = paceline(&server, &["why", "keap"]);
    assert!(
        code == 3
            && why.starts_with("A call on budget keap waits: it is paused by ")
            && why.contains(" until it is resumed: their"),
        "{why}"
    );
    assert!(paceline(&server, &["inspect", "keap"]).0.contains(": their maintenance\n"));
    assert!(paceline(&server, &["list"]).0.contains("paused"));
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_that_come_during_a_pause_are_counted_until_they_go() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    drop(take(&limiter, 1).await);
    paceline(&server, &["pause", "keap", "--yes"]);
    let waits: Vec<_> = (0..3)
        .map(|_| {
            let limiter = limiter.clone();
            tokio::spawn(async move { limiter.acquire(1).await })
        })
        .collect();
    let shown = |command: &str| -> serde_json::Value {
        serde_json::from_str(&paceline(&server, &[command, "keap", "--json"]).0).unwrap()
    };
    until_waiting(&limiter, 3).await;
    assert_eq!(shown("list")[0]["waiting"], 3);
    let inspected = &shown("inspect")[0];
    assert_eq!((&inspected["waiting"], &inspected["sessions"][0]["waiting"]), (&3.into(), &3.into()));
    assert_eq!(shown("why")["ahead"][0]["waiting"], 3);
    waits[0].abort();
    waits[1].abort();
    until_waiting(&limiter, 1).await;
    let (_, asked, _) = paceline(&server, &["resume", "keap"]);
    assert!(asked.contains("and 1 caller waiting."), "{asked}");
    paceline(&server, &["resume", "keap", "--yes"]);
    for wait in waits.into_iter().skip(2) {
        wait.await.unwrap().unwrap().complete();
    }
    until_waiting(&limiter, 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_waits_for_what_is_in_flight() {
    let server = RedisServer::own();
    let limiter = limiter(&server).await;
    let held = take(&limiter, 1).await;
    let (out, err, code) = paceline(&server, &["drain", "keap", "--yes", "--timeout", "300ms"]);
    assert_eq!((out.as_str(), code), ("", 75));
    assert!(err.contains("1 unit still in flight at ") && err.contains("; it stays paused"), "{err}");
    let (out, _, code) = paceline(&server, &["drain", "keap", "--yes", "--timeout", "10ms", "--json"]);
    let drained: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&drained["drained"], &drained["budget"], code), (&false.into(), &"keap".into(), 75));
    let mut drain = Command::new(env!("CARGO_BIN_EXE_paceline"));
    let mut drain =
        drain.args(["drain", "keap", "--yes", "--redis", server.url()]).stderr(Stdio::piped()).spawn().unwrap();
    // The order leaves its entry before it waits; a signal before that ends it as any other command.
    while paceline(&server, &["audit"]).0.matches("pause until resumed").count() < 3 {}
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(Command::new("kill").args(["-INT", &drain.id().to_string()]).status().unwrap().success());
    let mut said = String::new();
    drain.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    let stays = "stopped; budget keap stays paused, and `paceline resume` ends that\n";
    assert_eq!((drain.wait().unwrap().code(), said.as_str()), (Some(130), stays));
    let waits = thread::spawn({
        let url = server.url().to_owned();
        move || {
            Command::new(env!("CARGO_BIN_EXE_paceline"))
                .args(["drain", "keap", "--yes", "--redis", &url])
                .output()
                .unwrap()
        }
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(!waits.is_finished());
    held.into_iter().for_each(|permit| permit.complete());
    limiter.flush().await.unwrap();
    let output = waits.join().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("drained; nothing is in flight"));
}
