//! The Stratum server: peers that misbehave before and after they have signed in, beside a unit that mines on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::{Expected, Server};
use thermine_stratum::session::Settings;
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::record::Verdict;
use thermine_units::seed;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::interval;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::catalogue::{Abuse, Kind, PATIENCE, catalogue, play};
use crate::log::Ear;
use crate::patience::{found_async, until_async};
use crate::units::loopback;
use crate::{log, memory};

/// Longest line that the server takes.
const LINE: usize = 16 * 1024;

struct Bench {
    addr: SocketAddr,
    server: Server,
    /// Shares of the good unit that were accepted.
    accepted: Arc<AtomicU64>,
    ear: Ear,
    _stop: DropGuard,
}

/// A server at which the unit `good` mines.
async fn bench(handshake_timeout: Duration) -> Bench {
    let ear = log::listen();
    let (listener, addr) = loopback().await;
    let settings = Settings {
        // Every hash is a share.
        difficulty_scale: 1e-12,
        handshake_timeout,
        ..Settings::default()
    };
    let server = Server::new(settings, Clock::real());
    let stop = CancellationToken::new();
    let expected = server.expect("good");
    tokio::spawn(server.clone().serve(listener, stop.clone()));
    let accepted = Arc::new(AtomicU64::new(0));
    tokio::spawn(feed(expected, accepted.clone()));
    tokio::spawn(mine(addr));
    let bench = Bench {
        addr,
        server,
        accepted,
        ear,
        _stop: stop.drop_guard(),
    };
    bench.goes_on("the good unit").await;
    bench
}

/// Gives the good unit one job and counts its shares. Ends with its first session.
async fn feed(mut expected: Expected, accepted: Arc<AtomicU64>) {
    let mut session = expected.session(PATIENCE).await.expect("connected");
    let job =
        JobFactory::new(seed::stream(1, "jobs")).next(1, 1_700_000_000, session.extranonce_len());
    let difficulty = Difficulty::new(1.0).expect("positive");
    session
        .send_job(job, difficulty, true, None)
        .await
        .expect("sent");
    while let Ok(share) = session.next_share().await {
        let good = share.judgement.verdict == Verdict::Accepted;
        accepted.fetch_add(u64::from(good), Ordering::Relaxed);
    }
}

/// The good unit: signs in once and submits share after share.
async fn mine(addr: SocketAddr) {
    let stream = TcpStream::connect(addr).await.expect("connected");
    let (reader, mut writer) = stream.into_split();
    let mut lines = BufReader::new(reader).lines();
    let opening = messages("good", None)[..2].concat();
    writer.write_all(&opening).await.expect("sent");
    let job = loop {
        let line = lines.next_line().await.expect("text").expect("a line");
        let notice: Value = serde_json::from_str(&line).expect("JSON");
        if notice["method"] == "mining.notify" {
            break notice["params"].clone();
        }
    };
    let mut pace = interval(Duration::from_millis(2));
    for nonce in 0_u32.. {
        pace.tick().await;
        let share = json!(["good", job[0], "00000000", job[7], format!("{nonce:08x}")]);
        let line = json!({"id": nonce, "method": "mining.submit", "params": share});
        if writer
            .write_all(format!("{line}\n").as_bytes())
            .await
            .is_err()
        {
            return;
        }
        let reply = lines.next_line().await.expect("text");
        assert!(reply.is_some_and(|reply| reply.contains("true")));
    }
}

impl Bench {
    /// Waits until so many connections were turned away, and fails if there are more.
    async fn turned_away(&self, count: u64) {
        until_async("it is turned away", || self.server.turned_away() >= count).await;
        assert_eq!(self.server.turned_away(), count);
    }

    /// Fails unless the good unit's shares still come and are accepted.
    async fn goes_on(&self, after: &str) {
        let had = self.accepted.load(Ordering::Relaxed);
        until_async(&format!("after {after} the good unit goes on"), || {
            self.accepted.load(Ordering::Relaxed) >= had + 3
        })
        .await;
    }
}

/// What a unit says: it subscribes, signs in and submits.
fn messages(worker: &str, id: Option<u64>) -> Vec<Vec<u8>> {
    let line = |value: Value| format!("{value}\n").into_bytes();
    let id = id.unwrap_or(0);
    vec![
        line(json!({"id": id, "method": "mining.subscribe", "params": ["bmminer/2.0.0"]})),
        line(json!({"id": id + 1, "method": "mining.authorize", "params": [worker, "x"]})),
        line(json!({"id": id + 2, "method": "mining.submit",
            "params": [worker, "1", "00000000", "65000000", "00000001"]})),
    ]
}

