//! The Stratum server over real sockets: what it answers, what it refuses, and whom it lets be.

use std::time::Duration;

use rand::RngExt;
use serde_json::{Value, json};
use thermine_drivers::poller::Latest;
use thermine_lab::substrate::{Discipline, Drive, Handshake, Pace, Substrate};
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::{Expected, Server};
use thermine_stratum::server_protocol::Lost;
use thermine_stratum::session::{Session, SessionError, Settings};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::record::{Durable, Entry, Record, Recorder, Verdict};
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Stops a hang.
const PATIENCE: Duration = Duration::from_secs(60);

/// At this scale every hash is a share, so that the tests can make valid ones by hand.
const EVERY_HASH: f64 = 1e-12;

struct Bench {
    address: std::net::SocketAddr,
    server: Server,
    _stop: tokio_util::sync::DropGuard,
}

async fn bench(settings: Settings) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let server = Server::new(settings, Clock::real());
    let shutdown = CancellationToken::new();
    tokio::spawn(server.clone().serve(listener, shutdown.clone()));
    Bench {
        address,
        server,
        _stop: shutdown.drop_guard(),
    }
}

fn easy() -> Settings {
    Settings {
        difficulty_scale: EVERY_HASH,
        ..Settings::default()
    }
}

/// The miner's end of the wire, line by line.
struct Miner {
    reader: BufReader<OwnedReadHalf>,
    writer: OwnedWriteHalf,
}

impl Miner {
    async fn connect(bench: &Bench) -> Miner {
        let stream = TcpStream::connect(bench.address).await.expect("connects");
        let (reader, writer) = stream.into_split();
        Miner {
            reader: BufReader::new(reader),
            writer,
        }
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        // The server may have hung up already; the test then sees it at the next read.
        let _ = self.writer.write_all(bytes.as_ref()).await;
    }

    async fn call(&mut self, id: u64, method: &str, params: Value) {
        let line = json!({"id": id, "method": method, "params": params});
        self.say(format!("{line}\n")).await;
    }

    /// The next line as JSON; `None` when the server has hung up.
    async fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = tokio::time::timeout(PATIENCE, self.reader.read_line(&mut line)).await;
        match read.expect("the server answers or hangs up") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).expect("the server speaks JSON")),
        }
    }

    async fn sign_in(bench: &Bench, worker: &str) -> Miner {
        let mut miner = Miner::connect(bench).await;
        miner
            .call(0, "mining.subscribe", json!(["bmminer/2.0.0"]))
            .await;
        miner.hear().await.expect("subscribed");
        miner
            .call(1, "mining.authorize", json!([worker, "x"]))
            .await;
        assert_eq!(miner.hear().await.expect("a reply")["result"], true);
        miner
    }

    /// Submits a share of `job` and hears the reply.
    async fn submit(&mut self, id: u64, job: &Value, nonce: u32, ntime: Option<&str>) -> Value {
        let params = &job["params"];
        let ntime = ntime.unwrap_or(params[7].as_str().expect("a time"));
        let share = json!(["w", params[0], "00000000", ntime, format!("{nonce:08x}")]);
        self.call(id, "mining.submit", share).await;
        let reply = self.hear().await.expect("a reply");
        assert_eq!(reply["id"], id);
        reply
    }
}

async fn connected(bench: &Bench) -> (Session, Miner, Expected) {
    let mut expected = bench.server.expect("w");
    let miner = Miner::sign_in(bench, "w").await;
    let session = expected.session(PATIENCE).await.expect("connected");
    (session, miner, expected)
}

fn factory() -> JobFactory {
    JobFactory::new(seed::stream(1, "jobs"))
}

fn difficulty(value: f64) -> Difficulty {
    Difficulty::new(value).expect("positive")
}

#[tokio::test]
async fn version_rolling_is_granted_within_the_mask() {
    let bench = bench(easy()).await;
    let _expected = bench.server.expect("w");
    let mut miner = Miner::connect(&bench).await;
    // ESP-Miner asks for version rolling before it subscribes, and for all bits.
    let mask = json!([["version-rolling"], {"version-rolling.mask": "ffffffff"}]);
    miner.call(1, "mining.configure", mask).await;
    let configured = miner.hear().await.expect("a reply");
    assert_eq!(configured["result"]["version-rolling"], true);
    assert_eq!(configured["result"]["version-rolling.mask"], "1fffe000");
}

