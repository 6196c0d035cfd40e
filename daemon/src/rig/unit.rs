//! A unit at its wires.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use thermine_drivers::bm13xx::register::RESET_DIVIDER;
use thermine_drivers::bm13xx::{self, BringUp, Controller, Link};
use thermine_drivers::clock::Clock;
use thermine_drivers::control::{Applied, Control};
use thermine_drivers::interlock::{self, Cause, Guarded, Permission};
use thermine_drivers::poller::Latest;
use thermine_drivers::quantity::MegaHertz;
use thermine_drivers::record::Recorder;
use thermine_drivers::seed;
use thermine_drivers::stratum::Session;
use thermine_drivers::stratum::factory::JobFactory;
use thermine_drivers::stratum::server::{Expected, NeverConnected};
use thermine_drivers::substrate::{Discipline, Handshake, Idle, Provenance, SerialChain};
use thermine_drivers::unit::OperatingPoint;
use thermine_drivers::units::Model;
use thermine_drivers::vbm::Hub;
use thermine_drivers::vbm::hub::Release;
use tokio::sync::watch;
use tokio_serial::SerialStream;

use super::{Driven, simulated};
use crate::config::{self, Config};

/// Divider of the baud rate that chips are raised to, by generation: 1,562,500 and 1,041,667.
const FAST: [u8; 2] = [1, 2];

/// A unit that is watched, and can be driven.
#[derive(Debug)]
pub struct Unit {
    /// Its name in the configuration.
    pub name: String,
    /// Its model.
    pub model: Model,
    /// What is known of it.
    pub latest: watch::Receiver<Latest>,
    provenance: Provenance,
    point: OperatingPoint,
    clock: Clock,
    /// `None` while it is driven.
    jobs: Option<JobFactory>,
    wire: Wire,
}

/// Where its work goes.
#[derive(Debug)]
enum Wire {
    Network(Box<Network>),
    Serial(Box<Serial>),
}

/// Where a unit's session comes from.
#[derive(Debug)]
pub(super) enum Door {
    /// It connects to a server of ours, which has promised it.
    Server(Expected),
    /// It mines through the proxy, and is held out of it while it is driven.
    Proxy(Hub, Option<Release>),
}

/// A unit that connects to a Stratum server and has a control interface.
#[derive(Debug)]
pub(super) struct Network {
    /// Where it comes in.
    pub(super) door: Door,
    /// Wall time that the unit is given to connect and to give a first reading.
    pub(super) patience: Duration,
    /// Where the server or the proxy listens.
    pub(super) pool: SocketAddr,
    /// The worker name that is expected.
    pub(super) worker: String,
    /// Address of the control interface.
    pub(super) control: SocketAddr,
    /// Its interlock.
    pub(super) guard: Guarded,
    /// Its session, once it has connected and while it is not driven.
    pub(super) session: Option<Session>,
}

/// Bare chips on a serial line.
#[derive(Debug)]
struct Serial {
    port: PathBuf,
    link: Option<Link<SerialStream>>,
    bring_up: BringUp,
    settings: bm13xx::controller::Settings,
    controller: Option<Controller<SerialStream>>,
}

impl Unit {
    pub(super) fn network(
        config: &Config,
        network: Network,
        latest: watch::Receiver<Latest>,
        clock: Clock,
        seed: u64,
    ) -> Unit {
        Unit::new(
            config,
            Wire::Network(Box::new(network)),
            latest,
            clock,
            seed,
        )
    }

    pub(super) fn serial(
        config: &Config,
        serial: &config::Serial,
        port: PathBuf,
        clock: Clock,
        seed: u64,
    ) -> Result<Unit> {
        let model = config.unit.model;
        let stream = bm13xx::baud::open(&port).with_context(|| {
            format!(
                "{}: cannot open the serial port {} (serial.port): is the adapter plugged in, and yours to use?",
                config.unit.name,
                port.display()
            )
        })?;
        let family = simulated::family(model)?;
        let place = format!("{} at {}", config.unit.name, port.display());
        let scale = config.unit.simulated.as_ref();
        let wire = Serial {
            link: Some(Link::new(stream, place, family, clock.clone())),
            port,
            bring_up: BringUp {
                expected: Some(usize::from(serial.chips)),
                frequency: MegaHertz(serial.frequency_mhz),
                ticket: serial.ticket_difficulty,
                baud_divider: FAST[usize::from(model == Model::Bm1366)].min(RESET_DIVIDER),
                version_mask: None,
            },
            settings: bm13xx::controller::Settings {
                difficulty_scale: scale.map_or(1.0, |simulated| simulated.difficulty_scale),
                ..bm13xx::controller::Settings::default()
            },
            controller: None,
        };
        // Until the chain is up.
        let (_, nothing) = watch::channel(Latest::default());
        Ok(Unit::new(
            config,
            Wire::Serial(Box::new(wire)),
            nothing,
            clock,
            seed,
        ))
    }

