//! `thermine proxy`: a rack of units on one connection to a pool, none of which ever waits for it.

pub mod config;
pub mod journal;
mod report;

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result};
use thermine_drivers::clock::Clock;
use thermine_drivers::seed;
use thermine_drivers::sim::pool::{self, Pool};
use thermine_drivers::vbm::Proxy;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::config::Config;
use crate::cli;

/// Runs the subcommand until it is interrupted.
pub(crate) fn run(args: cli::Proxy) -> Result<()> {
    let config = Config::load(&args.config)?;
    let settings = config.settings()?;
    let (store, journal, restored) = journal::open(&config.proxy.journal)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let clock = Clock::real();
        let (tasks, shutdown) = (TaskTracker::new(), CancellationToken::new());
        if let Some(simulated) = &config.simulated_pool {
            let address = config.simulated_address()?;
            let listener = bind(address, "the simulated pool's address").await?;
            let settings = pool::Settings {
                difficulty: simulated.difficulty,
                difficulty_scale: config.proxy.difficulty_scale,
                extranonce2_len: 8,
                dialogue: false,
                block_every: Some(Duration::from_secs_f64(simulated.block_seconds)),
                seed: args.seed,
            };
            let pool = Pool::new(settings, clock.clone());
            tasks.spawn(pool.run(listener, shutdown.clone()));
            say(&format!("simulated pool on {address}"));
        }
        let listener = bind(config.proxy.listen, "proxy.listen").await?;
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            tracing::warn!(%address, "anyone who can reach this address can connect");
        }
        if !restored.unresolved.is_empty() {
            say(&format!(
                "{} shares of an earlier run have no answer yet: they are sent again if they can still count",
                restored.unresolved.len()
            ));
        }
        let rng = seed::stream(args.seed, "back-off");
        let proxy = Proxy::new(settings, clock.clone(), journal, restored, rng);
        let hub = proxy.hub();
        let ended = tasks.spawn(proxy.run(listener, shutdown.clone()));
        say(&format!("units connect to stratum+tcp://{address}; ends with Ctrl-C"));
        let every = Duration::from_secs_f64(config.proxy.report_seconds);
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + every, every);
        let mut ended = std::pin::pin!(ended);
        let stopped = loop {
            tokio::select! {
                _ = ticks.tick() => say(&report::render(&hub, &config)),
                interrupted = interrupted() => {
                    interrupted?;
                    break false;
                }
                _ = &mut ended => break true,
            }
        };
        say(&report::render(&hub, &config));
        shutdown.cancel();
        tasks.close();
        tasks.wait().await;
        drop(hub);
        if stopped {
            tracing::error!("the proxy has stopped");
        }
        Ok::<(), anyhow::Error>(())
    })?;
    drop(runtime);
    store.finish()
}

/// Prints. A rack does not stop mining because nobody takes the output any more.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Ctrl-C, or being asked to end.
async fn interrupted() -> Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).context("cannot wait for SIGTERM")?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted.context("cannot wait for Ctrl-C"),
        _ = terminated.recv() => Ok(()),
    }
}

async fn bind(address: std::net::SocketAddr, what: &str) -> Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot listen on {what}, {address}: end what listens there, or write another address"
        )
    })
}
