//! `thermine proxy`: a rack of units on one connection to a pool, none of which ever waits for it.

mod intact;
pub mod journal;
mod journal_rows;
mod report;

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use thermine_proxy::{Hub, Proxy};
use thermine_sim::pool::{self, Pool};
use thermine_units::clock::Clock;
use thermine_units::listen::listen;
use thermine_units::seed;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::render::stdout;
use thermine_lab::config::overrides::Overrides;
use thermine_lab::config::proxy::Config;
use thermine_lab::session::Context;

/// Why a proxy has ended that nobody has asked to, if its journal does not say.
pub(crate) const ENDED: &str = "the proxy has ended by itself: see the log";

/// A proxy that runs, with what it needs.
#[derive(Debug)]
pub(crate) struct Running {
    /// What there is to ask it.
    pub(crate) hub: Hub,
    /// Address that units connect to.
    pub(crate) address: SocketAddr,
    /// Shares of an earlier run that have no answer yet.
    pub(crate) unresolved: usize,
    store: journal::Store,
    tasks: TaskTracker,
    shutdown: CancellationToken,
    ended: CancellationToken,
}

impl Running {
    /// Starts the proxy of `config`, and the pool if it is simulated. `seed` is that of the waits and of that pool;
    /// `before` is called before any unit can connect.
    ///
    /// # Errors
    /// If an address cannot be listened on, or the journal not be opened.
    pub(crate) async fn start(
        config: &Config,
        seed: u64,
        before: impl FnOnce(&Hub),
    ) -> Result<Running> {
        let mut settings = config.settings()?;
        let (store, journal, restored) = journal::open(&config.proxy.journal)?;
        let clock = Clock::real();
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        if let Some(simulated) = &config.simulated_pool {
            let listener = bind(config.simulated_address()?, "the simulated pool's address")?;
            if let Some(first) = settings.policy.pools.first_mut() {
                // Port 0 is any free one.
                first.endpoint.port = listener.local_addr()?.port();
            }
            let settings = pool::Settings {
                difficulty: simulated.difficulty,
                difficulty_scale: config.proxy.difficulty_scale,
                extranonce2_len: 8,
                dialogue: false,
                block_every: Some(Duration::from_secs_f64(simulated.block_seconds)),
                seed,
            };
            let pool = Pool::new(settings, clock.clone());
            tasks.spawn(pool.run(listener, shutdown.clone()));
        }
        let listener = bind(config.proxy.listen, "proxy.listen")?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "anyone who can reach this address can connect");
        }
        let unresolved = restored.unresolved.len();
        let rng = seed::stream(seed, "back-off");
        let proxy = Proxy::new(settings, clock, journal, restored, rng);
        let hub = proxy.hub();
        before(&hub);
        let ended = CancellationToken::new();
        let (run, end) = (proxy.run(listener, shutdown.clone()), ended.clone());
        tasks.spawn(async move {
            run.await;
            end.cancel();
        });
        Ok(Running {
            hub,
            address,
            unresolved,
            store,
            tasks,
            shutdown,
            ended,
        })
    }

    /// Waits until it has ended by itself: its store has failed.
    pub(crate) async fn failed(&self) {
        self.ended.cancelled().await;
    }

    /// Ends it: every share that a unit was told accepted is in the journal.
    ///
    /// # Errors
    /// If the journal could not be written.
    pub(crate) async fn stop(self) -> Result<()> {
        self.shutdown.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        drop(self.hub);
        tokio::task::spawn_blocking(move || self.store.finish()).await?
    }
}

/// Runs the subcommand until it is interrupted.
pub(crate) async fn run(config: &Path, seed: u64, context: &Context) -> Result<()> {
    let config = Config::load_with(config, &Overrides::from_environment()?)?;
    let serving = async {
        let proxy = Running::start(&config, seed, |_| {}).await?;
        if config.simulated_pool.is_some() {
            say(&format!(
                "simulated pool on {}",
                config.simulated_address()?
            ));
        }
        if proxy.unresolved > 0 {
            say(&format!(
                "{} shares of an earlier run have no answer yet: they are sent again if they can still count",
                proxy.unresolved
            ));
        }
        say(&format!(
            "units connect to stratum+tcp://{}; ends with Ctrl-C",
            proxy.address
        ));
        let every = Duration::from_secs_f64(config.proxy.report_seconds);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        let has_failed = loop {
            tokio::select! {
                _ = ticks.tick() => say(&report::render(&proxy.hub, &config)),
                () = context.stopped() => break false,
                () = proxy.failed() => break true,
            }
        };
        say(&report::render(&proxy.hub, &config));
        proxy.stop().await?;
        ensure!(!has_failed, "{ENDED}");
        Ok(())
    };
    context.on_notice(serving).await
}

/// Prints. A rack does not stop mining because nobody takes the output any more.
fn say(text: &str) {
    let _ = stdout::line(text);
}

fn bind(address: SocketAddr, what: &str) -> Result<TcpListener> {
    listen(address).with_context(|| {
        format!(
            "cannot listen on {what}, {address}: end what listens there, or write another address"
        )
    })
}
