//! Brings units to whoever drives or watches them: listeners, the simulated units where some are asked for,
//! the pollers of their telemetry, and the way to their work.
//!
//! - [`unit`]: a unit at its wires; [`driven`]: the same while it is driven;
//! - [`simulated`]: what the program plays itself.

pub mod driven;
mod simulated;
pub mod unit;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use thermine_drivers::cgminer;
use thermine_drivers::clock::Clock;
use thermine_drivers::poller::{Latest, Poller, Source};
use thermine_drivers::seed;
use thermine_drivers::stratum::server::Server;
use thermine_drivers::stratum::session::Settings;
use thermine_drivers::units::Model;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use driven::Driven;
pub use unit::Unit;

use crate::config::{Api, Config, Stratum, Wires};

/// Everything that runs beside the units; ends when dropped.
#[derive(Debug)]
pub struct Rig {
    clock: Clock,
    servers: Vec<Listening>,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    _stop: DropGuard,
}

/// A Stratum server of the rig.
#[derive(Debug)]
struct Listening {
    asked: SocketAddr,
    scale: f64,
    real: SocketAddr,
    server: Server,
}

impl Rig {
    /// A rig without units, whose units live by `clock`.
    pub fn new(clock: Clock) -> Rig {
        let shutdown = CancellationToken::new();
        Rig {
            clock,
            servers: Vec::new(),
            tasks: TaskTracker::new(),
            _stop: shutdown.clone().drop_guard(),
            shutdown,
        }
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Brings in the unit of `config`, and starts it if it is simulated; `seed` is that of its physics and
    /// of its jobs. Does not wait for it: see [`Unit::ready`].
    ///
    /// # Errors
    /// If an address cannot be listened on.
    pub async fn attach(&mut self, config: &Config, seed: u64) -> Result<Unit> {
        let name = &config.unit.name;
        match config.wires().map_err(anyhow::Error::msg)? {
            Wires::Network { stratum, api } => {
                self.attach_network(config, stratum, api, seed).await
            }
            Wires::Serial(_) => bail!("{name}: not driven yet"),
        }
    }

    async fn attach_network(
        &mut self,
        config: &Config,
        stratum: &Stratum,
        api: &Api,
        seed: u64,
    ) -> Result<Unit> {
        let simulated = config.unit.simulated.as_ref();
        let scale = simulated.map_or(1.0, |simulated| simulated.difficulty_scale);
        let (server, pool) = self.server(stratum.listen, scale).await?;
        let wires = match simulated {
            None => None,
            Some(_) => Some(simulated::listen(api.address.ip()).await?),
        };
        let address = wires.as_ref().map_or(api.address, |wires| wires.control);
        // The order of these is that of the seats at the clock.
        let latest = self.poll(config.unit.model, address, api, &stratum.worker)?;
        let expected = server.expect(&stratum.worker);
        if let Some(wires) = wires {
            wires.start(config, pool, scale, seed, self)?;
        }
        Ok(Unit::network(
            config,
            unit::Network {
                expected,
                patience: Duration::from_secs_f64(stratum.connect_timeout_seconds),
                pool,
                worker: stratum.worker.clone(),
                control: address,
            },
            latest,
            self.clock.clone(),
            seed,
        ))
    }

    /// The poller of a unit's control interface.
    fn poll(
        &self,
        model: Model,
        address: SocketAddr,
        api: &Api,
        worker: &str,
    ) -> Result<watch::Receiver<Latest>> {
        let source = match model {
            Model::AntminerS9 => cgminer::Source::new(address),
            _ => bail!("{model}: not driven yet"),
        };
        Ok(self.spawn(source, api, worker))
    }

    fn spawn(
        &self,
        source: impl Source + 'static,
        api: &Api,
        worker: &str,
    ) -> watch::Receiver<Latest> {
        let poller = Poller::new(
            source,
            self.clock.clone(),
            Duration::from_secs_f64(api.poll_seconds),
            seed::stream(0, worker),
        );
        let (sender, latest) = watch::channel(Latest::default());
        self.tasks.spawn(poller.run(self.shutdown.clone(), sender));
        latest
    }

    /// The Stratum server on `listen` whose units hash at `scale` times the difficulty; made if it is not
    /// there yet. Port 0 is always a new one.
    async fn server(&mut self, listen: SocketAddr, scale: f64) -> Result<(Server, SocketAddr)> {
        let known = self
            .servers
            .iter()
            .find(|known| known.asked == listen && listen.port() != 0 && known.scale == scale);
        if let Some(known) = known {
            return Ok((known.server.clone(), known.real));
        }
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!(
                "cannot listen for units on {listen} (stratum.listen): is another program using it?"
            )
        })?;
        let real = listener.local_addr()?;
        if !real.ip().is_loopback() {
            tracing::warn!(stratum = %real, "the Stratum server can be reached from the network");
        }
        let settings = Settings {
            difficulty_scale: scale,
            ..Settings::default()
        };
        let server = Server::new(settings, self.clock.clone());
        tracing::info!(stratum = %real, "listening for units");
        self.tasks
            .spawn(server.clone().serve(listener, self.shutdown.clone()));
        self.servers.push(Listening {
            asked: listen,
            scale,
            real,
            server: server.clone(),
        });
        Ok((server, real))
    }

    /// Ends all tasks and waits for them.
    pub async fn close(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
