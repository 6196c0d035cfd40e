//! One run: simulated units, a simulated pool, and a network with injected latency between them.

use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use thermine_proxy::ban::Rules;
use thermine_proxy::hub::UnitSettings;
use thermine_proxy::journal::{self, Journal, Restored};
use thermine_proxy::upstream::endpoint::Trust;
use thermine_proxy::upstream::{self, Policy};
use thermine_proxy::vardiff::Goal;
use thermine_proxy::{Hub, Proxy, Settings};
use thermine_sim::blocking::{self, Shared, Tally};
use thermine_sim::link;
use thermine_sim::pool::{self, Pool};
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::listen;
use thermine_units::pow::Difficulty;
use thermine_units::secret::Secret;
use thermine_units::seed;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::report::Seen;

/// Factor on the difficulty of the shares: each hash is one. The hashing is not what is measured here.
const EASY: f64 = 1e-15;

/// Seconds of the units' time before the measurement begins.
const BEFORE: f64 = 10.0;

/// Wall time after which a run has hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// How units reach the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// Over the network.
    Direct,
    /// Through a proxy beside them that passes lines on, and over the network.
    Plain,
    /// Through the proxy that keeps work queued, and over the network.
    Queued,
}

#[derive(Debug, Clone)]
pub(super) struct Cell {
    pub(super) route: Route,
    pub(super) latency: Duration,
    /// Fraction of the latency that a line takes more or less.
    pub(super) jitter: f64,
    /// Probability that a line is lost and sent again.
    pub(super) loss: f64,
    pub(super) units: usize,
    /// Hashes per second of each unit.
    pub(super) rate: f64,
    /// Hashes of a job.
    pub(super) range: f64,
    /// Seconds that are measured.
    pub(super) seconds: f64,
    /// Seed of the network and of the pool's jobs.
    pub(super) seed: u64,
}

impl Cell {
    /// Measures the units on this route.
    ///
    /// # Errors
    /// If loopback has no port left, or the run hangs.
    pub(crate) async fn run(&self) -> Result<Seen> {
        let shutdown = CancellationToken::new();
        let proxy = (CancellationToken::new(), TaskTracker::new());
        let seen = self.measure(&shutdown, &proxy).await;
        // The proxy first, or it would complain that its pool has gone.
        proxy.0.cancel();
        proxy.1.close();
        proxy.1.wait().await;
        shutdown.cancel();
        seen
    }

    async fn measure(
        &self,
        shutdown: &CancellationToken,
        proxy: &(CancellationToken, TaskTracker),
    ) -> Result<Seen> {
        let clock = Clock::virtual_time();
        let drive = clock.drive();
        let pool = Pool::new(
            pool::Settings {
                difficulty: Difficulty::ONE,
                difficulty_scale: EASY,
                extranonce2_len: 8,
                dialogue: true,
                block_every: None,
                seed: self.seed,
            },
            clock.clone(),
        );
        let (listener, at_pool) = listen().await?;
        tokio::spawn(pool.clone().run(listener, shutdown.clone()));
        let network = link::Settings {
            latency: self.latency,
            jitter: self.jitter,
            loss: self.loss,
        };
        let near = self.stretch(at_pool, network, &clock, shutdown).await?;
        let entry = match self.route {
            Route::Direct => near,
            Route::Plain => {
                let nothing = link::Settings {
                    latency: Duration::ZERO,
                    jitter: 0.0,
                    loss: 0.0,
                };
                self.stretch(near, nothing, &clock, shutdown).await?
            }
            Route::Queued => {
                let (entry, hub) = self.proxy(near, &clock, proxy).await?;
                // The pool's first job has to cross the network too. In short steps: nothing else is due then,
                // and a long one would be taken at once.
                while hub.current().is_none() {
                    ensure!(
                        clock.now() < Nanos::from_seconds(600.0),
                        "the proxy got no work"
                    );
                    wait(&drive, clock.now() + Duration::from_millis(1)).await?;
                }
                entry
            }
        };
        let tallies = self.units(entry, &clock, shutdown, &proxy.0);
        let begin = clock.now() + Duration::from_secs_f64(BEFORE);
        let end = begin + Duration::from_secs_f64(self.seconds);
        wait(&drive, begin).await?;
        let (before, shares_before) = (sum(&tallies), pool.counts().accepted);
        wait(&drive, end).await?;
        let (after, shares_after) = (sum(&tallies), pool.counts().accepted);
        let time = self.seconds * self.units as f64;
        let idle = (after.idle - before.idle).as_secs_f64();
        let jobs = after.jobs - before.jobs;
        let shares = (shares_after - shares_before) as f64;
        Ok(Seen {
            rate: shares * self.range / time,
            efficiency: 1.0 - idle / time,
            idle_per_job: idle / jobs.max(1) as f64,
            refused: after.refused,
        })
    }

