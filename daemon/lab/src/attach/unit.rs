//! A unit at its wires.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::substrate::{
    Discipline, Handshake, Idle, NextSession, Patience, Reconnect, SerialChain,
};
use anyhow::{Context, Result, bail};
use thermine_drivers::bm13xx::register::RESET_DIVIDER;
use thermine_drivers::bm13xx::{self, BringUp, Controller, Link};
use thermine_drivers::control::{Applied, Control};
use thermine_drivers::evidence::Evidence;
use thermine_drivers::interlock::{self, Cause, Guarded, Permission};
use thermine_drivers::poller::Latest;
use thermine_proxy::Hub;
use thermine_proxy::Release;
use thermine_sim::s9::Truth;
use thermine_stratum::Session;
use thermine_stratum::factory::JobFactory;
use thermine_stratum::server::{Admit, Expected, NeverConnected};
use thermine_units::clock::Clock;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;
use thermine_units::quantity::MegaHertz;
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
use tokio::sync::{Mutex, watch};
use tokio_serial::SerialStream;

use super::driven::{Chain, Driven, LeftBehind};
use super::{machine, simulated};
use crate::config::{self, Config};

/// Divider of the baud rate that chips are raised to, by generation: 1,562,500 and 1,041,667.
const FAST: [u8; 2] = [1, 2];

/// Wall time that a unit has to say who it is after its first reading; a busy one takes a second to answer.
const IDENTIFYING: Duration = Duration::from_secs(10);

/// A unit that is watched, and can be driven.
#[derive(Debug)]
pub struct Unit {
    /// Its name in the configuration.
    pub name: String,
    /// Its model, as configured.
    pub model: Model,
    /// What is known of it.
    pub latest: watch::Receiver<Latest>,
    /// What was seen of it; `None` of a simulated unit.
    evidence: Option<Evidence>,
    point: OperatingPoint,
    clock: Clock,
    /// `None` while it is driven.
    jobs: Option<JobFactory>,
    wire: Wire,
    /// What no firmware knows of a simulated unit.
    truth: Option<watch::Receiver<Truth>>,
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
    Proxy(Hub, Admit, Option<Release>),
}

/// A unit's door, shared with what drives the unit.
#[derive(Debug, Clone)]
pub(super) struct SharedDoor {
    door: Arc<Mutex<Door>>,
    worker: String,
    is_proxy: bool,
}

/// A unit that connects to a Stratum server and has a control interface.
#[derive(Debug)]
pub(super) struct Network {
    /// Where it comes in.
    pub(super) door: SharedDoor,
    /// Time by the run's clock that it is given to come back while it is driven.
    pub(super) reconnect: Duration,
    /// Wall time that the unit is given to connect and to give a first reading.
    pub(super) patience: Duration,
    /// Where the server or the proxy listens.
    pub(super) pool: SocketAddr,
    /// The worker name that is expected.
    pub(super) worker: String,
    /// Address of the control interface.
    pub(super) control: SocketAddr,
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
    /// The controller of a drive that broke off.
    left: LeftBehind,
}