#[tokio::test]
async fn strangers_are_turned_away_with_one_reason_each() {
    let bench = bench(Duration::from_millis(500)).await;
    let list = catalogue(&messages("nobody", None), LINE);
    for (n, abuse) in list.iter().enumerate() {
        let (peer, _) = play(bench.addr, abuse).await;
        let what = format!("{:?}", abuse.kind);
        bench.goes_on(&what).await;
        bench.turned_away(n as u64 + 1).await;
        let said = bench
            .ear
            .complaints(&["turned a connection away", &format!("peer={peer}")]);
        assert_eq!(said.len(), 1, "{what}: {said:?}");
        // And of its lines no more than the first that is none, and the first name that nobody knows.
        let all = bench.ear.complaints(&[&format!("peer={peer}")]);
        assert!(
            all.len() <= 3 && all.iter().all(|line| line.len() < 1000),
            "{what}: {all:?}"
        );
        if abuse.kind == Kind::Oversized && abuse.pieces[1][0] == b'a' {
            assert!(said[0].contains("16384 bytes"), "{what}: {said:?}");
        }
    }
    memory::check();
}

#[tokio::test]
async fn a_unit_that_has_signed_in_and_goes_wrong_ends_its_own_session_only() {
    let bench = bench(PATIENCE).await;
    let mut expected = bench.server.expect("bad");
    let (sender, mut ends) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok(mut session) = expected.session(PATIENCE).await {
            let error = loop {
                if let Err(error) = session.next_share().await {
                    break error;
                }
            };
            let _ = sender.send(error.to_string());
        }
    });
    // First a sound opening, then what is to be abused.
    let opening = messages("bad", None)[..2].concat();
    for abuse in catalogue(&messages("bad", Some(7)), LINE) {
        let what = format!("{:?}", abuse.kind);
        let abuse = Abuse {
            pieces: [vec![opening.clone()], abuse.pieces].concat(),
            ..abuse
        };
        let (peer, _) = play(bench.addr, &abuse).await;
        // One that is gone before its session is taken up is passed over, and its reason is logged.
        let words = ["before it was wanted", &format!("peer={peer}")];
        let end = found_async("it ends", async || {
            let passed_over = bench.ear.complaints(&words).pop();
            passed_over
                .or_else(|| ends.try_recv().ok())
                .ok_or("no reason")
        })
        .await;
        assert!(
            end.contains("bad") && end.contains(&peer.to_string()),
            "{what}: {end}"
        );
        assert!(end.len() < 1000, "{what}: {end}");
        let all = bench.ear.complaints(&[&format!("peer={peer}")]);
        assert!(all.len() <= 1, "{what}: {all:?}");
        bench.goes_on(&what).await;
    }
    assert!(ends.try_recv().is_err(), "one reason each");
    assert_eq!(bench.server.turned_away(), 0);
    memory::check();
}

#[tokio::test]
async fn one_that_drips_or_tries_names_for_ever_is_timed_out() {
    let bench = bench(Duration::from_millis(300)).await;
    let name = messages("guess", None)[1].clone();
    let names = Abuse {
        kind: Kind::Duplicated,
        pieces: vec![name; 2000],
        pause: Duration::from_millis(1),
    };
    let drip = Abuse {
        kind: Kind::Slow,
        pieces: vec![vec![b'{']; 2000],
        pause: Duration::from_millis(1),
    };
    for (abuse, count) in [(names, 1), (drip, 2)] {
        let (peer, _) = play(bench.addr, &abuse).await;
        bench.turned_away(count).await;
        let peer = format!("peer={peer}");
        let said = bench
            .ear
            .complaints(&["did not subscribe and authorise", &peer]);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(bench.ear.complaints(&[&peer]).len() <= 2);
        bench.goes_on("a stranger").await;
    }
}

/// Lines without end from several at once, and more than all tests together may hold.
#[tokio::test]
async fn a_flood_is_not_kept() {
    let bench = bench(PATIENCE).await;
    let flood = |filler: &'static [u8]| async move {
        let mut stream = TcpStream::connect(bench.addr).await.expect("connected");
        let own = stream.local_addr().expect("an address");
        let piece = filler.repeat((1 << 20) / filler.len());
        for _ in 0..memory::FLOOD / piece.len() {
            if stream.write_all(&piece).await.is_err() {
                break;
            }
        }
        own
    };
    let ends = tokio::join!(flood(b"a"), flood(b"{}\n"), flood(b"[[[[[[[["));
    bench.goes_on("a flood").await;
    bench.turned_away(3).await;
    for peer in [ends.0, ends.1, ends.2] {
        let said = bench
            .ear
            .complaints(&["turned a connection away", &format!("peer={peer}")]);
        assert_eq!(said.len(), 1, "{said:?}");
    }
    memory::check();
}