    /// Starts the units at `entry`, and returns what each counts.
    fn units(
        &self,
        entry: SocketAddr,
        clock: &Clock,
        shutdown: &CancellationToken,
        proxy: &CancellationToken,
    ) -> Vec<Shared> {
        let tallies: Vec<Shared> = (0..self.units).map(|_| Shared::default()).collect();
        for (number, tally) in tallies.iter().enumerate() {
            let unit = blocking::Settings {
                pool: entry,
                worker: format!("range{number}"),
                rate: self.rate,
                range: self.range,
                difficulty_scale: EASY,
            };
            let unit = blocking::run(unit, clock.clone(), Arc::clone(tally), shutdown.clone());
            let (ended, proxied) = (shutdown.clone(), proxy.clone());
            tokio::spawn(async move {
                // When a run is over its network goes, and the units lose their pool.
                if let Err(error) = unit.await
                    && !ended.is_cancelled()
                    && !proxied.is_cancelled()
                {
                    tracing::error!(%error, "a unit of the bench has ended");
                }
            });
        }
        tallies
    }

    /// A stretch of network before `far`; its near end.
    async fn stretch(
        &self,
        far: SocketAddr,
        settings: link::Settings,
        clock: &Clock,
        shutdown: &CancellationToken,
    ) -> Result<SocketAddr> {
        let (listener, near) = listen().await?;
        let (clock, shutdown) = (clock.clone(), shutdown.clone());
        tokio::spawn(link::run(
            listener, far, settings, self.seed, clock, shutdown,
        ));
        Ok(near)
    }

    async fn proxy(
        &self,
        pool: SocketAddr,
        clock: &Clock,
        (shutdown, tasks): &(CancellationToken, TaskTracker),
    ) -> Result<(SocketAddr, Hub)> {
        let hour = Duration::from_secs(3600);
        let settings = Settings {
            policy: Policy {
                pools: vec![upstream::Pool {
                    endpoint: format!("stratum+tcp://{pool}").parse()?,
                    user: "bench".into(),
                    password: Secret::new("x"),
                    reconnect_hosts: Vec::new(),
                    timeout: hour,
                    silence: hour,
                }],
                backoff: (Duration::from_secs(1), Duration::from_secs(60)),
                return_after: hour,
                keep_for: hour,
            },
            units: UnitSettings {
                difficulty_scale: EASY,
                vardiff: Goal {
                    interval: Duration::from_secs(3),
                    least: Difficulty::ONE,
                    most: Difficulty::ONE,
                    first: Difficulty::ONE,
                },
                ban: Rules::default(),
                // A first guess that is off by a factor of two: the rate is to be measured.
                ranged: vec![("range*".into(), self.range, self.rate / 2.0)],
                lead: Duration::from_millis(100),
                most: self.units + 1,
                max_unauthorised: self.units + 1,
                handshake_timeout: PATIENCE,
                idle_timeout: hour,
            },
            trust: Trust::new(Vec::new())?,
        };
        let (journal, entries) = Journal::channel();
        tokio::spawn(journal::keep_nothing(entries));
        let rng = seed::stream(self.seed, "back-off");
        let proxy = Proxy::new(settings, clock.clone(), journal, Restored::default(), rng);
        let hub = proxy.hub();
        let (listener, entry) = listen().await?;
        tasks.spawn(proxy.run(listener, shutdown.clone()));
        Ok((entry, hub))
    }
}

async fn listen() -> Result<(TcpListener, SocketAddr)> {
    let listener = listen::listen(SocketAddr::from(([127, 0, 0, 1], 0)))
        .context("loopback has no free port")?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

async fn wait(drive: &Waiter, until: Nanos) -> Result<()> {
    tokio::time::timeout(PATIENCE, drive.wait_until(until))
        .await
        .context("the run hangs: virtual time does not go on")
}

fn sum(tallies: &[Shared]) -> Tally {
    let mut sum = Tally::default();
    for tally in tallies {
        let tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
        sum.idle += tally.idle;
        sum.jobs += tally.jobs;
        sum.refused += tally.refused;
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(route: Route, milliseconds: u64) -> Cell {
        Cell {
            route,
            latency: Duration::from_millis(milliseconds),
            jitter: 0.2,
            loss: 0.0,
            units: 2,
            rate: 220e9,
            range: 20.0 * 4_294_967_296.0,
            seconds: 60.0,
            seed: 1,
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn the_gain_is_the_wait_that_is_gone_and_without_one_there_is_none() {
        for (milliseconds, least, most) in [(0, -0.01, 0.01), (50, 0.24, 0.28)] {
            let direct = cell(Route::Direct, milliseconds).run().await.expect("run");
            let plain = cell(Route::Plain, milliseconds).run().await.expect("run");
            let queued = cell(Route::Queued, milliseconds).run().await.expect("run");
            let gain = queued.rate / direct.rate - 1.0;
            assert!((least..=most).contains(&gain), "{milliseconds} ms: {gain}");
            assert!(
                (plain.rate / direct.rate - 1.0).abs() < 0.01,
                "a plain proxy gains nothing"
            );
            assert!(queued.efficiency > 0.999, "{queued:?}");
            let wait = 2e-3 * milliseconds as f64;
            assert!(
                (direct.idle_per_job - wait).abs() <= 0.05 * wait,
                "{direct:?}"
            );
        }
    }
}
