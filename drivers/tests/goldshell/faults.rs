//! Servers that misbehave: every fault ends in an error that says what happened, in bounded time and memory.

use std::time::{Duration, Instant};

use bytes::Bytes;
use thermine_drivers::goldshell::reply::devs;
use thermine_drivers::goldshell::{Failure, HttpError, Limits};
use tokio::time::timeout;

use crate::patience::LIMIT;
use crate::support::{Act, client, client_with, quick, reply, server};

/// One attempt, and little to read.
fn once() -> Limits {
    Limits {
        bytes: 10_000,
        retries: 0,
        ..quick()
    }
}

/// The same with a time-out that a test can wait for.
fn tight() -> Limits {
    Limits {
        total: Duration::from_millis(200),
        ..once()
    }
}

async fn fetch(acts: Vec<Act>, limits: Limits) -> Result<Bytes, HttpError> {
    let (addr, _) = server(acts).await;
    let client = client_with(addr, "x", limits);
    let outcome = timeout(LIMIT, client.get("/mcb/status", &[])).await;
    outcome.expect("no hang")
}

async fn failure(act: Act) -> Failure {
    fetch(vec![act], once()).await.expect_err("a fault").failure
}

#[tokio::test]
async fn what_takes_too_long_is_given_up() {
    let pause = Duration::from_millis(50);
    let slow = reply(200, "{}");
    let Act::Send(slow) = slow else {
        unreachable!()
    };
    for act in [
        Act::Hang(Vec::new()),
        Act::Hang(b"HTTP/1.1 200 OK\r\n".to_vec()),
        Act::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec()),
        Act::Drip(slow, pause),
    ] {
        let error = fetch(vec![act], tight()).await.expect_err("too slow");
        assert_eq!(error.failure, Failure::TimedOut(tight().total));
    }
}

#[tokio::test]
async fn what_is_too_long_is_not_kept() {
    let chunk = b"2000\r\n"
        .iter()
        .copied()
        .chain([b'x'; 0x2000])
        .chain(*b"\r\n");
    let chunk: Vec<u8> = chunk.collect();
    let endless = [
        Act::Flood(b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; 4096]),
        Act::Flood(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec(),
            chunk,
        ),
        reply(200, &"x".repeat(10_001)),
    ];
    for act in endless {
        assert_eq!(failure(act).await, Failure::TooLarge { limit: 10_000 });
    }
    let most = fetch(vec![reply(200, &"x".repeat(10_000))], once()).await;
    assert_eq!(most.expect("within bounds").len(), 10_000);
    // Headers without end are cut off by the parser or by the clock.
    let headers = Act::Flood(b"HTTP/1.1 200 OK\r\n".to_vec(), b"X-More: x\r\n".to_vec());
    assert!(matches!(
        failure(headers).await,
        Failure::Broken(_) | Failure::TimedOut(_)
    ));
}

#[tokio::test]
async fn what_breaks_off_or_is_no_http_is_broken() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"{\"STATUS\":[]}\0",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 999999 ?\r\n\r\n",
    ] {
        let failure = failure(Act::Send(bytes.to_vec())).await;
        assert!(matches!(failure, Failure::Broken(_)), "{failure}");
    }
}

#[tokio::test]
async fn statuses_have_their_meaning() {
    for status in [301, 302, 307] {
        let location =
            b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
        let text = String::from_utf8_lossy(location).replace("302", &status.to_string());
        let failure = failure(Act::Send(text.into_bytes())).await;
        assert_eq!(failure, Failure::Redirected(status));
    }
    for status in [400, 403, 404, 500, 502] {
        assert_eq!(failure(reply(status, "{}")).await, Failure::Status(status));
    }
}

#[tokio::test]
async fn reads_are_tried_again_and_writes_are_not() {
    let acts = || vec![Act::Send(Vec::new()), reply(503, ""), reply(200, "{}")];
    fetch(acts(), quick()).await.expect("at the third attempt");
    let (addr, requests) = server(acts()).await;
    let error = client(addr)
        .put("/mcb/setting", b"{}".to_vec())
        .await
        .expect_err("once only");
    assert!(matches!(error.failure, Failure::Broken(_)), "{error}");
    assert_eq!(error.method, "PUT");
    assert_eq!(requests.paths(), ["PUT /mcb/setting"]);
    // Nor is what asking again does not heal.
    let (addr, requests) = server(vec![reply(500, "")]).await;
    let error = client(addr).get("/mcb/status", &[]).await;
    error.expect_err("a failure");
    assert_eq!(requests.paths().len(), 1);
}

#[tokio::test]
async fn garbage_is_unreadable_and_not_quoted() {
    let (addr, _) = server(vec![reply(200, "{\"data\":[{hunter2")]).await;
    let error = client(addr)
        .read("/mcb/cgminer", &[], devs)
        .await
        .expect_err("garbage");
    assert!(matches!(error.failure, Failure::Unreadable { .. }));
    let text = error.to_string();
    assert!(text.contains(&addr.to_string()) && text.contains("/mcb/cgminer"));
    assert!(!text.contains("hunter2"), "{text}");
}

#[tokio::test]
async fn requests_go_one_at_a_time_and_apart() {
    let slow = Act::Drip(
        b"HTTP/1.1 200 OK\r\n\r\n{}".to_vec(),
        Duration::from_millis(2),
    );
    let (addr, requests) = server(vec![slow]).await;
    let spacing = Duration::from_millis(40);
    let client = client_with(addr, "x", Limits { spacing, ..quick() });
    let begun = Instant::now();
    let together = (0..4).map(|_| {
        let client = client.clone();
        tokio::spawn(async move { client.get("/mcb/status", &[]).await })
    });
    for task in together.collect::<Vec<_>>() {
        task.await.expect("no panic").expect("a reply");
    }
    // Four replies of 42 ms, and three pauses.
    assert!(begun.elapsed() >= 3 * spacing + Duration::from_millis(120));
    assert_eq!(requests.paths().len(), 4);
}

#[tokio::test]
async fn no_bytes_on_the_wire_do_harm() {
    use rand::RngExt;
    let mut rng = thermine_units::seed::stream(1, "bytes");
    let whole = b"HTTP/1.1 200 OK\r\nContent-Length: 21\r\n\r\n{\"JWT Token\":\"abcdef\"}";
    for _ in 0..200 {
        let mut bytes = whole.to_vec();
        for _ in 0..rng.random_range(1..6) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        bytes.truncate(rng.random_range(0..=bytes.len()));
        // Whatever comes of it, it comes, and is no more than was sent.
        if let Ok(body) = fetch(vec![Act::Send(bytes)], once()).await {
            assert!(body.len() <= whole.len());
        }
    }
}
