//! Units that drop their connection and come back, over real sockets. The tests play the miner.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use thermine_drivers::interlock::{Cause, Hazard, Permission};
use thermine_drivers::poller::Latest;
use thermine_lab::substrate::{
    Discipline, Drive, Handshake, NextSession, Outcome, Pace, Patience, Reconnect, Substrate,
    SubstrateError,
};
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::{Expected, Server};
use thermine_stratum::session::Settings;
use thermine_units::clock::Clock;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::record::{Durable, Entry, Record, Recorder};
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

const LONG: Duration = Duration::from_secs(30);
const AGENT: &str = "bmminer/2.0.0";

/// The miner's end of the wire.
struct Miner {
    wire: BufReader<TcpStream>,
    id: u64,
}

impl Miner {
    async fn sign_in(address: SocketAddr, agent: &str) -> Miner {
        let stream = TcpStream::connect(address).await.expect("connects");
        let mut miner = Miner {
            wire: BufReader::new(stream),
            id: 0,
        };
        miner.call("mining.subscribe", json!([agent])).await;
        miner.hear().await.expect("subscribed");
        miner.call("mining.authorize", json!(["w", "x"])).await;
        miner.hear().await.expect("authorised");
        miner
    }

    async fn call(&mut self, method: &str, params: Value) {
        self.id += 1;
        let line = json!({"id": self.id, "method": method, "params": params});
        let line = format!("{line}\n");
        // The server may have closed the connection already; the test then sees it at the next read.
        let _ = self.wire.write_all(line.as_bytes()).await;
    }

    /// The next line; `None` when the server has closed the connection.
    async fn hear(&mut self) -> Option<Value> {
        let mut line = String::new();
        let read = tokio::time::timeout(LONG, self.wire.read_line(&mut line)).await;
        match read.expect("the server answers or closes") {
            Ok(0) | Err(_) => None,
            Ok(_) => Some(serde_json::from_str(&line).expect("the server speaks JSON")),
        }
    }

    /// Waits for a job.
    async fn job(&mut self) -> Value {
        loop {
            let line = self.hear().await.expect("a job");
            if line["method"] == "mining.notify" {
                return line["params"].clone();
            }
        }
    }

    /// Waits for a job and answers it.
    async fn answer(&mut self) {
        let job = self.job().await;
        let nonce = format!("{:08x}", self.id);
        let share = json!(["w", job[0], "00000000", job[7], nonce]);
        self.call("mining.submit", share).await;
    }
}

#[derive(Debug)]
struct Door(Expected);

impl Reconnect for Door {
    fn next(&mut self) -> NextSession<'_> {
        Box::pin(async {
            match self.0.session(LONG).await {
                Ok(session) => session,
                Err(_) => std::future::pending().await,
            }
        })
    }

    fn comes_early(&self) -> bool {
        true
    }
}

/// A unit under way, with its first connection.
struct Bench {
    address: SocketAddr,
    miner: Miner,
    unit: Handshake,
    records: mpsc::Receiver<Entry>,
    permission: watch::Sender<Permission>,
    _latest: watch::Sender<Latest>,
    _durable: watch::Sender<Durable>,
    _stop: DropGuard,
}

async fn bench(patience: Duration) -> Bench {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let settings = Settings {
        // Every hash is a share.
        difficulty_scale: 1e-12,
        ..Settings::default()
    };
    let server = Server::new(settings, Clock::real());
    let stop = CancellationToken::new();
    let mut expected = server.expect("w");
    tokio::spawn(server.serve(listener, stop.clone()));
    let miner = Miner::sign_in(address, AGENT).await;
    let session = expected.session(LONG).await.expect("connected");
    let (queue, records) = mpsc::channel(1_000);
    let (durable, committed) = watch::channel(Durable {
        ticket: u64::MAX,
        failure: None,
    });
    let (latest, readings) = watch::channel(Latest::default());
    let (permission, permitted) = watch::channel(Permission::Grant);
    let unit = Handshake::new(
        session,
        JobFactory::new(seed::stream(1, "jobs")),
        Discipline::Dialogue,
        Duration::from_millis(40),
        readings,
        Recorder::open(0, queue, committed),
        Provenance::Simulated,
        Clock::real(),
    );
    let unit = unit
        .with_patience(Patience {
            time: patience,
            door: Box::new(Door(expected)),
            point: OperatingPoint::UNCHANGED,
        })
        .with_permission(permitted)
        .expect("a file descriptor");
    Bench {
        address,
        miner,
        unit,
        records,
        permission,
        _latest: latest,
        _durable: durable,
        _stop: stop.drop_guard(),
    }
}

fn drive() -> Drive {
    Drive {
        word: 1,
        later: 0,
        difficulty: Difficulty::ONE,
        duty: 1.0,
        point: OperatingPoint::UNCHANGED,
        pace: Pace {
            shares: 1,
            hold: Duration::ZERO,
            timeout: LONG,
        },
    }
}

/// Outcomes of the steps and tickets of the shares that were recorded.
fn recorded(records: &mut mpsc::Receiver<Entry>) -> (Vec<String>, Vec<u64>) {
    let (mut outcomes, mut tickets) = (Vec::new(), Vec::new());
    while let Ok(entry) = records.try_recv() {
        match entry.record {
            Record::Step(step) => {
                outcomes.push(step.observation["outcome"].as_str().expect("text").into());
            }
            Record::Share(share) => tickets.push(share.ticket),
            _ => {}
        }
    }
    (outcomes, tickets)
}