impl Unit {
    pub(super) fn network(
        config: &Config,
        network: Network,
        (latest, truth): (watch::Receiver<Latest>, Option<watch::Receiver<Truth>>),
        clock: Clock,
        seed: u64,
    ) -> Unit {
        let wire = Wire::Network(Box::new(network));
        Unit {
            truth,
            ..Unit::new(config, wire, latest, clock, seed)
        }
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
                baud_divider: FAST[usize::from(family == bm13xx::frame::Family::Bm1366)]
                    .min(RESET_DIVIDER),
                version_mask: None,
            },
            settings: bm13xx::controller::Settings {
                difficulty_scale: scale.map_or(1.0, |simulated| simulated.difficulty_scale),
                ..bm13xx::controller::Settings::default()
            },
            controller: None,
            left: LeftBehind::default(),
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
            evidence: config
                .unit
                .simulated
                .is_none()
                .then(|| Evidence::new(model)),
            point: config.point.operating_point(),
            clock,
            jobs: Some(jobs),
            wire,
            truth: None,
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
                let agent = network.session.as_ref().and_then(Session::agent);
                let remark = machine::remark(&self.name, self.model, agent);
                if let Some(evidence) = &self.evidence {
                    evidence.agent(agent);
                }
                network.read(&mut self.latest).await?;
                if let Some(evidence) = &self.evidence {
                    identify(evidence, &mut self.latest).await;
                }
                let granted = network.guard.granted(network.patience).await;
                granted.map_err(|cause| anyhow::anyhow!("{cause}"))?;
                if self.point == OperatingPoint::UNCHANGED {
                    return Ok(remark.into_iter().collect());
                }
                let applied = network.guard.set(self.point).await;
                let applied = applied.with_context(|| {
                    format!(
                        "{}: cannot be set to where it is to run ([operating_point])",
                        self.name
                    )
                })?;
                let applied = applied.remarks.iter().map(ToString::to_string);
                Ok(remark.into_iter().chain(applied).collect())
            }
            Wire::Serial(serial) => {
                let Some(mut link) = serial.link.take() else {
                    return Ok(Vec::new());
                };
                let chain = link.bring_up(&serial.bring_up).await?;
                let remarks = chain.warnings.clone();
                if let Some(evidence) = &self.evidence {
                    evidence.chips_answered();
                }
                let controller = Controller::new(link, chain, serial.settings);
                self.latest = controller.latest();
                serial.controller = Some(controller);
                Ok(remarks)
            }
        }
    }

    /// Waits until the unit is connected, if it left after a drive.
    ///
    /// # Errors
    /// If it does not connect.
    pub(crate) async fn connected(&mut self) -> Result<()> {
        match &mut self.wire {
            Wire::Network(network) => network.connected().await,
            Wire::Serial(_) => Ok(()),
        }
    }

    /// Makes a broken connection end a drive at once, for an owner that brings the unit in again itself.
    pub fn without_patience(&mut self) {
        if let Wire::Network(network) = &mut self.wire {
            network.reconnect = Duration::ZERO;
        }
    }

    /// Where its numbers come from, by what was seen of it so far.
    pub fn provenance(&self) -> Provenance {
        match &self.evidence {
            None => Provenance::Simulated,
            Some(evidence) => evidence.provenance(),
        }
    }

    /// The meter at the wall of a simulated unit, where it has one.
    pub(crate) fn wall_meter(&self) -> Option<watch::Receiver<Truth>> {
        self.truth.clone()
    }

    /// The clock that it is driven by.
    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What was seen of it; `None` of a simulated unit.
    pub fn evidence(&self) -> Option<Evidence> {
        self.evidence.clone()
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
    pub(crate) async fn set_back(&mut self) -> Result<()> {
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
        let (provenance, evidence) = (self.provenance(), self.evidence.clone());
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
                    .with_patience(network.patience(self.point))
                    .with_setter(network.guard.setter())
                    .with_permission(network.guard.permission())?;
                let handshake = match evidence {
                    None => handshake,
                    Some(evidence) => handshake.with_evidence(evidence),
                };
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
                let chain = match evidence {
                    None => chain,
                    Some(evidence) => chain.with_evidence(evidence),
                };
                Ok(Driven::Chain(Chain::new(chain, &serial.left)))
            }
        }
    }

    /// The unit as a substrate without work, recorded by `recorder`: what it had is taken away, and it is given no
    /// more when it comes back.
    ///
    /// # Errors
    /// If it does not come back, or is on a serial line.
    pub(crate) async fn idle(&mut self, recorder: Recorder) -> Result<Driven> {
        let (session, patience) = match &mut self.wire {
            Wire::Network(network) => {
                if let Some(mut session) = network.session.take() {
                    session.hang_up().await;
                }
                network.connected().await?;
                (network.session.take(), network.patience(self.point))
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
            self.provenance(),
            self.clock.clone(),
        );
        let idle = idle.with_patience(patience);
        let idle = match self.evidence.clone() {
            None => idle,
            Some(evidence) => idle.with_evidence(evidence),
        };
        Ok(Driven::Idle(Box::new(idle)))
    }

    /// Ends a drive: all its shares are durable and acknowledged, and the unit can be driven again once it is
    /// `connected`.
    ///
    /// # Errors
    /// If the capture has failed.
    pub async fn release(&mut self, driven: Driven) -> Result<()> {
        match (driven, &mut self.wire) {
            (Driven::Handshake(handshake), Wire::Network(network)) => {
                let (session, jobs) = handshake.finish().await?;
                network.session = session;
                self.jobs = Some(jobs);
            }
            (Driven::Chain(chain), Wire::Serial(serial)) => {
                let chain = chain.into_inner().context("the chain has ended")?;
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
        self.permission()
            .and_then(|permission| interlock::withheld(&permission))
    }

    /// Ends the unit's work and leaves it at its model's safe point. Returns whether it has confirmed that. One that was
    /// held out of the proxy goes back to mining.
    pub async fn end(self) -> bool {
        match self.wire {
            Wire::Network(mut network) => {
                // Its last job goes first: the safe point may take long to reach.
                if !network.door.is_proxy
                    && let Some(session) = &mut network.session
                {
                    session.hang_up().await;
                }
                let is_safe = network.guard.end().await;
                let release = network.door.release().await;
                if let (Some(release), Some(session)) = (release, network.session) {
                    release.give_back(session);
                }
                is_safe
            }
            Wire::Serial(serial) => {
                let left = serial.left.lock().take();
                match serial.controller.or(left) {
                    Some(mut controller) => controller.stop().await.is_ok(),
                    // Chips that were never brought up run as they did before; a bring-up that failed, or a drive that
                    // ended with the line, leaves it unknown where they run.
                    None => serial.link.is_some(),
                }
            }
        }
    }
}

/// Waits until the unit has said who it is: that comes after its first reading. One that does not say goes on, as an
/// unverified device.
async fn identify(evidence: &Evidence, latest: &mut watch::Receiver<Latest>) {
    let said = latest.wait_for(|latest| latest.identity.is_some());
    let said = tokio::time::timeout(IDENTIFYING, said).await;
    if let Ok(Ok(latest)) = said
        && let Some(identity) = &latest.identity
    {
        evidence.identity(identity);
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
            Door::Proxy(hub, admit, way_back) => {
                // The proxy takes a session for held until it knows that it does not come back.
                *way_back = None;
                let held = hub.hold_within(worker, patience, admit).await?;
                let (session, release) = held.split();
                *way_back = Some(release);
                Ok(session)
            }
        }
    }
}

impl SharedDoor {
    pub(super) fn new(door: Door, worker: &str) -> SharedDoor {
        SharedDoor {
            is_proxy: matches!(door, Door::Proxy(..)),
            door: Arc::new(Mutex::new(door)),
            worker: worker.to_string(),
        }
    }

    async fn session(&self, patience: Duration) -> Result<Session, NeverConnected> {
        let mut door = self.door.lock().await;
        door.session(&self.worker, patience).await
    }

    /// The way to give a held unit back to the proxy.
    async fn release(&self) -> Option<Release> {
        match &mut *self.door.lock().await {
            Door::Proxy(_, _, release) => release.take(),
            Door::Server(_) => None,
        }
    }
}

impl Reconnect for SharedDoor {
    fn next(&mut self) -> NextSession<'_> {
        Box::pin(async {
            // What waits for it says how long.
            match self.session(Duration::MAX).await {
                Ok(session) => session,
                Err(_) => std::future::pending().await,
            }
        })
    }

    /// The proxy gives out no session of a unit while it takes the last one for alive.
    fn comes_early(&self) -> bool {
        !self.is_proxy
    }
}

impl Network {
    async fn connected(&mut self) -> Result<()> {
        if let Some(mut session) = self.session.take_if(|session| session.is_over()) {
            session.hang_up().await;
        }
        if self.session.is_none() {
            self.session = Some(self.door.session(self.patience).await?);
        }
        Ok(())
    }

    /// How long a drive waits for the unit when its connection breaks.
    fn patience(&self, point: OperatingPoint) -> Patience {
        Patience {
            time: self.reconnect,
            door: Box::new(self.door.clone()),
            point,
        }
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
