//! Benches for units on real wires.
//!
//! - [`suite`]: any unit, simulated or of a rig, brought in as the program does it;
//! - [`Bench`]: a simulated S9 whose wire a test can tamper with: our Stratum server, the unit at the far end of
//!   loopback sockets, the poller of its API.

pub mod suite;

use std::net::SocketAddr;
use std::time::Duration;

use thermine_drivers::cgminer;
use thermine_drivers::poller::{Latest, Poller};
use thermine_lab::substrate::{Discipline, Drive, Handshake, Pace};
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_sim::s9;
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::Server;
use thermine_stratum::session::{Session, Settings};
use thermine_units::clock::Clock;
use thermine_units::model;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// 2^-34: the 2^40 hashes of a share of difficulty 256 become 64.
pub const SCALE: f64 = 1.0 / (1u64 << 34) as f64;

/// A unit that has connected, and what watches it.
#[derive(Debug)]
pub struct Bench {
    /// The run's clock.
    pub clock: Clock,
    /// The unit's session.
    pub session: Session,
    /// What its poller knows.
    pub latest: watch::Receiver<Latest>,
    /// Stops the unit alone, as if its plug were pulled.
    pub unit: CancellationToken,
    _stop: DropGuard,
}

impl Bench {
    /// Starts a simulated S9 on `clock` that hashes at `unit_scale` times the difficulty, where the server
    /// asks for [`SCALE`] times it, and waits until it has connected and shown its sensors.
    pub async fn start(clock: Clock, unit_scale: f64) -> Bench {
        Bench::start_through(clock, unit_scale, None).await
    }

    /// As [`start`](Bench::start), with every line from the server to the unit passed through `alter` on
    /// its way, which must keep its length.
    pub async fn start_through(
        clock: Clock,
        unit_scale: f64,
        alter: Option<fn(String) -> String>,
    ) -> Bench {
        let stop = CancellationToken::new();
        let unit = stop.child_token();
        let tasks = TaskTracker::new();
        let server = Server::new(
            Settings {
                difficulty_scale: SCALE,
                ..Settings::default()
            },
            clock.clone(),
        );
        let listener = loopback().await;
        let mut pool = address(&listener);
        if let Some(alter) = alter {
            pool = interpose(pool, alter).await;
        }
        let mut expected = server.expect("bench");
        tokio::spawn(server.serve(listener, stop.clone()));

        let api = loopback().await;
        let api_address = address(&api);
        let settings = s9::Settings {
            pool: PoolSettings {
                pool,
                worker: "bench".into(),
                difficulty_scale: unit_scale,
            },
            params: Params::s9(),
            seed: 1,
            faults: Vec::new(),
        };
        s9::start(settings, api, clock.clone(), &tasks, &unit);
        let poller = Poller::new(
            cgminer::Source::new(api_address),
            clock.clone(),
            Duration::from_secs(1),
            seed::stream(1, "poller"),
        );
        let (_, mut latest) = poller.spawn(stop.clone());
        let session = expected.session(Duration::from_secs(20)).await;
        let first = latest.wait_for(|latest| latest.identity.is_some());
        let answered = tokio::time::timeout(Duration::from_secs(20), first)
            .await
            .is_ok();
        assert!(answered, "the unit's API answers");
        #[expect(
            clippy::expect_used,
            reason = "a bench without its unit is a failed test"
        )]
        Bench {
            clock,
            session: session.expect("the unit connects"),
            latest,
            unit,
            _stop: stop.drop_guard(),
        }
    }

    /// The unit as a substrate, unrecorded.
    pub fn handshake(self, discipline: Discipline) -> (Handshake, CancellationToken, DropGuard) {
        let handshake = Handshake::new(
            self.session,
            JobFactory::new(seed::stream(1, "jobs")),
            discipline,
            model::s9::SWITCH_DEAD_TIME,
            self.latest,
            Recorder::discard(),
            Provenance::Simulated,
            self.clock,
        );
        (handshake, self.unit, self._stop)
    }
}

/// A drive at difficulty 256 and the given duty.
pub fn drive(duty: f64, pace: Pace) -> Drive {
    #[expect(clippy::expect_used, reason = "256 is positive")]
    Drive {
        word: 0,
        later: 0,
        difficulty: Difficulty::new(256.0).expect("positive"),
        duty,
        point: OperatingPoint::default(),
        pace,
    }
}

/// A wire to `server` on which every line towards the unit is altered.
async fn interpose(server: SocketAddr, alter: fn(String) -> String) -> SocketAddr {
    let listener = loopback().await;
    let here = address(&listener);
    tokio::spawn(async move {
        let (unit, _) = listener.accept().await?;
        let server = TcpStream::connect(server).await?;
        let (mut from_unit, mut to_unit) = unit.into_split();
        let (from_server, mut to_server) = server.into_split();
        tokio::spawn(async move { tokio::io::copy(&mut from_unit, &mut to_server).await });
        let mut lines = BufReader::new(from_server).lines();
        while let Some(line) = lines.next_line().await? {
            to_unit
                .write_all(format!("{}\n", alter(line)).as_bytes())
                .await?;
        }
        std::io::Result::Ok(())
    });
    here
}

async fn loopback() -> TcpListener {
    #[expect(clippy::expect_used, reason = "without loopback there is no bench")]
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}

fn address(listener: &TcpListener) -> SocketAddr {
    #[expect(clippy::expect_used, reason = "a bound listener has an address")]
    listener.local_addr().expect("an address")
}
