//! `acquire` and `exec` on budgets whose limits depend on the call: by scope, by tier, by route.

use serde_json::Value;

use crate::support::Shell;

const CONFIG: &str = "
[budget.ai]
limit = [{ name = 'model', kind = 'sliding-window', quota = 1, per = '1h', scope = 'model' },
         { name = 'open', kind = 'concurrency', quota = 5 }]
[budget.tiered]
limit = [{ name = 'hour', kind = 'sliding-window', quota = { S = 1, M = 2 }, per = '1h' },
         { name = 'open', kind = 'concurrency', quota = 5 },
         { name = 'tokens', kind = 'sliding-window', quota = 9, per = '1h', unit = 'tokens' }]
[budget.slack]
preset = 'slack'
[budget.customerio]
preset = 'customerio'
[budget.keap]
preset = 'keap'
[budget.shop]
preset = 'shopify'
";

/// Exit codes, and what is told beside the output.
fn acquire(shell: &Shell, arguments: &[&str]) -> (i32, String) {
    let (_, told, code) = shell.run(&[&["acquire"], arguments, &["--wait", "1s"]].concat());
    (code, told)
}

#[test]
fn a_value_of_a_scope_has_a_turn_of_its_own() {
    let shell = Shell::of(CONFIG);
    assert_eq!(acquire(&shell, &["ai", "--scope", "model=large"]), (0, String::new()));
    let (code, told) = acquire(&shell, &["ai", "--scope", "model=large"]);
    assert!(code == 75 && told.contains("limit model"), "{told}");
    let (out, told, code) = shell.run(&["exec", "ai", "--scope", "model=small", "--", "echo", "its turn"]);
    assert_eq!((out.as_str(), told.as_str(), code), ("its turn\n", "", 0));

    let (code, told) = acquire(&shell, &["ai"]);
    let passed_over = "note: budget ai: nothing is taken from limit model (give --scope model=VALUE)\n";
    assert_eq!((code, told.as_str()), (0, passed_over));
    let (code, told) = acquire(&shell, &["ai", "--scope", "modle=large"]);
    assert_eq!((code, told.as_str()), (1, "error: budget ai has no scope \"modle\"; its scopes are model\n"));
    let (code, told) = acquire(&shell, &["ai", "--scope", "large"]);
    assert!(code == 2 && told.contains("write it as NAME=VALUE"), "{told}");
}

#[test]
fn a_tier_has_its_quota_and_what_is_passed_over_is_told() {
    let shell = Shell::of(CONFIG);
    let passed_over = "note: budget tiered: nothing is taken from limit tokens (give --take tokens=N)\n";
    for tier in ["S", "M", "M"] {
        assert_eq!(acquire(&shell, &["tiered", "--tier", tier]), (0, passed_over.to_owned()));
    }
    let (code, told) = acquire(&shell, &["tiered", "--tier", "S"]);
    assert!(code == 75 && told.contains("limit hour"), "{told}");
    let (code, told) = acquire(&shell, &["tiered"]);
    assert!(code == 0 && told.contains("from limit hour (give --tier), limit tokens"), "{told}");
    let (code, told) = acquire(&shell, &["tiered", "--tier", "XL"]);
    assert!(code == 1 && told.contains("budget tiered has no tier \"XL\"; its tiers are S, M"), "{told}");
}