#[tokio::test]
async fn a_share_before_subscription_or_authorisation_is_refused() {
    let bench = bench(easy()).await;
    let _expected = bench.server.expect("w");
    let mut miner = Miner::connect(&bench).await;
    let share = json!(["w", "1", "00", "00", "00"]);
    miner.call(2, "mining.submit", share.clone()).await;
    assert_eq!(miner.hear().await.expect("a reply")["error"][0], 25);
    miner.call(3, "mining.subscribe", json!([])).await;
    let subscribed = miner.hear().await.expect("a reply");
    assert_eq!(subscribed["result"][2], 4);
    miner.call(4, "mining.submit", share).await;
    assert_eq!(miner.hear().await.expect("a reply")["error"][0], 24);
    miner.call(5, "mining.authorize", json!(["w", "x"])).await;
    assert_eq!(miner.hear().await.expect("a reply")["result"], true);
}

#[tokio::test]
async fn a_known_extension_is_granted_and_an_unknown_method_refused() {
    let bench = bench(easy()).await;
    let (mut session, mut miner, _expected) = connected(&bench).await;
    for (id, method, params) in [
        (6, "mining.extranonce.subscribe", json!([])),
        (7, "mining.suggest_difficulty", json!([512])),
        (8, "mining.multi_version", json!([1])),
    ] {
        miner.call(id, method, params).await;
    }
    session
        .send_job(
            factory().next(1, 1_700_000_000, 8),
            difficulty(2.5),
            true,
            None,
        )
        .await
        .expect("sent");
    let _server = tokio::spawn(async move { while session.next_share().await.is_ok() {} });
    assert_eq!(miner.hear().await.expect("difficulty")["params"][0], 2.5);
    let job = miner.hear().await.expect("a job");
    assert_eq!(job["method"], "mining.notify");
    assert_eq!(job["params"][8], true);
    for id in 6..=7 {
        let reply = miner.hear().await.expect("a reply");
        assert_eq!((&reply["id"], &reply["result"]), (&json!(id), &json!(true)));
    }
    assert_eq!(miner.hear().await.expect("a reply")["error"][0], 20);
}

#[tokio::test]
async fn shares_are_judged_one_by_one() {
    let bench = bench(easy()).await;
    let (mut session, mut miner, _expected) = connected(&bench).await;
    let miner = tokio::spawn(async move {
        miner.hear().await.expect("difficulty");
        let job = miner.hear().await.expect("a job");
        assert_eq!(miner.submit(10, &job, 7, None).await["result"], true);
        assert_eq!(miner.submit(11, &job, 7, None).await["error"][0], 22);
        let skewed = miner.submit(12, &job, 8, Some("00000001")).await;
        assert_eq!(skewed["error"][0], 20);
        assert!(skewed["error"][1].as_str().expect("text").contains("clock"));
        let unknown = json!({"params": ["ffff", 0, 0, 0, 0, 0, 0, "00000001"]});
        miner.submit(13, &unknown, 9, None).await
    });
    session
        .send_job(
            factory().next(1, 1_700_000_000, 8),
            difficulty(2.5),
            true,
            None,
        )
        .await
        .expect("sent");
    let mut verdicts = Vec::new();
    for _ in 0..4 {
        let share = session.next_share().await.expect("a share");
        verdicts.push(share.judgement.verdict);
    }
    assert_eq!(
        verdicts,
        [
            Verdict::Accepted,
            Verdict::Duplicate,
            Verdict::TimeOutOfRange,
            Verdict::UnknownJob
        ]
    );
    session.settle().await.expect("settled");
    assert_eq!(miner.await.expect("no panic")["error"][0], 21);
}

#[tokio::test]
async fn a_share_for_a_replaced_job_is_stale_and_a_weak_one_is_refused() {
    let bench = bench(easy()).await;
    let (mut session, mut miner, _expected) = connected(&bench).await;
    let mut jobs = factory();
    let mut heard = Vec::new();
    for d in [1.0, 1e30] {
        session
            .send_job(jobs.next(1, 1, 8), difficulty(d), true, None)
            .await
            .expect("sent");
        assert_eq!(miner.hear().await.expect("difficulty")["params"][0], d);
        heard.push(miner.hear().await.expect("a job"));
    }
    let server = tokio::spawn(async move { while session.next_share().await.is_ok() {} });
    assert_eq!(miner.submit(1, &heard[0], 1, None).await["error"][0], 21);
    assert_eq!(miner.submit(2, &heard[1], 1, None).await["error"][0], 23);
    drop(miner);
    server.await.expect("no panic");
}

