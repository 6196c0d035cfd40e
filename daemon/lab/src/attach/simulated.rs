//! The units that the program plays itself, at the far end of real wires.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context, Result};
use thermine_drivers::bm13xx::Family;
use thermine_sim::miner::PoolSettings;
use thermine_sim::s9::Truth;
use thermine_sim::{chips as line, goldshell, lb_box, lv06, s9};
use thermine_units::clock::Clock;
use thermine_units::listen;
use thermine_units::model::{Model, Wire};
use thermine_units::params::BadParam;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::config::Simulated;

/// Port of a cgminer API.
const CGMINER_PORT: u16 = 4028;
/// Port of a web server.
const HTTP_PORT: u16 = 80;

/// The ports of a simulated unit's control interfaces.
#[derive(Debug)]
pub(crate) struct Ports {
    /// Address of the interface that is polled.
    pub(crate) control: SocketAddr,
    /// Address of the cgminer API, if it is another.
    pub(crate) cgminer: Option<SocketAddr>,
    /// Address of the web page, if it is another.
    pub(crate) page: Option<SocketAddr>,
    listener: TcpListener,
    second: Option<TcpListener>,
}

/// What a simulated unit mines.
#[derive(Debug, Clone)]
pub(crate) struct Mine {
    /// Model of the unit.
    pub(crate) model: Model,
    /// Address of the pool.
    pub(crate) pool: SocketAddr,
    pub(crate) worker: String,
    /// How it is played: difficulty scale, setting on start, silicon.
    pub(crate) played: Simulated,
    /// Seed of its physics and of its nonces.
    pub(crate) seed: u64,
}

/// Opens the ports of a unit of `model` on `ip`: the device's `own`, or free ones.
///
/// # Errors
/// If they are taken, or not permitted.
pub(crate) async fn listen(model: Model, ip: IpAddr, own: bool) -> Result<Ports> {
    let open = |port: u16| {
        let address = SocketAddr::new(ip, if own { port } else { 0 });
        listen::listen(address).with_context(|| {
            format!(
                "cannot listen on {address} for the simulated unit: is the port taken, or reserved?"
            )
        })
    };
    let wire = model.entry().wire;
    let first = match wire {
        Wire::Cgminer => CGMINER_PORT,
        _ => HTTP_PORT,
    };
    let listener = open(first)?;
    let second = match wire {
        Wire::Goldshell => Some(open(CGMINER_PORT)?),
        Wire::Cgminer => Some(open(HTTP_PORT)?),
        _ => None,
    };
    let address = second.as_ref().map(TcpListener::local_addr).transpose()?;
    let is_page = wire == Wire::Cgminer;
    Ok(Ports {
        control: listener.local_addr()?,
        cgminer: address.filter(|_| !is_page),
        page: address.filter(|_| is_page),
        listener,
        second,
    })
}

impl Ports {
    /// Starts a unit on them as tasks of `tasks`, until `shutdown`. Returns what no firmware knows of it, where that is
    /// watched.
    ///
    /// # Errors
    /// If what is assumed of its physics describes no unit.
    pub(crate) fn start(
        self,
        mine: Mine,
        clock: &Clock,
        tasks: &TaskTracker,
        shutdown: &CancellationToken,
    ) -> Result<Option<watch::Receiver<Truth>>, BadParam> {
        let pool = PoolSettings {
            pool: mine.pool,
            worker: mine.worker,
            difficulty_scale: mine.played.difficulty_scale,
        };
        let (seed, clock) = (mine.seed, clock.clone());
        let entry = mine.model.entry();
        let params = mine.played.params((entry.physics)(0))?;
        match (entry.wire, self.second) {
            (Wire::Goldshell, Some(api)) => {
                let settings = lb_box::Settings {
                    pool,
                    params,
                    seed,
                    firmware: goldshell::Firmware::default(),
                };
                lb_box::start(settings, self.listener, api, clock, tasks, shutdown);
            }
            (Wire::AxeOs, _) => {
                let settings = lv06::Settings { pool, params, seed };
                lv06::start(settings, self.listener, clock, tasks, shutdown);
            }
            (_, page) => {
                let settings = s9::Settings {
                    pool,
                    params,
                    seed,
                    faults: Vec::new(),
                };
                let truth =
                    s9::start_with_page(settings, self.listener, page, clock, tasks, shutdown);
                return Ok(Some(truth));
            }
        }
        Ok(None)
    }
}

/// Generation of the chips of a bare model.
///
/// # Errors
/// If it is no bare model.
pub(crate) fn family(model: Model) -> Result<Family> {
    Family::of(model).with_context(|| format!("{model} is not on a serial line"))
}

/// Starts `chips` bare chips on a pseudo-terminal, and returns its path.
///
/// # Errors
/// If the system gives no pseudo-terminal, or what is assumed describes no chips.
pub(crate) fn chips(
    model: Model,
    chips: usize,
    played: &Simulated,
    seed: u64,
    (clock, tasks, shutdown): (&Clock, &TaskTracker, &CancellationToken),
) -> Result<PathBuf> {
    let mut settings = line::Settings::new(family(model)?, chips, seed, played.difficulty_scale);
    settings.params.silicon = played.silicon.clone();
    settings.params.spread = played.spread.clone();
    settings.params = settings.params.assuming(&played.assume)?;
    line::start(settings, clock.clone(), tasks, shutdown)
        .context("cannot start simulated chips on a pseudo-terminal")
}
