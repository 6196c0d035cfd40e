//! The log: of the simulated unit, and of servers that misbehave.

use std::net::SocketAddr;

use thermine_drivers::axeos::log::{Event, LogReader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::support::{Act, Bench, PATIENCE, reply, server};

async fn next(log: &mut LogReader) -> Option<String> {
    let line = timeout(PATIENCE, log.next()).await;
    line.expect("in time").expect("a log")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shares_and_replies_are_logged_while_somebody_reads() {
    let mut bench = Bench::start().await;
    let mut log = LogReader::connect(bench.page).await.expect("a log");
    bench.pass(20.0).await;
    let shares = bench.shares();
    let (mut nonces, mut sent, mut received) = (Vec::new(), 0, 0);
    while nonces.len() < 3 || sent < 3 || received < 3 {
        let line = next(&mut log).await.expect("a line");
        assert!(line.starts_with("I ("), "{line}");
        match Event::parse(&line).expect("about mining") {
            Event::Nonce(nonce) => {
                assert!(nonce.difficulty >= 256.0 && nonce.wanted == 256.0);
                assert!(
                    nonce
                        .version
                        .is_some_and(|v| v & !0x1fff_e000 == 0x2000_0000)
                );
                nonces.push(nonce.nonce.expect("a nonce"));
            }
            Event::Sent(line) => sent += usize::from(line.contains("mining.submit")),
            Event::Received(line) => received += usize::from(line.contains("result")),
        }
    }
    assert!(
        nonces
            .iter()
            .all(|n| shares.iter().any(|share| share.nonce == *n))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_may_read_and_a_restart_ends_it() {
    let bench = Bench::start().await;
    let mut logs = Vec::new();
    for _ in 0..10 {
        logs.push(LogReader::connect(bench.page).await.expect("a log"));
    }
    let error = LogReader::connect(bench.page)
        .await
        .expect_err("the eleventh");
    assert!(error.to_string().contains("read by too many"), "{error}");
    bench.unit().restart().await.expect("restarted");
    for log in &mut logs {
        let ended = async { while let Ok(Some(_)) = log.next().await {} };
        timeout(PATIENCE, ended).await.expect("an end");
    }
    bench.pass(2.0).await;
    LogReader::connect(bench.page).await.expect("a log again");
}

/// A server that shakes hands by hand and then sends these frames.
async fn frames(frames: Vec<Vec<u8>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await?;
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await?;
        let request = String::from_utf8_lossy(&request[..read]).into_owned();
        let key = request
            .lines()
            .find_map(|line| {
                let (name, value) = line.split_once(": ")?;
                name.eq_ignore_ascii_case("sec-websocket-key")
                    .then_some(value)
            })
            .expect("a key");
        let accept = tokio_tungstenite::tungstenite::handshake::derive_accept_key(key.as_bytes());
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: {accept}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await?;
        for frame in frames {
            stream.write_all(&frame).await?;
        }
        let _ = stream.read(&mut [0; 64]).await;
        std::io::Result::Ok(())
    });
    addr
}

fn text(payload: &str) -> Vec<u8> {
    let length = u16::try_from(payload.len()).expect("short");
    [&[0x81, 126], &length.to_be_bytes()[..], payload.as_bytes()].concat()
}

#[tokio::test]
async fn lines_are_put_together_from_pieces_and_stripped() {
    let long = "x".repeat(40_000);
    let addr = frames(vec![
        text("\x1b[0;32mI (1) a: b\x1b[0m\nI (2) "),
        text("c: d\r\n\n\nI (3) stratum_api: tx: {\"method\":\"mining.authorize\",\"params\":[\"w\",\"pw\"]}\n"),
        text(&long),
        text(&format!("{long}\nI (4) e: f\n")),
        vec![0x88, 0],
    ])
    .await;
    let mut log = LogReader::connect(addr).await.expect("a log");
    assert_eq!(next(&mut log).await.as_deref(), Some("I (1) a: b"));
    assert_eq!(next(&mut log).await.as_deref(), Some("I (2) c: d"));
    let authorize = next(&mut log).await.expect("a line");
    assert!(!authorize.contains("pw"), "{authorize}");
    assert_eq!(next(&mut log).await.map(|line| line.len()), Some(16 * 1024));
    assert_eq!(next(&mut log).await.as_deref(), Some("I (4) e: f"));
    assert_eq!(next(&mut log).await, None);
}

#[tokio::test]
async fn frames_that_are_none_end_the_log() {
    // Too long, of a reserved kind, and text that is none.
    let huge = [&[0x81, 127][..], &u64::MAX.to_be_bytes()].concat();
    for frame in [huge, vec![0x83, 1, 0], vec![0x81, 1, 0xff]] {
        let addr = frames(vec![frame]).await;
        let mut log = LogReader::connect(addr).await.expect("a log");
        let read = timeout(PATIENCE, log.next()).await.expect("in time");
        assert!(read.is_err(), "{read:?}");
    }
}

#[tokio::test]
async fn a_unit_without_a_log_is_said() {
    for act in [
        Act::Send(reply("404 Not Found", "")),
        Act::Send(Vec::new()),
        Act::Send(b"garbage".to_vec()),
    ] {
        let (addr, _) = server(act).await;
        let error = LogReader::connect(addr).await.expect_err("no log");
        assert!(error.to_string().contains(&addr.to_string()), "{error}");
    }
}
