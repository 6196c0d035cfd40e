//! What the tests share: one invented unit, the simulator on a port of its own, servers from a script.

use std::net::SocketAddr;
use std::time::Duration;

use thermine_sim::s9_api::{self, ApiState, BoardState, Firmware, PoolState};
use thermine_units::quantity::{HashRate, MegaHertz, Rpm};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

pub(crate) use crate::script::Act;

/// The unit that the files in `tests/data` are about.
pub(crate) fn unit() -> ApiState {
    let unix = 1_564_646_400;
    let board = |slot, pcb_temp, chip_temp, ghs, hardware_errors| BoardState {
        slot,
        pcb_temp,
        chip_temp,
        third_temp: 0,
        frequency: MegaHertz(650.0),
        chips: 63,
        failing: Vec::new(),
        hash_rate: HashRate::from_ghs(ghs),
        hardware_errors,
        reopened: Vec::new(),
    };
    let mut boards = vec![
        board(6, 61, 76, 4620.34, 12),
        board(7, 58, 73, 4633.10, 0),
        board(8, 60, 75, 4630.37, 7),
    ];
    boards[2].failing = vec![10];
    boards[2].reopened = vec![(10, 58), (11, 59)];
    ApiState {
        firmware: Firmware::V30_0_1_3,
        unix,
        elapsed: Duration::from_secs(86_400),
        frequency: MegaHertz(650.0),
        boards,
        fans: [Rpm(3720.0), Rpm(2400.0)],
        total_mh: 1.1664e12,
        pools: [
            PoolState {
                url: "stratum+tcp://pool.example:3333".to_owned(),
                user: "rig.1".to_owned(),
                alive: true,
                active: true,
                difficulty: Some(32_768.0),
                getworks: 2900,
                accepted: 1000,
                rejected: 3,
                stale: 2,
                discarded: 5800,
                get_failures: 1,
                remote_failures: 0,
                difficulty_accepted: 32_768_000.0,
                difficulty_rejected: 98_304.0,
                difficulty_stale: 65_536.0,
                last_share_difficulty: 32_768.0,
                last_share: Some(unix - 5),
                best_share: 1_234_567_890,
            },
            PoolState {
                url: "stratum+tcp://backup.example:3333".to_owned(),
                user: "rig.1".to_owned(),
                alive: true,
                ..PoolState::default()
            },
            PoolState::default(),
        ],
        found_blocks: 0,
        local_work: 351_000,
        network_blocks: 144,
        last_getwork: unix - 12,
    }
}

/// A simulated unit's API.
pub(crate) struct Sim {
    pub(crate) addr: SocketAddr,
    pub(crate) state: watch::Sender<ApiState>,
    shutdown: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl Sim {
    /// On a free port of the loopback interface.
    pub(crate) async fn start() -> Sim {
        Sim::start_on(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(crate) async fn start_on(addr: SocketAddr) -> Sim {
        let listener = TcpListener::bind(addr).await.expect("a port");
        let addr = listener.local_addr().expect("an address");
        let (state, receiver) = watch::channel(unit());
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(s9_api::run(listener, receiver, shutdown.clone()));
        Sim {
            addr,
            state,
            shutdown,
            task: AbortOnDropHandle::new(task),
        }
    }

    /// Closes the port, as a unit does that restarts.
    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.expect("a clean end");
    }
}

/// A server that treats every connection alike. It ends with the test's runtime.
pub(crate) async fn server(act: Act) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(perform(act.clone(), stream));
        }
    });
    addr
}

/// Acts on a request, whatever it is.
async fn perform(act: Act, mut stream: TcpStream) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 1024]).await?;
    act.perform(stream).await
}

/// The file `name` of `tests/data`.
pub(crate) fn data(name: &str) -> String {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