#[tokio::test]
async fn a_unit_that_drops_its_connection_is_taken_back_and_the_step_is_marked() {
    let mut bench = bench(LONG).await;
    let drive = drive();
    let (first, ()) = tokio::join!(bench.unit.step(&drive), bench.miner.answer());
    assert_eq!(first.expect("a step").outcome, Outcome::Answered);
    let address = bench.address;
    let mut miner = bench.miner;
    let comes_back = async {
        miner.job().await;
        drop(miner);
        Miner::sign_in(address, AGENT).await
    };
    let (second, mut miner) = tokio::join!(bench.unit.step(&drive), comes_back);
    let second = second.expect("a step");
    assert_eq!(second.outcome, Outcome::Interrupted);
    assert!(second.gap > Duration::ZERO && second.gap <= second.ended.since(second.started));
    let (third, ()) = tokio::join!(bench.unit.step(&drive), miner.answer());
    let third = third.expect("a step");
    assert_eq!(
        (third.outcome, third.gap),
        (Outcome::Answered, Duration::ZERO)
    );
    // Its acknowledgement comes over the new connection.
    let (finished, reply) = tokio::join!(bench.unit.finish(), miner.hear());
    assert!(finished.expect("finished").0.is_some());
    assert_eq!(reply.expect("a reply")["result"], true);
    let (outcomes, tickets) = recorded(&mut bench.records);
    assert_eq!(outcomes, ["answered", "interrupted", "answered"]);
    assert_eq!(tickets, [1, 2], "numbers of shares go on");
}

#[tokio::test]
async fn a_step_outlives_two_gaps_and_goes_on_to_its_hold() {
    let mut bench = bench(LONG).await;
    let mut drive = drive();
    drive.pace.hold = Duration::from_millis(1_500);
    let (address, mut miner) = (bench.address, bench.miner);
    let twice = async {
        for _ in 0..2 {
            miner.job().await;
            drop(miner);
            miner = Miner::sign_in(address, AGENT).await;
        }
        miner.answer().await;
        miner
    };
    let (step, _miner) = tokio::join!(bench.unit.step(&drive), twice);
    let step = step.expect("a step");
    assert_eq!((step.outcome, step.jobs), (Outcome::Interrupted, 3));
    assert_eq!(step.shares.len(), 1, "what it found is kept");
    assert!(step.ended.since(step.started) >= drive.pace.hold);
}

#[tokio::test]
async fn a_unit_that_stays_away_ends_the_run_and_what_was_recorded_is_kept() {
    let mut bench = bench(Duration::from_millis(300)).await;
    let (drive, mut miner) = (drive(), bench.miner);
    let (first, ()) = tokio::join!(bench.unit.step(&drive), miner.answer());
    first.expect("a step");
    drop(miner);
    let error = bench.unit.step(&drive).await.expect_err("it is gone");
    assert!(matches!(error, SubstrateError::Gone { .. }), "{error}");
    let said = error.to_string();
    assert!(
        said.contains("within 0.3 s (unit.reconnect_seconds)"),
        "{said}"
    );
    let (outcomes, _) = recorded(&mut bench.records);
    assert_eq!(outcomes, ["answered"]);
}

#[tokio::test]
async fn another_device_under_the_same_name_is_turned_away() {
    let mut bench = bench(LONG).await;
    let (drive, address, mut miner) = (drive(), bench.address, bench.miner);
    let others = async {
        miner.job().await;
        drop(miner);
        let mut stranger = Miner::sign_in(address, "cgminer/4.10").await;
        assert!(stranger.hear().await.is_none(), "its connection is closed");
        Miner::sign_in(address, AGENT).await
    };
    let (step, mut miner) = tokio::join!(bench.unit.step(&drive), others);
    assert_eq!(step.expect("a step").outcome, Outcome::Interrupted);
    let (next, ()) = tokio::join!(bench.unit.step(&drive), miner.answer());
    assert_eq!(next.expect("a step").outcome, Outcome::Answered);
}

#[tokio::test]
async fn a_connection_that_only_probes_does_not_disturb_a_step() {
    let mut bench = bench(LONG).await;
    let (drive, address, mut miner) = (drive(), bench.address, bench.miner);
    let probes = async {
        let probe = Miner::sign_in(address, AGENT).await;
        drop(probe);
        miner.answer().await;
        miner
    };
    let (step, _miner) = tokio::join!(bench.unit.step(&drive), probes);
    assert_eq!(step.expect("a step").outcome, Outcome::Answered);
}

#[tokio::test]
async fn the_interlock_ends_the_run_while_the_unit_is_away() {
    let mut bench = bench(LONG).await;
    let (drive, mut miner, permission) = (drive(), bench.miner, &bench.permission);
    let trips = async {
        miner.job().await;
        drop(miner);
        let cause = Cause {
            unit: "w".into(),
            hazard: Hazard::Unread,
        };
        permission.send_replace(Permission::Withhold(cause));
    };
    let (step, ()) = tokio::join!(bench.unit.step(&drive), trips);
    let error = step.expect_err("it may not run");
    assert!(
        matches!(error, SubstrateError::Interlocked { .. }),
        "{error}"
    );
}
