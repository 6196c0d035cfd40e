//! The control interfaces of each model: where its telemetry is read and where it is set.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use thermine_drivers::axeos;
use thermine_drivers::cgminer;
use thermine_drivers::control::{Control, NoControl};
use thermine_drivers::goldshell;
use thermine_drivers::interlock::{Guard, Guarded, Interlock, Trip};
use thermine_drivers::poller::{Latest, Poller, Source};
use thermine_units::model::Wire;
use thermine_units::seed;
use tokio::sync::watch;

use super::attached::Attachments;
use crate::config::{Api, Config};

/// A unit's control interface: where it is read, and where it is set.
enum Interface {
    S9(cgminer::Source),
    AxeOs(Box<(axeos::Source, axeos::Control)>),
    Goldshell(goldshell::Source, goldshell::Control),
}

impl Attachments {
    /// Starts the poller of a unit's telemetry and its interlock.
    pub(super) fn guarded(
        &self,
        config: &Config,
        api: &Api,
        worker: &str,
    ) -> Result<(watch::Receiver<Latest>, Guarded)> {
        let limits = config.enforced()?;
        let trip = self.clients.trip(&config.unit.name);
        let interlock = (trip.resume(&config.unit.name, limits), trip);
        let period = Duration::from_secs_f64(api.poll_seconds);
        Ok(match self.wires(config, api, worker)? {
            Interface::S9(source) => self.watch(source, NoControl, interlock, period, worker),
            Interface::AxeOs(both) => self.watch(both.0, both.1, interlock, period, worker),
            Interface::Goldshell(source, control) => {
                self.watch(source, control, interlock, period, worker)
            }
        })
    }

    /// Starts the poller alone.
    pub(super) fn observed(
        &self,
        config: &Config,
        api: &Api,
        worker: &str,
    ) -> Result<watch::Receiver<Latest>> {
        let period = Duration::from_secs_f64(api.poll_seconds);
        Ok(match self.wires(config, api, worker)? {
            Interface::S9(source) => self.poll(source, period, worker),
            Interface::AxeOs(both) => self.poll(both.0, period, worker),
            Interface::Goldshell(source, _) => self.poll(source, period, worker),
        })
    }

    fn wires(&self, config: &Config, api: &Api, worker: &str) -> Result<Interface> {
        let address = api.address;
        let model = config.unit.model.entry();
        Ok(match model.wire {
            Wire::Cgminer => Interface::S9(cgminer::Source::new(address)),
            Wire::AxeOs => {
                let client = &self.clients.axeos;
                let rng = |use_of| seed::stream(0, &format!("{worker}/{use_of}"));
                Interface::AxeOs(Box::new((
                    axeos::Source::new(client, address, rng("source")),
                    axeos::Control::new(client, address, rng("control")).of(model),
                )))
            }
            Wire::Goldshell => {
                let mut limits = goldshell::Limits::default();
                if config.unit.simulated.is_some() {
                    // The spacing spares a real web server, in wall time; a simulated one's time may run
                    // faster.
                    limits.spacing = Duration::ZERO;
                }
                let http = self.clients.goldshell.clone();
                let client = goldshell::Client::new(http, address, credentials(api)?, limits);
                let mut source = goldshell::Source::new(client.clone());
                if let Some(cgminer) = api.cgminer {
                    source = source.with_cgminer(cgminer);
                }
                Interface::Goldshell(source, goldshell::Control::new(client).of(model))
            }
            Wire::Serial => bail!("bare chips have no control interface"),
        })
    }

    fn watch(
        &self,
        source: impl Source + 'static,
        control: impl Control + 'static,
        (interlock, trip): (Interlock, Trip),
        period: Duration,
        worker: &str,
    ) -> (watch::Receiver<Latest>, Guarded) {
        // The order of poller and guard is that of their seats at the clock.
        let latest = self.poll(source, period, worker);
        let clock = self.clock.clone();
        let guard = Guard::new(interlock, control, latest.clone(), clock, period).leaving(trip);
        (latest, guard.spawn(self.shutdown.clone()))
    }

    fn poll(
        &self,
        source: impl Source + 'static,
        period: Duration,
        worker: &str,
    ) -> watch::Receiver<Latest> {
        let rng = seed::stream(0, worker);
        let poller = Poller::new(source, self.clock.clone(), period, rng);
        let (sender, latest) = watch::channel(Latest::default());
        self.tasks.spawn(poller.run(self.shutdown.clone(), sender));
        latest
    }
}

/// Who a Box is told that we are: the password from the environment, or the maker's.
fn credentials(api: &Api) -> Result<goldshell::Credentials> {
    let mut credentials = goldshell::Credentials::default();
    if let Some(name) = &api.password_env {
        let password = std::env::var(name).with_context(|| {
            format!("api.password_env names the environment variable {name}, which is not set")
        })?;
        credentials.password = goldshell::Secret::new(password);
    }
    Ok(credentials)
}