    fn new(
        config: &Config,
        wire: Wire,
        latest: watch::Receiver<Latest>,
        clock: Clock,
        seed: u64,
    ) -> Unit {
        let model = config.unit.model;
        let jobs = JobFactory::new(seed::stream(seed, "jobs")).with_algorithm(model.algorithm());
        Unit {
            name: config.unit.name.clone(),
            model,
            latest,
            provenance: config.provenance(),
            point: config.point.operating_point(),
            clock,
            jobs: Some(jobs),
            wire,
        }
    }

    /// What has to be set on the unit, for whoever must do it.
    pub fn instructions(&self) -> String {
        match &self.wire {
            Wire::Network(network) => format!(
                "{}: its pool is stratum+tcp://{}, its worker {}",
                self.name, network.pool, network.worker
            ),
            Wire::Serial(serial) => format!("{}: on {}", self.name, serial.port.display()),
        }
    }

    /// Waits until the unit has work to take, has been read and found well by its interlock, and runs where
    /// the configuration wants it. Returns what of that is not as asked.
    ///
    /// # Errors
    /// If it does not connect or answer, must not run, or cannot be set.
    pub async fn ready(&mut self) -> Result<Vec<String>> {
        match &mut self.wire {
            Wire::Network(network) => {
                network.connected().await?;
                network.read(&mut self.latest).await?;
                let granted = network.guard.granted(network.patience).await;
                granted.map_err(|cause| anyhow::anyhow!("{cause}"))?;
                if self.point == OperatingPoint::UNCHANGED {
                    return Ok(Vec::new());
                }
                let applied = network.guard.set(self.point).await;
                let applied = applied.with_context(|| {
                    format!(
                        "{}: cannot be set to where it is to run ([point])",
                        self.name
                    )
                })?;
                Ok(applied.remarks.iter().map(ToString::to_string).collect())
            }
            Wire::Serial(serial) => {
                let Some(mut link) = serial.link.take() else {
                    return Ok(Vec::new());
                };
                let chain = link.bring_up(&serial.bring_up).await?;
                let remarks = chain.warnings.clone();
                let controller = Controller::new(link, chain, serial.settings);
                self.latest = controller.latest();
                serial.controller = Some(controller);
                Ok(remarks)
            }
        }
    }

    /// Where its numbers come from.
    pub fn provenance(&self) -> &Provenance {
        &self.provenance
    }

    /// Which wires it is on.
    pub fn wires(&self) -> String {
        match &self.wire {
            Wire::Network(network) => format!(
                "Stratum on {}, control interface at {}",
                network.pool, network.control
            ),
            Wire::Serial(serial) => format!("serial line {}", serial.port.display()),
        }
    }

    /// Asks the unit to run at `asked`, within its limits, and reads back where it then runs. It must be
    /// ready and not be driven.
    ///
    /// # Errors
    /// If it must not, or cannot be set.
    pub async fn set(&mut self, asked: OperatingPoint) -> Result<Applied> {
        match &mut self.wire {
            Wire::Network(network) => Ok(network.guard.set(asked).await?),
            Wire::Serial(serial) => match &mut serial.controller {
                Some(controller) => Ok(controller.set(&asked).await?),
                None => bail!("{}: its chain is not up", self.name),
            },
        }
    }

    /// Sets the unit back to where the configuration wants it, if that says where.
    ///
    /// # Errors
    /// As [`set`](Unit::set).
    pub async fn set_back(&mut self) -> Result<()> {
        if self.point != OperatingPoint::UNCHANGED {
            self.set(self.point).await?;
        }
        Ok(())
    }

    /// Takes its work away: hangs up, or lets the chips run dry. [`ready`](Unit::ready) waits for it to come
    /// back.
    pub async fn hang_up(&mut self) {
        match &mut self.wire {
            Wire::Network(network) => {
                if let Some(mut session) = network.session.take() {
                    session.hang_up().await;
                }
            }
            Wire::Serial(serial) => {
                if let Some(controller) = &mut serial.controller {
                    // A port that fails brings no work either.
                    let _ = controller.stop().await;
                }
            }
        }
    }

    /// The unit as a substrate, recorded by `recorder`. It must be [`ready`](Unit::ready).
    ///
    /// # Errors
    /// If it is not, or is being driven already.
    pub fn drive(&mut self, discipline: Discipline, recorder: Recorder) -> Result<Driven> {
        let Some(jobs) = self.jobs.take() else {
            bail!("{}: is being driven already", self.name);
        };
        let provenance = self.provenance.clone();
        match &mut self.wire {
            Wire::Network(network) => {
                let Some(session) = network.session.take() else {
                    bail!("{}: is not connected", self.name);
                };
                let handshake = Handshake::new(
                    session,
                    jobs,
                    discipline,
                    self.model.switch_dead_time(),
                    self.latest.clone(),
                    recorder,
                    provenance,
                    self.clock.clone(),
                );
                let handshake = handshake
                    .with_setter(network.guard.setter())
                    .with_permission(network.guard.permission())?;
                Ok(Driven::Handshake(Box::new(handshake)))
            }
            Wire::Serial(serial) => {
                let Some(controller) = serial.controller.take() else {
                    bail!("{}: its chain is not up", self.name);
                };
                let chain = SerialChain::new(
                    controller,
                    jobs,
                    discipline,
                    recorder,
                    provenance,
                    self.clock.clone(),
                );
                Ok(Driven::Chain(Box::new(chain)))
            }
        }
    }

