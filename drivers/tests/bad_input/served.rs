//! The simulated units' own servers: clients that misbehave, beside one that reads on.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{interval, timeout};

use crate::catalogue::{PATIENCE, catalogue, play};
use crate::units::Units;
use crate::{log, memory};

/// One exchange by a client that behaves.
async fn ask(addr: SocketAddr, request: &[u8]) -> String {
    let exchange = async {
        let mut stream = TcpStream::connect(addr).await.expect("connected");
        stream.write_all(request).await.expect("sent");
        let mut reply = String::new();
        stream.read_to_string(&mut reply).await.expect("a reply");
        reply
    };
    timeout(PATIENCE, exchange).await.expect("a reply in time")
}

/// Every abuse of `request` at once, of a server that takes no more than `limit` bytes of one, while the same
/// request made well is answered with `wanted` in it.
async fn judge(addr: SocketAddr, request: &[u8], limit: usize, wanted: &str) {
    let ear = log::listen();
    let mut vandals = JoinSet::new();
    for abuse in catalogue(&[request.to_vec()], limit) {
        vandals.spawn(async move { play(addr, &abuse).await });
    }
    let mut answered = 0;
    let mut pace = interval(Duration::from_millis(5));
    while !vandals.is_empty() {
        pace.tick().await;
        let reply = ask(addr, request).await;
        assert!(reply.contains(wanted), "{reply}");
        answered += 1;
        while let Some(ended) = vandals.try_join_next() {
            ended.expect("no panic");
        }
    }
    assert!(answered > 0);
    assert!(ask(addr, request).await.contains(wanted), "afterwards too");
    assert_eq!(ear.complaints(&[&addr.to_string()]), [""; 0]);
    memory::check();
}

/// More clients than the server has places, each of which begins a request and never ends it.
async fn drip(addr: SocketAddr, request: &[u8], wanted: &str) {
    let mut drips = JoinSet::new();
    let mut connected = Vec::new();
    for _ in 0..40 {
        let mut stream = TcpStream::connect(addr).await.expect("connected");
        let _ = stream.write_all(b"GET /").await;
        connected.push(stream);
    }
    for mut stream in connected {
        drips.spawn(async move {
            let mut pace = interval(Duration::from_millis(100));
            while stream.write_all(b"x").await.is_ok() {
                pace.tick().await;
            }
        });
    }
    // They hold it up for a while, and are then given up.
    assert!(ask(addr, request).await.contains(wanted));
}

fn get(path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: unit\r\nConnection: close\r\n\r\n").into_bytes()
}

const VERSION: &[u8] = br#"{"command":"version"}"#;

#[tokio::test]
async fn an_s9s_api() {
    let units = Units::idle().await;
    judge(units.s9, VERSION, 8192, "Antminer S9").await;
    drip(units.s9, VERSION, "Antminer S9").await;
}

#[tokio::test]
async fn an_lv06s_page() {
    let units = Units::idle().await;
    judge(units.lv06, &get("/api/system/info"), 512 * 1024, "BM1366").await;
    // A setting is no change until it is whole.
    let body = r#"{"frequency":400}"#;
    let set = format!(
        "PATCH /api/system HTTP/1.1\r\nHost: unit\r\nConnection: close\r\nContent-Length: 5000\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(units.lv06).await.expect("connected");
    stream.write_all(set.as_bytes()).await.expect("sent");
    drop(stream);
    let info = ask(units.lv06, &get("/api/system/info")).await;
    assert!(info.contains("\"frequency\":485"), "{info}");
    drip(units.lv06, &get("/api/system/info"), "BM1366").await;
}

#[tokio::test]
async fn an_lb_boxs_backend_and_api() {
    let units = Units::idle().await;
    judge(
        units.lb_box,
        &get("/mcb/status"),
        512 * 1024,
        "Goldshell-LBBox",
    )
    .await;
    judge(units.lb_box_api, VERSION, 8192, "intminer").await;
    drip(units.lb_box, &get("/mcb/status"), "Goldshell-LBBox").await;
}