#[test]
fn what_a_call_takes_of_another_unit_is_said_by_hand() {
    let shell = Shell::of(CONFIG);
    let tokens = |n: &str| format!("tokens={n}");
    // Of 9 an hour: 4 for each of two calls.
    let of_m = ["tiered", "--tier", "M", "--take"];
    assert_eq!(acquire(&shell, &[&of_m[..], &[&tokens("4"), "--cost", "2"]].concat()), (0, String::new()));
    let (out, _, _) = shell.run(&["inspect", "tiered", "--json"]);
    let reports: Value = serde_json::from_str(&out).unwrap();
    let limits = reports[0]["limits"].as_array().unwrap();
    let used = |name: &str| limits.iter().find(|limit| limit["name"] == name).map(|limit| limit["used"].clone());
    assert_eq!((used("tokens"), used("hour@M")), (Some(8.into()), Some(2.into())));
    let (code, told) = acquire(&shell, &["tiered", "--tier", "S", "--take", &tokens("2")]);
    assert!(code == 75 && told.contains("limit tokens"), "{told}");
    // What it would wait is asked, and planned, in the same words: 2 calls an hour under limit tokens.
    let (out, _, code) = shell.run(&["why", "tiered", "--tier", "M", "--take", &tokens("4"), "--calls", "3", "--json"]);
    let answer: Value = serde_json::from_str(&out).unwrap();
    let tokens_alone = answer["limits"].as_array().unwrap().iter().find(|limit| limit["limit"] == "tokens").unwrap();
    let hours = tokens_alone["forecast"][2]["wait_ms"].as_f64().unwrap() / 3_600_000.0;
    assert!(code == 3 && (1.9..2.1).contains(&hours), "{answer:#}");
    let (out, _, _) = shell.run(&["plan", "tiered", "--tier", "M", "--take", &tokens("4"), "--calls", "5", "--json"]);
    let plan: Value = serde_json::from_str(&out).unwrap();
    assert!((1.9..2.1).contains(&(plan["paceline"]["takes_s"].as_f64().unwrap() / 3600.0)), "{plan:#}");

    for (arguments, expected) in [
        (
            &["--take", "tokens=10"][..],
            "error: budget tiered: a request that costs 10 tokens can never fit limit tokens",
        ),
        (&["--take", "tokns=1"], "error: budget tiered counts no tokns; its limits count requests, tokens\n"),
        (&["--take", "tokens=1", "--take", "tokens=2"], "error: --take tokens=... is given twice; give it one value\n"),
    ] {
        for command in ["acquire", "why"] {
            let (_, told, code) = shell.run(&[&[command, "tiered", "--tier", "M"], arguments].concat());
            assert!(code == 1 && told.starts_with(expected), "{command}: {told}");
        }
    }
    // A unit that such calls are not counted by, and one beside which a request is taken all the same.
    let rest = ["shop", "--route", "GET /admin/api/2024-01/products.json", "--take", "points=5000"];
    let (code, told) = acquire(&shell, &rest);
    let expected = "error: budget shop: --take points: no limit that concerns such calls counts it; take --take out, or say \
                    which calls\n";
    assert_eq!((code, told.as_str()), (1, expected));
    let (code, told) = acquire(&shell, &["shop", "--take", "points=50"]);
    let alike = "note: budget shop: this takes from rest, points alike; give --route, and preset shopify knows\n";
    assert_eq!((code, told.as_str()), (0, alike));
    for wrong in ["=5", "tokens", "tokens=0", "tokens=-1", "tokens=many", "tokens=1.5"] {
        let (code, told) = acquire(&shell, &["tiered", "--take", wrong]);
        assert!(code == 2 && told.contains("write it as UNIT=N, with a whole number from 1"), "{wrong}: {told}");
    }
}

#[test]
fn a_preset_knows_what_a_route_comes_to() {
    let shell = Shell::of(CONFIG);
    let post = ["slack", "--route", "post https://slack.com/api/chat.postMessage", "--scope", "channel=C042"];
    assert_eq!(acquire(&shell, &post), (0, String::new()));
    let (out, _, _) = shell.run(&["inspect", "slack", "--json"]);
    let reports: Value = serde_json::from_str(&out).unwrap();
    let limits = reports[0]["limits"].as_array().unwrap();
    let taken: Vec<_> = limits.iter().map(|limit| limit["name"].as_str().unwrap()).collect();
    assert_eq!(taken, ["channel@C042", "method@tier-4@%2Fapi%2Fchat.postMessage"]);

    for (arguments, expected) in [
        (
            &["slack", "--route", "POST /api/chat.postMessage"][..],
            "note: budget slack: nothing is taken from limit channel (give --scope channel=VALUE)\n",
        ),
        (
            &["slack"],
            "error: budget slack: nothing is taken from limit method (give --tier and --scope operation=VALUE), limit channel (give --scope channel=VALUE); or give --route, and preset slack knows\n",
        ),
        (
            &["slack", "--route", "GET https://example.com/"],
            "error: budget slack: preset slack knows no host example.com; it is for slack.com, *.slack.com\n",
        ),
        (
            &["customerio", "--route", "GET /v1/x"],
            "error: budget customerio: what /v1/x comes to depends on its host; write it whole, as in https://HOST/v1/x\n",
        ),
        (
            &["ai", "--route", "GET /"],
            "error: budget ai has no preset, which would know what --route comes to; give --scope and --tier instead\n",
        ),
    ] {
        let (code, told) = acquire(&shell, arguments);
        assert_eq!((code, told.as_str()), (i32::from(expected.starts_with("error")), expected), "{arguments:?}");
    }
    let (code, told) = acquire(&shell, &["customerio"]);
    let alike = "note: budget customerio: this takes from ingress, app, broadcast alike; give --route, and preset customerio knows\n";
    assert_eq!((code, told.as_str()), (0, alike));
    let app = ["customerio", "--route", "GET https://api.customer.io/v1/newsletters"];
    assert_eq!(acquire(&shell, &app), (0, String::new()));
    // All of its requests are alike.
    assert_eq!(acquire(&shell, &["keap"]), (0, String::new()));
    for wrong in ["GET", "/api/users.info", "GET api/users.info", "GET slack.com:443"] {
        let (code, told) = acquire(&shell, &["slack", "--route", wrong]);
        assert!(code == 2 && told.contains("write a method, then a path or an address"), "{wrong}: {told}");
    }
}