#[tokio::test]
async fn a_share_is_acknowledged_only_when_it_is_durable() {
    let bench = bench(easy()).await;
    let (mut session, mut miner, _expected) = connected(&bench).await;
    let (queue, mut records) = mpsc::channel::<Entry>(8);
    let (durable, watch) = watch::channel(Durable::default());
    session.record_to(Recorder::open(0, queue, watch));
    session
        .send_job(factory().next(1, 1, 8), difficulty(1.0), true, None)
        .await
        .expect("sent");
    tokio::spawn(async move { while session.next_share().await.is_ok() {} });

    miner.hear().await.expect("difficulty");
    let job = miner.hear().await.expect("a job");
    assert!(matches!(
        records.recv().await.expect("a record").record,
        Record::Job(_)
    ));
    let share = json!(["w", job["params"][0], "00000000", "00000001", "00000001"]);
    miner.call(9, "mining.submit", share).await;
    let Some(Record::Share(share)) = records.recv().await.map(|entry| entry.record) else {
        panic!("no share was recorded");
    };
    // Something that is answered at once comes back before the share's acknowledgement.
    miner
        .call(10, "mining.extranonce.subscribe", json!([]))
        .await;
    assert_eq!(miner.hear().await.expect("a reply")["id"], 10);
    durable.send_replace(Durable {
        ticket: share.ticket,
        failure: None,
    });
    assert_eq!(miner.hear().await.expect("a reply")["id"], 9);
}

#[tokio::test]
async fn a_failed_capture_ends_the_session_instead_of_acknowledging() {
    let bench = bench(easy()).await;
    let (mut session, _miner, _expected) = connected(&bench).await;
    let (queue, _records) = mpsc::channel::<Entry>(8);
    let (durable, watch) = watch::channel(Durable::default());
    session.record_to(Recorder::open(0, queue, watch));
    durable.send_replace(Durable {
        ticket: 0,
        failure: Some("disk full".into()),
    });
    let error = session.next_share().await.expect_err("the capture is gone");
    assert!(error.to_string().contains("disk full"), "{error}");
}

#[tokio::test]
async fn strangers_and_garbage_are_turned_away_while_the_unit_goes_on() {
    let bench = bench(easy()).await;
    let (mut session, mut unit, _expected) = connected(&bench).await;

    let mut stranger = Miner::connect(&bench).await;
    stranger.call(0, "mining.subscribe", json!([])).await;
    stranger.hear().await.expect("subscribed");
    stranger
        .call(1, "mining.authorize", json!(["nobody", "x"]))
        .await;
    assert_eq!(stranger.hear().await.expect("a reply")["error"][0], 24);

    let mut rng = seed::stream(3, "garbage");
    let noise: Vec<u8> = (0..4096).map(|_| rng.random_range(128..=255)).collect();
    for bytes in [
        noise,
        vec![b'a'; 40_000],
        "GET / HTTP/1.1\r\n".repeat(20).into_bytes(),
        b"\n\n\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n".to_vec(),
    ] {
        let mut vandal = Miner::connect(&bench).await;
        vandal.say(bytes).await;
        vandal.say("\n").await;
        let mut replies = 0;
        while vandal.hear().await.is_some() {
            replies += 1;
        }
        assert!(replies <= 8, "hangs up after a few refusals, not {replies}");
    }

    session
        .send_job(factory().next(1, 1, 8), difficulty(1.0), true, None)
        .await
        .expect("sent");
    unit.hear().await.expect("difficulty");
    let job = unit.hear().await.expect("a job");
    let server = tokio::spawn(async move { session.next_share().await.map(|_| session) });
    let share = json!(["w", job["params"][0], "00000000", "00000001", "00000001"]);
    unit.call(2, "mining.submit", share).await;
    server.await.expect("no panic").expect("a share");
}

#[tokio::test]
async fn a_unit_that_goes_says_nothing_or_stalls_is_named() {
    let settings = Settings {
        handshake_timeout: Duration::from_millis(100),
        idle_timeout: Duration::from_millis(100),
        ..easy()
    };
    let bench = bench(settings).await;

    // It connects and says nothing at all.
    let mut mute = Miner::connect(&bench).await;
    assert!(mute.hear().await.is_none(), "hung up on");

    let (mut session, miner, _expected) = connected(&bench).await;
    let error = session.next_share().await.expect_err("silent");
    assert!(
        matches!(
            &error,
            SessionError::Lost {
                source: Lost::Idle(_),
                ..
            }
        ),
        "{error}"
    );
    assert!(error.to_string().starts_with("w at 127.0.0.1"), "{error}");
    drop(miner);

    let (mut session, miner, _expected) = connected(&bench).await;
    drop(miner);
    let error = session.next_share().await.expect_err("gone");
    assert!(
        error.to_string().contains("closed the connection"),
        "{error}"
    );
}

