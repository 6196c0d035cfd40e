//! The control interfaces of each model: where its telemetry is read and where it is set.

use std::time::Duration;

use anyhow::{Context, Result};
use thermine_drivers::control::{Control, NoControl};
use thermine_drivers::interlock::{Enforced, Guard, Guarded, Interlock};
use thermine_drivers::poller::{Latest, Poller, Source};
use thermine_drivers::units::Model;
use thermine_drivers::{axeos, cgminer, goldshell, seed};
use tokio::sync::watch;

use super::Rig;
use crate::config::{Api, Config};

/// The HTTP clients that all units share.
#[derive(Debug)]
pub(super) struct Clients {
    axeos: axeos::Client,
    goldshell: reqwest::Client,
}

impl Clients {
    pub(super) fn new() -> Result<Clients> {
        Ok(Clients {
            axeos: axeos::Client::new(axeos::Limits::default())?,
            goldshell: goldshell::http_client(CONNECT).context("no HTTP client")?,
        })
    }
}

/// Wall time for a Box to take a connection.
const CONNECT: Duration = Duration::from_secs(3);

impl Rig {
    /// Starts the poller of a unit's telemetry and its interlock.
    pub(super) fn control(
        &self,
        config: &Config,
        api: &Api,
        worker: &str,
    ) -> Result<(watch::Receiver<Latest>, Guarded)> {
        let address = api.address;
        match config.unit.model {
            Model::AntminerS9 => self.watch(
                config,
                api,
                worker,
                cgminer::Source::new(address),
                NoControl,
            ),
            Model::LuckyMinerLv06 => {
                let client = &self.clients.axeos;
                let rng = |use_of| seed::stream(0, &format!("{worker}/{use_of}"));
                let source = axeos::Source::new(client, address, rng("source"));
                let control = axeos::Control::new(client, address, rng("control"));
                self.watch(config, api, worker, source, control)
            }
            Model::GoldshellLbBox => {
                let mut limits = goldshell::Limits::default();
                if config.unit.simulated.is_some() {
                    // The spacing spares a real web server, in wall time; a simulated one's time may run faster.
                    limits.spacing = Duration::ZERO;
                }
                let client = goldshell::Client::new(
                    self.clients.goldshell.clone(),
                    address,
                    credentials(api)?,
                    limits,
                );
                let mut source = goldshell::Source::new(client.clone());
                if let Some(cgminer) = api.cgminer {
                    source = source.with_cgminer(cgminer);
                }
                let control = goldshell::Control::new(client);
                self.watch(config, api, worker, source, control)
            }
            Model::Bm1387 | Model::Bm1366 => {
                anyhow::bail!("bare chips have no control interface")
            }
        }
    }

    fn watch(
        &self,
        config: &Config,
        api: &Api,
        worker: &str,
        source: impl Source + 'static,
        control: impl Control + 'static,
    ) -> Result<(watch::Receiver<Latest>, Guarded)> {
        let period = Duration::from_secs_f64(api.poll_seconds);
        let rng = seed::stream(0, worker);
        let poller = Poller::new(source, self.clock.clone(), period, rng);
        let (sender, latest) = watch::channel(Latest::default());
        let limits = Enforced::new(config.unit.model.limits(), &config.interlock)?;
        let interlock = Interlock::new(&config.unit.name, limits);
        let guard = Guard::new(
            interlock,
            control,
            latest.clone(),
            self.clock.clone(),
            period,
        );
        self.tasks.spawn(poller.run(self.shutdown.clone(), sender));
        Ok((latest, guard.spawn(self.shutdown.clone())))
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
