//! What runs beside the units: servers, pollers, interlocks, simulated units.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use thermine_drivers::interlock::Guarded;
use thermine_drivers::poller::Latest;
use thermine_proxy::Hub;
use thermine_stratum::server::Server;
use thermine_stratum::session::Settings;
use thermine_units::clock::Clock;
use thermine_units::listen;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, watch};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use super::clients::Clients;
use super::unit::{self, Door, Unit};
use super::{machine, simulated};
use crate::config::{Api, Config, Serial, Simulated, Stratum, Wires};
use crate::descriptors;

/// Everything that runs beside the units; ends when dropped.
#[derive(Debug)]
pub struct Attachments {
    pub(super) clock: Clock,
    pub(super) clients: Arc<Clients>,
    doors: Arc<Mutex<Doors>>,
    /// Where its units mine, and are held out of to be driven.
    proxy: Option<(Hub, SocketAddr)>,
    pub(super) tasks: TaskTracker,
    pub(super) shutdown: CancellationToken,
    _stop: DropGuard,
}

/// The Stratum servers, which rigs beside each other share.
#[derive(Debug)]
struct Doors {
    servers: Vec<Listening>,
    /// Of the attachments that they live and end with.
    tasks: TaskTracker,
    shutdown: CancellationToken,
}

impl Doors {
    fn new(tasks: &TaskTracker, shutdown: &CancellationToken) -> Arc<Mutex<Doors>> {
        Arc::new(Mutex::new(Doors {
            servers: Vec::new(),
            tasks: tasks.clone(),
            shutdown: shutdown.clone(),
        }))
    }
}

/// A Stratum server of the attachments.
#[derive(Debug)]
struct Listening {
    asked: SocketAddr,
    scale: f64,
    real: SocketAddr,
    server: Server,
}

impl Attachments {
    /// Attachments without units, which live by `clock`.
    ///
    /// # Errors
    /// If the system gives no sockets to work with.
    pub fn new(clock: Clock) -> Result<Attachments> {
        Ok(Attachments::with(clock, Arc::new(Clients::new()?), None))
    }

    fn with(clock: Clock, clients: Arc<Clients>, doors: Option<Arc<Mutex<Doors>>>) -> Attachments {
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        Attachments {
            clock,
            clients,
            doors: doors.unwrap_or_else(|| Doors::new(&tasks, &shutdown)),
            proxy: None,
            tasks,
            _stop: shutdown.clone().drop_guard(),
            shutdown,
        }
    }

    /// Attachments of their own life, at the same clock and behind the same Stratum servers, which end with this one: for
    /// units that share a port and come and go one by one.
    pub fn beside(&self) -> Attachments {
        let (clock, clients) = (self.clock.clone(), self.clients.clone());
        Attachments {
            proxy: self.proxy.clone(),
            ..Attachments::with(clock, clients, Some(self.doors.clone()))
        }
    }

    /// Attachments of their own life whose units mine through the proxy of `hub`, which listens on `pool`: each is held out of
    /// it while it is driven.
    pub fn behind(&self, hub: Hub, pool: SocketAddr) -> Attachments {
        let clock = hub.clock().clone();
        Attachments {
            proxy: Some((hub, pool)),
            ..Attachments::with(clock, self.clients.clone(), None)
        }
    }

    /// Attachments of their own life, clock and servers.
    pub fn apart(&self, clock: Clock) -> Attachments {
        Attachments::with(clock, self.clients.clone(), None)
    }

    /// The clock that its units live by.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Brings in the unit of `config`, and starts it if it is simulated; `seed` is that of its physics and
    /// of its jobs. Does not wait for it: see [`Unit::ready`].
    ///
    /// # Errors
    /// If an address cannot be listened on, or a simulated unit not be started.
    pub async fn attach(&mut self, config: &Config, seed: u64) -> Result<Unit> {
        match config.wires().map_err(anyhow::Error::msg)? {
            Wires::Network { stratum, api } => {
                self.attach_network(config, stratum, api, seed).await
            }
            Wires::Serial(serial) => self.attach_serial(config, serial, seed),
        }
    }

    /// Reads the unit of `config` and does nothing else to it: it is given no work and is not set.
    ///
    /// # Errors
    /// If it has no control interface.
    pub(crate) fn observe(&self, config: &Config) -> Result<watch::Receiver<Latest>> {
        match config.wires().map_err(anyhow::Error::msg)? {
            Wires::Network { stratum, api } => self.observed(config, api, &stratum.worker),
            Wires::Serial(_) => bail!("bare chips are not read unless they are driven"),
        }
    }

    /// Reads and guards the unit of `config`, which gets its work at `pool` and not from here, and starts it if it
    /// is simulated.
    ///
    /// # Errors
    /// If it has no control interface, or a simulated unit cannot be started.
    pub async fn attend(
        &self,
        config: &Config,
        pool: SocketAddr,
        seed: u64,
    ) -> Result<(watch::Receiver<Latest>, Guarded)> {
        let Wires::Network { stratum, api } = config.wires().map_err(anyhow::Error::msg)? else {
            bail!(
                "{}: bare chips cannot mine at a pool: take it out of the proxied units",
                config.unit.name
            );
        };
        let (ports, api) = Attachments::ports(config, api).await?;
        let watched = self.guarded(config, &api, &stratum.worker)?;
        if let Some((ports, played)) = ports {
            let mine = mine(config, stratum, &played, pool, seed);
            ports.start(mine, &self.clock, &self.tasks, &self.shutdown)?;
        }
        Ok(watched)
    }

