//! A unit at its wires.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, bail};
use thermine_drivers::clock::Clock;
use thermine_drivers::poller::Latest;
use thermine_drivers::record::Recorder;
use thermine_drivers::seed;
use thermine_drivers::stratum::Session;
use thermine_drivers::stratum::factory::JobFactory;
use thermine_drivers::stratum::server::Expected;
use thermine_drivers::substrate::{Discipline, Handshake, Provenance};
use thermine_drivers::units::Model;
use tokio::sync::watch;

use super::Driven;
use crate::config::Config;

/// A unit that is watched, and can be driven.
#[derive(Debug)]
pub struct Unit {
    /// Its name in the configuration.
    pub name: String,
    /// Its model.
    pub model: Model,
    /// What its poller knows.
    pub latest: watch::Receiver<Latest>,
    provenance: Provenance,
    clock: Clock,
    /// `None` while it is driven.
    jobs: Option<JobFactory>,
    wire: Wire,
}

/// Where its work goes.
#[derive(Debug)]
enum Wire {
    Network(Network, Option<Session>),
}

/// A unit that connects to a Stratum server and has a control interface.
#[derive(Debug)]
pub(super) struct Network {
    /// The server's promise.
    pub(super) expected: Expected,
    /// Wall time that the unit is given to connect and to give a first reading.
    pub(super) patience: Duration,
    /// Where the server listens.
    pub(super) pool: SocketAddr,
    /// The worker name that is expected.
    pub(super) worker: String,
    /// Address of the control interface.
    pub(super) control: SocketAddr,
}

impl Unit {
    pub(super) fn network(
        config: &Config,
        network: Network,
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
            provenance: match config.unit.simulated {
                Some(_) => Provenance::Simulated,
                None => Provenance::Device,
            },
            clock,
            jobs: Some(jobs),
            wire: Wire::Network(network, None),
        }
    }

    /// What has to be set on the unit, for whoever must do it.
    pub fn instructions(&self) -> String {
        match &self.wire {
            Wire::Network(network, _) => format!(
                "{}: its pool is stratum+tcp://{}, its worker {}",
                self.name, network.pool, network.worker
            ),
        }
    }

    /// Waits until the unit has work to take and has given a first reading.
    ///
    /// # Errors
    /// If it does not connect, or its control interface does not answer.
    pub async fn ready(&mut self) -> Result<()> {
        match &mut self.wire {
            Wire::Network(network, session) => {
                if session.is_none() {
                    *session = Some(network.expected.session(network.patience).await?);
                }
                let first = self.latest.wait_for(|latest| latest.telemetry.is_some());
                if tokio::time::timeout(network.patience, first).await.is_err() {
                    let latest = self.latest.borrow();
                    let reason = latest
                        .last_error
                        .as_ref()
                        .map_or_else(|| "no reply".to_string(), ToString::to_string);
                    bail!(
                        "{}: its control interface at {} gave no reading within {} s ({reason}): check \
                         api.address, and that the interface is switched on",
                        network.worker,
                        network.control,
                        network.patience.as_secs_f64(),
                    );
                }
            }
        }
        Ok(())
    }

    /// The unit as a substrate, recorded by `recorder`. It must be [`ready`](Unit::ready).
    ///
    /// # Errors
    /// If it is not, or is being driven already.
    pub fn drive(&mut self, discipline: Discipline, recorder: Recorder) -> Result<Driven> {
        let Some(jobs) = self.jobs.take() else {
            bail!("{}: is being driven already", self.name);
        };
        match &mut self.wire {
            Wire::Network(_, session) => {
                let Some(session) = session.take() else {
                    bail!("{}: is not connected", self.name);
                };
                Ok(Driven::Handshake(Box::new(Handshake::new(
                    session,
                    jobs,
                    discipline,
                    self.model.switch_dead_time(),
                    self.latest.clone(),
                    recorder,
                    self.provenance.clone(),
                    self.clock.clone(),
                ))))
            }
        }
    }

    /// Ends a drive: all its shares are durable and acknowledged, and the unit can be driven again.
    ///
    /// # Errors
    /// If the unit has gone or the capture has failed.
    pub async fn release(&mut self, driven: Driven) -> Result<()> {
        match (driven, &mut self.wire) {
            (Driven::Handshake(handshake), Wire::Network(_, session)) => {
                let (ended, jobs) = handshake.finish().await?;
                *session = Some(ended);
                self.jobs = Some(jobs);
            }
        }
        Ok(())
    }
}
