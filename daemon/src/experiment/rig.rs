//! Brings a unit to the experiment: listeners, the simulated unit where one is asked for, the telemetry
//! poller, and the session of the unit once it has connected.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use thermine_drivers::cgminer;
use thermine_drivers::clock::Clock;
use thermine_drivers::poller::{Latest, Poller};
use thermine_drivers::seed;
use thermine_drivers::sim::miner::PoolSettings;
use thermine_drivers::sim::params::Params;
use thermine_drivers::sim::s9;
use thermine_drivers::stratum::server::{Expected, Server};
use thermine_drivers::stratum::session::{Session, Settings};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::config::Config;

/// Everything that runs beside the experiment; ends when dropped.
#[derive(Debug)]
pub struct Rig {
    config: Config,
    clock: Clock,
    server: Server,
    stratum: SocketAddr,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    _stop: DropGuard,
}

/// A unit that will connect.
#[derive(Debug)]
pub struct Awaited {
    expected: Expected,
    patience: Duration,
    /// What its poller knows.
    pub latest: watch::Receiver<Latest>,
    /// Address of its control interface.
    pub api: SocketAddr,
}

impl Rig {
    /// Opens the Stratum listener of `config`.
    ///
    /// # Errors
    /// If the address cannot be listened on.
    pub async fn open(config: Config, clock: Clock) -> Result<Rig> {
        let listen = config.stratum.listen;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!(
                "cannot listen for units on {listen} (stratum.listen): is another program using it?"
            )
        })?;
        let stratum = listener.local_addr()?;
        if !stratum.ip().is_loopback() {
            tracing::warn!(%stratum, "the Stratum server can be reached from the network");
        }
        let mut settings = Settings::default();
        if let Some(simulated) = &config.unit.simulated {
            settings.difficulty_scale = simulated.difficulty_scale;
        }
        let server = Server::new(settings, clock.clone());
        let tasks = TaskTracker::new();
        let shutdown = CancellationToken::new();
        tracing::info!(%stratum, worker = config.stratum.worker, "listening for the unit");
        tasks.spawn(server.clone().serve(listener, shutdown.clone()));
        Ok(Rig {
            config,
            clock,
            server,
            stratum,
            tasks,
            _stop: shutdown.clone().drop_guard(),
            shutdown,
        })
    }

    /// Where units connect.
    pub fn stratum(&self) -> SocketAddr {
        self.stratum
    }

    /// The run's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Expects the unit of the configuration, which is somebody else's to start.
    pub fn expect(&self) -> Awaited {
        let worker = self.config.stratum.worker.clone();
        self.awaited(&worker, self.config.api.address)
    }

    /// Starts the unit of the configuration as a simulated one, and expects it.
    ///
    /// # Errors
    /// If its API cannot listen.
    pub async fn simulate(&self, difficulty_scale: f64, seed: u64) -> Result<Awaited> {
        let address = SocketAddr::new(self.config.api.address.ip(), 0);
        let listener = TcpListener::bind(address)
            .await
            .with_context(|| format!("cannot listen on {address} for the simulated unit's API"))?;
        let api = listener.local_addr()?;
        let worker = self.config.stratum.worker.clone();
        let awaited = self.awaited(&worker, api);
        let settings = s9::Settings {
            pool: PoolSettings {
                pool: self.stratum,
                worker,
                difficulty_scale,
            },
            params: Params::s9(),
            seed,
            faults: Vec::new(),
        };
        s9::start(
            settings,
            listener,
            self.clock.clone(),
            &self.tasks,
            &self.shutdown,
        );
        Ok(awaited)
    }

    fn awaited(&self, worker: &str, api: SocketAddr) -> Awaited {
        let expected = self.server.expect(worker);
        let poller = Poller::new(
            cgminer::Source::new(api),
            self.clock.clone(),
            Duration::from_secs_f64(self.config.api.poll_seconds),
            seed::stream(0, worker),
        );
        let (sender, latest) = watch::channel(Latest::default());
        self.tasks.spawn(poller.run(self.shutdown.clone(), sender));
        Awaited {
            expected,
            patience: Duration::from_secs_f64(self.config.stratum.connect_timeout_seconds),
            latest,
            api,
        }
    }

    /// Ends all tasks and waits for them.
    pub async fn close(self) {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Awaited {
    /// The unit's session once it has connected, and its first reading has come in.
    ///
    /// # Errors
    /// If it does not connect, or its API does not answer.
    pub async fn session(&mut self) -> Result<Session> {
        let session = self.expected.session(self.patience).await?;
        let first = self.latest.wait_for(|latest| latest.telemetry.is_some());
        if tokio::time::timeout(self.patience, first).await.is_err() {
            let latest = self.latest.borrow();
            let reason = latest
                .last_error
                .as_ref()
                .map_or_else(|| "no reply".to_string(), ToString::to_string);
            anyhow::bail!(
                "{}: its cgminer API at {} gave no reading within {} s ({reason}): check api.address, and \
                 that the API is switched on",
                session.worker(),
                self.api,
                self.patience.as_secs_f64(),
            );
        }
        Ok(session)
    }
}
