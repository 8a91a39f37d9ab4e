//! One permit, one request on the wire, and what becomes of the permit however the request ends.

use std::time::Duration;

use paceline::{CompleteAt, Limiter, MemoryStore, PaceMiddleware, Pacer, reqwest_client};
use tokio::{io::AsyncWriteExt, net::TcpListener, time::sleep};

use super::{
    SECOND, pacer, preset,
    server::{Server, answer, ok, slowly},
    used,
};

#[tokio::test]
async fn each_request_takes_a_unit_and_gives_it_to_the_past_when_it_was_answered() {
    let server = Server::start(|_, _| ok()).await;
    let (pacer, limiter) = pacer(50);
    let client = reqwest_client(pacer).unwrap();
    for _ in 0..3 {
        assert_eq!(client.get(&server.url).send().await.unwrap().text().await.unwrap(), "ok");
    }
    assert_eq!(used(&limiter).await, (3, 0));
    assert_eq!(server.hits().len(), 3);
}

#[tokio::test]
async fn a_redirect_comes_to_the_caller_who_has_not_paid_for_the_next_request() {
    let server = Server::start(|_, _| answer(302, &[("location", "/elsewhere")], "")).await;
    let (pacer, limiter) = pacer(50);
    let response = reqwest_client(pacer).unwrap().get(&server.url).send().await.unwrap();
    assert_eq!((response.status().as_u16(), server.hits().len()), (302, 1));
    assert_eq!(response.url().as_str(), format!("{}/", server.url), "to follow it, one must know from where");
    assert_eq!(used(&limiter).await, (1, 0));
}

#[tokio::test]
async fn what_never_went_out_is_given_back() {
    // A port that was free a moment ago, and that nobody listens on.
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let (pacer, limiter) = pacer(50);
    let failed = reqwest_client(pacer).unwrap().get(format!("http://127.0.0.1:{port}")).send().await.unwrap_err();
    assert!(failed.is_connect() && PaceMiddleware::error(&failed).is_none(), "{failed}");
    assert_eq!(used(&limiter).await, (0, 0));
}

#[tokio::test]
async fn a_connection_that_is_reset_in_the_middle_counts_as_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut socket, _) = listener.accept().await.unwrap();
            socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-le").await.unwrap();
            sleep(SECOND / 20).await;
        }
    });
    let (pacer, limiter) = pacer(50);
    reqwest_client(pacer).unwrap().get(url).send().await.unwrap_err();
    // It may have arrived, so it is held until it must have.
    assert_eq!(used(&limiter).await, (0, 1));
    sleep(SECOND * 6 / 10).await;
    assert_eq!(used(&limiter).await, (1, 0));
}

#[tokio::test]
async fn a_future_that_is_dropped_gives_its_place_up_and_what_was_sent_counts() {
    let server = Server::start(|_, _| ok()).await;
    let (pacer, limiter) = pacer(2);
    let client = reqwest_client(pacer).unwrap();
    for _ in 0..2 {
        client.get(&server.url).send().await.unwrap();
    }
    // Its turn is a second away.
    let waits = tokio::time::timeout(SECOND / 10, client.get(&server.url).send()).await;
    assert!(waits.is_err());
    assert_eq!(server.hits().len(), 2);
    sleep(SECOND * 11 / 10).await;
    assert_eq!(used(&limiter).await, (0, 0));
}

#[tokio::test]
async fn a_response_is_in_with_its_headers_or_with_its_body_as_the_preset_says() {
    let server = Server::start(|_, _| answer(200, &[], slowly(5, SECOND / 10))).await;
    for (complete, held) in [("headers", 0), ("body", 1)] {
        let preset = preset(complete, "");
        assert_eq!(preset.complete_at() == CompleteAt::Body, held == 1);
        let budget = preset.budget("slow", &[]).unwrap().arrival_within(Duration::from_secs(60)).build().unwrap();
        let limiter = Limiter::new(MemoryStore::new(), budget);
        let client = reqwest_client(Pacer::new(limiter.clone()).preset(preset)).unwrap();
        let response = client.get(&server.url).send().await.unwrap();
        assert_eq!(used(&limiter).await, (1 - held, held), "{complete}: with the headers");
        assert_eq!(response.text().await.unwrap(), "piece".repeat(5));
        assert_eq!(used(&limiter).await, (1, 0), "{complete}: with the body");
        // Whoever does not want the rest need not read it.
        drop(client.get(&server.url).send().await.unwrap());
        assert_eq!(used(&limiter).await, (2, 0), "{complete}: without the body");
    }
}