    /// The unit as a substrate without work, recorded by `recorder`: what it had is taken away, and it is given no
    /// more when it comes back.
    ///
    /// # Errors
    /// If it does not come back, or is on a serial line.
    pub async fn idle(&mut self, recorder: Recorder) -> Result<Driven> {
        let session = match &mut self.wire {
            Wire::Network(network) => {
                if let Some(mut session) = network.session.take() {
                    session.hang_up().await;
                }
                network.connected().await?;
                network.session.take()
            }
            Wire::Serial(_) => bail!(
                "{}: bare chips tell nothing of themselves without work",
                self.name
            ),
        };
        let idle = Idle::new(
            session,
            self.latest.clone(),
            recorder,
            self.provenance.clone(),
            self.clock.clone(),
        );
        Ok(Driven::Idle(Box::new(idle)))
    }

    /// Ends a drive: all its shares are durable and acknowledged, and the unit can be driven again.
    ///
    /// # Errors
    /// If the unit has gone or the capture has failed.
    pub async fn release(&mut self, driven: Driven) -> Result<()> {
        match (driven, &mut self.wire) {
            (Driven::Handshake(handshake), Wire::Network(network)) => {
                let (session, jobs) = handshake.finish().await?;
                network.session = Some(session);
                self.jobs = Some(jobs);
            }
            (Driven::Chain(chain), Wire::Serial(serial)) => {
                let (controller, jobs) = chain.finish().await?;
                serial.controller = Some(controller);
                self.jobs = Some(jobs);
            }
            (Driven::Idle(idle), Wire::Network(network)) => network.session = idle.finish(),
            _ => bail!("{}: what was driven is another unit", self.name),
        }
        Ok(())
    }

    /// Gives the unit up to be driven again after a drive that broke off, with jobs of another `seed`. Returns whether
    /// it can be: bare chips whose line has failed must be brought in anew.
    pub fn abandon(&mut self, seed: u64) -> bool {
        if self.jobs.is_none() {
            let jobs = JobFactory::new(seed::stream(seed, "jobs"));
            self.jobs = Some(jobs.with_algorithm(self.model.algorithm()));
        }
        matches!(self.wire, Wire::Network(_))
    }

    /// What its interlock says of its work; `None` for bare chips, which have none.
    pub fn permission(&self) -> Option<watch::Receiver<Permission>> {
        match &self.wire {
            Wire::Network(network) => Some(network.guard.permission()),
            Wire::Serial(_) => None,
        }
    }

    /// Why its interlock withholds work, if it does.
    pub fn withheld(&self) -> Option<Cause> {
        match &self.wire {
            Wire::Network(network) => interlock::withheld(&network.guard.permission()),
            Wire::Serial(_) => None,
        }
    }

    /// Ends the unit's work and leaves it at its model's safe point. Returns whether it has confirmed that. One that was
    /// held out of the proxy goes back to mining.
    pub async fn end(self) -> bool {
        match self.wire {
            Wire::Network(network) => {
                let is_safe = network.guard.end().await;
                if let (Door::Proxy(_, Some(release)), Some(session)) =
                    (network.door, network.session)
                {
                    release.give_back(session);
                }
                is_safe
            }
            Wire::Serial(serial) => match serial.controller {
                Some(mut controller) => controller.stop().await.is_ok(),
                None => true,
            },
        }
    }
}

impl Door {
    async fn session(
        &mut self,
        worker: &str,
        patience: Duration,
    ) -> Result<Session, NeverConnected> {
        match self {
            Door::Server(expected) => expected.session(patience).await,
            Door::Proxy(hub, way_back) => {
                // The proxy takes a session for held until it knows that it does not come back.
                *way_back = None;
                let (session, release) = hub.hold_within(worker, patience).await?.split();
                *way_back = Some(release);
                Ok(session)
            }
        }
    }
}

impl Network {
    async fn connected(&mut self) -> Result<()> {
        if self.session.is_none() {
            self.session = Some(self.door.session(&self.worker, self.patience).await?);
        }
        Ok(())
    }

    async fn read(&self, latest: &mut watch::Receiver<Latest>) -> Result<()> {
        let first = latest.wait_for(|latest| latest.telemetry.is_some());
        if tokio::time::timeout(self.patience, first).await.is_ok() {
            return Ok(());
        }
        let latest = latest.borrow();
        let reason = latest
            .last_error
            .as_ref()
            .map_or_else(|| "no reply".to_string(), ToString::to_string);
        bail!(
            "{}: its control interface at {} gave no reading within {} s ({reason}): check api.address, and \
             that the interface is switched on",
            self.worker,
            self.control,
            self.patience.as_secs_f64(),
        )
    }
}
