//! One simulated unit alone, at which other programs can be pointed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use thermine_units::clock::Clock;
use thermine_units::model::Model;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::attach::simulated::{self, Mine};
use super::config::{Config, Simulated};
use super::request::findings::{Findings, Wrong};
use super::session::Context;

/// The unit that is simulated, and where it mines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimRequest {
    /// Model of the unit.
    pub model: Model,
    /// Address of the control interfaces.
    pub bind: IpAddr,
    /// Whether the interfaces take the ports of the real device, and not free ones.
    pub default_ports: bool,
    /// Pool at which the unit mines.
    pub pool: SocketAddr,
    /// Worker name at the pool.
    pub worker: String,
    /// Factor on the difficulty at which shares are hashed; absent for that of the example configuration.
    pub difficulty_scale: Option<f64>,
    /// Chips of a bare chain.
    pub chips: u8,
    /// Seed of the physics and of the nonces.
    pub seed: u64,
    /// Seconds of the unit's time in a second.
    pub speed: f64,
}

impl Default for SimRequest {
    fn default() -> SimRequest {
        SimRequest {
            model: Model::AntminerS9,
            bind: Ipv4Addr::LOCALHOST.into(),
            default_ports: false,
            pool: SocketAddr::from((Ipv4Addr::LOCALHOST, 3333)),
            worker: "sim".into(),
            difficulty_scale: None,
            chips: 1,
            seed: 1,
            speed: 1.0,
        }
    }
}

impl SimRequest {
    /// Looks for everything that is wrong with a request.
    ///
    /// # Errors
    /// With all of it.
    pub fn check(&self) -> Result<(), Wrong> {
        let mut found = Findings::default();
        found.positive(
            "difficulty_scale",
            self.difficulty_scale.unwrap_or(1.0),
            1000.0,
        );
        found.within("chips", self.chips, 1, 63);
        found.positive("speed", self.speed, 1000.0);
        found.all()
    }
}

/// Where a simulated unit is reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Reached {
    /// Bare chips on a pseudo-terminal.
    Serial(PathBuf),
    /// A unit with a controller.
    Network {
        /// Address of the control interface.
        control: SocketAddr,
        /// Address of the cgminer API, if it is another.
        cgminer: Option<SocketAddr>,
        /// Address of the web page, if it is another.
        page: Option<SocketAddr>,
        /// Factor on the difficulty at which shares are hashed.
        difficulty_scale: f64,
    },
}

/// Runs the unit until `context` is stopped, and gives `started` where it is reached.
///
/// # Errors
/// If a port is taken, the system gives no pseudo-terminal, or `started` fails.
pub async fn run(
    request: &SimRequest,
    context: &Context,
    started: &mut dyn FnMut(&Reached) -> Result<()>,
) -> Result<()> {
    let config = Config::simulated(request.model)?;
    let played = config.unit.simulated;
    let mut played = played.context("the model has no simulated unit")?;
    if let Some(scale) = request.difficulty_scale {
        played.difficulty_scale = scale;
    }
    let clock = Clock::scaled(request.speed);
    let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
    let reached = start(request, played, (&clock, &tasks, &shutdown)).await?;
    started(&reached)?;
    context.stopped().await;
    shutdown.cancel();
    tasks.close();
    tasks.wait().await;
    Ok(())
}

async fn start(
    request: &SimRequest,
    played: Simulated,
    parts: (&Clock, &TaskTracker, &CancellationToken),
) -> Result<Reached> {
    let SimRequest { model, seed, .. } = *request;
    if model.is_bare() {
        let chips = usize::from(request.chips);
        let path = simulated::chips(model, chips, &played, seed, parts)?;
        return Ok(Reached::Serial(path));
    }
    let ports = simulated::listen(model, request.bind, request.default_ports).await?;
    if !request.bind.is_loopback() {
        tracing::warn!(bind = %request.bind, "the simulated unit can be reached from the network");
    }
    let reached = Reached::Network {
        control: ports.control,
        cgminer: ports.cgminer,
        page: ports.page,
        difficulty_scale: played.difficulty_scale,
    };
    let mine = Mine {
        model,
        pool: request.pool,
        worker: request.worker.clone(),
        played,
        seed,
    };
    let (clock, tasks, shutdown) = parts;
    ports.start(mine, clock, tasks, shutdown)?;
    Ok(reached)
}