#[tokio::test]
async fn connections_that_never_authorise_keep_no_unit_out() {
    let settings = Settings {
        max_unauthorised: 4,
        ..easy()
    };
    let bench = bench(settings).await;
    let mut strangers = Vec::new();
    for _ in 0..50 {
        strangers.push(Miner::connect(&bench).await);
    }
    let (_session, _miner, _expected) = connected(&bench).await;
    for stranger in &mut strangers[..40] {
        assert!(stranger.hear().await.is_none(), "the oldest are closed");
    }
}

#[tokio::test]
async fn a_worker_that_never_comes_is_an_error_that_says_what_to_do() {
    let bench = bench(easy()).await;
    let mut expected = bench.server.expect("w");
    let error = expected
        .session(Duration::from_millis(20))
        .await
        .expect_err("nobody came");
    assert!(error.to_string().contains("set its pool"), "{error}");
}

#[tokio::test]
async fn nothing_is_lost_when_waiting_is_cancelled_over_and_over() {
    let bench = bench(easy()).await;
    let (mut session, mut miner, _expected) = connected(&bench).await;
    session
        .send_job(factory().next(1, 1, 8), difficulty(1.0), true, None)
        .await
        .expect("sent");
    miner.hear().await.expect("difficulty");
    let job = miner.hear().await.expect("a job");
    let sender = tokio::spawn(async move {
        for nonce in 0..300u32 {
            let share = json!([
                "w",
                job["params"][0],
                "00000000",
                "00000001",
                format!("{nonce:08x}")
            ]);
            let line = json!({"id": nonce, "method": "mining.submit", "params": share}).to_string();
            // In two pieces, so that a read may end in mid-line.
            let (head, tail) = line.split_at(line.len() / 2);
            miner.say(head).await;
            tokio::task::yield_now().await;
            miner.say(format!("{tail}\n")).await;
        }
        for id in 0..300 {
            assert_eq!(miner.hear().await.expect("a reply")["id"], id);
        }
    });
    let mut accepted = 0;
    let mut last = Nanos::ZERO;
    while accepted < 300 {
        if let Ok(share) =
            tokio::time::timeout(Duration::from_micros(50), session.next_share()).await
        {
            let share = share.expect("a share");
            assert_eq!(share.judgement.verdict, Verdict::Accepted);
            assert!(share.arrived >= last);
            last = share.arrived;
            accepted += 1;
        }
    }
    session.settle().await.expect("settled");
    sender
        .await
        .expect("every share was acknowledged once, in order");
}

#[tokio::test]
async fn a_unit_with_a_wrong_clock_is_told_apart_from_a_silent_one() {
    for (skewed, expected) in [
        (true, "set the unit's clock"),
        (false, "check that it hashes"),
    ] {
        let bench = bench(easy()).await;
        let (session, mut miner, _expected) = connected(&bench).await;
        tokio::spawn(async move {
            let mut id = 10;
            while let Some(notice) = miner.hear().await {
                if skewed && notice["method"] == "mining.notify" {
                    id += 1;
                    let job = &notice["params"][0];
                    let share = json!(["w", job, "00000000", "00000001", "00000001"]);
                    miner.call(id, "mining.submit", share).await;
                }
            }
        });
        let (_sensors, latest) = watch::channel(Latest::default());
        let mut unit = Handshake::new(
            session,
            factory(),
            Discipline::Dialogue,
            Duration::from_millis(26),
            latest,
            Recorder::discard(),
            Provenance::Device,
            Clock::real(),
        );
        let drive = Drive {
            word: 0,
            later: 0,
            difficulty: difficulty(1.0),
            duty: 1.0,
            point: OperatingPoint::default(),
            pace: Pace {
                shares: 1,
                hold: Duration::ZERO,
                timeout: Duration::from_millis(30),
            },
        };
        let mut steps = 0;
        let error = loop {
            match unit.step(&drive).await {
                Ok(seen) => assert_eq!(seen.refused.invalid, u32::from(skewed)),
                Err(error) => break error.to_string(),
            }
            steps += 1;
        };
        assert_eq!(steps, 4, "the fifth gives it up");
        assert!(error.contains(expected), "{error}");
    }
}
