//! The simulated units at a pool that misbehaves: they lose it, stay reachable, and come back to it when it
//! behaves.

use std::time::Duration;

use serde_json::json;
use thermine_stratum::server::{ANY_WORKER, Server};
use thermine_stratum::session::Settings;
use thermine_units::clock::Clock;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::catalogue::{Abuse, PATIENCE, catalogue, send};
use crate::units::{Units, loopback};
use crate::{log, memory};

/// What a pool says to a unit that has just connected.
fn messages() -> Vec<Vec<u8>> {
    let line = |value: serde_json::Value| format!("{value}\n").into_bytes();
    let zeros = "0".repeat(64);
    vec![
        line(json!({"id": 0, "result": [[], "0a0b0c0d", 4], "error": null})),
        line(json!({"id": 1, "result": true, "error": null})),
        line(json!({"id": 2, "result": true, "error": null})),
        line(json!({"id": null, "method": "mining.set_difficulty", "params": [256]})),
        line(json!({"id": null, "method": "mining.notify",
            "params": ["1", zeros, "01000000", "00000000", [], "20000000", "1d00ffff", "65000000", true]})),
    ]
}

/// Hears a little, misuses the connection and hangs up. Errors mean that the unit has had enough.
async fn misuse(mut stream: TcpStream, abuse: Abuse) {
    let act = async {
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = send(&mut stream, &abuse).await;
    };
    // A unit may go on listening; the pool is then the one to leave.
    let _ = timeout(Duration::from_secs(5), act).await;
}

#[tokio::test]
async fn units_survive_a_pool_that_misbehaves() {
    let _ear = log::listen();
    let (listener, pool) = loopback().await;
    let units = Units::start(pool).await;
    let mut calls = 0;
    let mut tasks = tokio::task::JoinSet::new();
    for abuse in catalogue(&messages(), 16 * 1024) {
        // Whichever of the three units comes first.
        let (stream, _) = timeout(PATIENCE, listener.accept())
            .await
            .expect("a unit comes again")
            .expect("a connection");
        calls += 1;
        tasks.spawn(misuse(stream, abuse));
    }
    assert!(calls > 30);
    while let Some(ended) = tasks.join_next().await {
        ended.expect("no panic");
    }
    // All three come to a pool that behaves.
    let server = Server::new(Settings::default(), Clock::real());
    let mut expected = server.expect(ANY_WORKER);
    let stop = CancellationToken::new();
    tokio::spawn(server.clone().serve(listener, stop.clone()));
    let mut came = std::collections::BTreeSet::new();
    let mut sessions = Vec::new();
    while came.len() < 3 {
        let session = expected.session(PATIENCE).await.expect("a unit comes back");
        came.insert(session.worker().to_owned());
        sessions.push(session);
    }
    for addr in [units.s9, units.lv06, units.lb_box, units.lb_box_api] {
        TcpStream::connect(addr).await.expect("still reachable");
    }
    stop.cancel();
    memory::check();
}
