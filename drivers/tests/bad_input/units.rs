//! Simulated units that behave.

use std::net::SocketAddr;

use thermine_sim::goldshell::Firmware;
use thermine_sim::miner::PoolSettings;
use thermine_sim::params::Params;
use thermine_sim::{lb_box, lv06, s9};
use thermine_units::clock::Clock;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// A unit of each kind, mining at `pool`.
pub(crate) struct Units {
    /// The S9's cgminer API.
    pub(crate) s9: SocketAddr,
    /// The LV06's page.
    pub(crate) lv06: SocketAddr,
    /// The LB-Box's web backend.
    pub(crate) lb_box: SocketAddr,
    /// Its cgminer API.
    pub(crate) lb_box_api: SocketAddr,
    _stop: DropGuard,
}

pub(crate) async fn loopback() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let addr = listener.local_addr().expect("an address");
    (listener, addr)
}

impl Units {
    /// Units in real time; nobody need listen at `pool`.
    pub(crate) async fn start(pool: SocketAddr) -> Units {
        let stop = CancellationToken::new();
        let (clock, tracker) = (Clock::real(), TaskTracker::new());
        let pool = |worker: &str| PoolSettings {
            pool,
            worker: worker.to_owned(),
            difficulty_scale: 1e-9,
        };
        let (api, s9) = loopback().await;
        let unit = s9::Settings {
            pool: pool("s9"),
            params: Params::s9(),
            seed: 1,
            faults: Vec::new(),
        };
        let _truth = s9::start(unit, api, clock.clone(), &tracker, &stop);
        let (page, lv06) = loopback().await;
        let unit = lv06::Settings {
            pool: pool("lv06"),
            params: Params::lv06(),
            seed: 1,
        };
        lv06::start(unit, page, clock.clone(), &tracker, &stop);
        let ((http, lb_box), (api, lb_box_api)) = (loopback().await, loopback().await);
        let unit = lb_box::Settings {
            pool: pool("box"),
            params: Params::lb_box(),
            seed: 1,
            firmware: Firmware::default(),
        };
        lb_box::start(unit, http, api, clock, &tracker, &stop);
        Units {
            s9,
            lv06,
            lb_box,
            lb_box_api,
            _stop: stop.drop_guard(),
        }
    }

    /// Units without a pool.
    pub(crate) async fn idle() -> Units {
        Units::start(SocketAddr::from(([127, 0, 0, 1], 1))).await
    }
}

/// The file `name` of `tests/data`.
pub(crate) fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