    /// The ports of a simulated unit's control interface with how it is played, and the interface as it is then reached.
    async fn ports(
        config: &Config,
        api: &Api,
    ) -> Result<(Option<(simulated::Ports, Simulated)>, Api)> {
        let Some(played) = &config.unit.simulated else {
            return Ok((None, api.clone()));
        };
        let ports = simulated::listen(config.unit.model, api.address.ip(), false).await?;
        let api = Api {
            address: ports.control,
            cgminer: ports.cgminer,
            ..api.clone()
        };
        Ok((Some((ports, played.clone())), api))
    }

    async fn attach_network(
        &mut self,
        config: &Config,
        stratum: &Stratum,
        api: &Api,
        seed: u64,
    ) -> Result<Unit> {
        let worker = &stratum.worker;
        let (ports, api) = Attachments::ports(config, api).await?;
        let admit = machine::admit(config, stratum, &api);
        let (door, pool, (latest, guard)) = match &self.proxy {
            Some((hub, pool)) => {
                let door = Door::Proxy(hub.clone(), admit, None);
                (door, *pool, self.guarded(config, &api, worker)?)
            }
            None => {
                let simulated = config.unit.simulated.as_ref();
                let scale = simulated.map_or(1.0, |simulated| simulated.difficulty_scale);
                let mut doors = self.doors.lock().await;
                let (server, pool, unserved) = self.server(&doors, stratum, scale)?;
                // The order of these is that of the seats at the clock.
                let guarded = self.guarded(config, &api, worker)?;
                let door = Door::Server(server.expect_if(worker, admit));
                if let Some(listener) = unserved {
                    doors.serve(stratum.listen, scale, &server, listener)?;
                }
                (door, pool, guarded)
            }
        };
        let mut truth = None;
        if let Some((ports, played)) = ports {
            let mine = mine(config, stratum, &played, pool, seed);
            truth = ports.start(mine, &self.clock, &self.tasks, &self.shutdown)?;
        }
        let network = unit::Network {
            door: unit::SharedDoor::new(door, &stratum.worker),
            reconnect: Duration::from_secs_f64(config.unit.reconnect_seconds),
            patience: Duration::from_secs_f64(stratum.connect_timeout_seconds),
            pool,
            worker: stratum.worker.clone(),
            control: api.address,
            guard,
            session: None,
        };
        Ok(Unit::network(
            config,
            network,
            (latest, truth),
            self.clock.clone(),
            seed,
        ))
    }

    fn attach_serial(&mut self, config: &Config, serial: &Serial, seed: u64) -> Result<Unit> {
        let port = match &config.unit.simulated {
            None => serial.port.clone(),
            Some(simulated) => simulated::chips(
                config.unit.model,
                usize::from(serial.chips),
                simulated,
                seed,
                (&self.clock, &self.tasks, &self.shutdown),
            )?,
        };
        Unit::serial(config, serial, port, self.clock.clone(), seed)
    }

    /// The Stratum server on `listen` whose units hash at `scale` times the difficulty. If it is not there yet it is
    /// made, with a listener that nobody serves before its first unit is expected. Port 0 is always a new one.
    fn server(
        &self,
        doors: &Doors,
        stratum: &Stratum,
        scale: f64,
    ) -> Result<(Server, SocketAddr, Option<TcpListener>)> {
        let listen = stratum.listen;
        let known = doors
            .servers
            .iter()
            .find(|known| known.asked == listen && listen.port() != 0 && known.scale == scale);
        if let Some(known) = known {
            return Ok((known.server.clone(), known.real, None));
        }
        let listener = listen::listen(listen).with_context(|| {
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
            max_unauthorised: descriptors::at_most(
                stratum.max_unauthorised,
                8,
                "stratum.max_unauthorised",
            ),
            ..Settings::default()
        };
        let server = Server::new(settings, self.clock.clone());
        Ok((server, real, Some(listener)))
    }

    /// Ends all tasks and waits for them. Units are to be [ended](Unit::end) before.
    pub async fn close(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Doors {
    /// Serves `listener` from now on.
    fn serve(
        &mut self,
        asked: SocketAddr,
        scale: f64,
        server: &Server,
        listener: TcpListener,
    ) -> Result<()> {
        let real = listener.local_addr()?;
        tracing::info!(stratum = %real, "listening for units");
        self.tasks
            .spawn(server.clone().serve(listener, self.shutdown.clone()));
        self.servers.push(Listening {
            asked,
            scale,
            real,
            server: server.clone(),
        });
        Ok(())
    }
}

/// What the simulated unit of `config` mines at `pool`.
fn mine(
    config: &Config,
    stratum: &Stratum,
    played: &Simulated,
    pool: SocketAddr,
    seed: u64,
) -> simulated::Mine {
    simulated::Mine {
        model: config.unit.model,
        pool,
        worker: stratum.worker.clone(),
        played: played.clone(),
        seed,
    }
}
