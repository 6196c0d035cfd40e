//! The proxy, put together.

use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::hub::{Hub, UnitSettings};
use crate::journal::{Journal, Restored};
use crate::unit::{self, End};
use crate::upstream::endpoint::Trust;
use crate::upstream::{Policy, Upstream};
use thermine_stratum::arrivals::Arrivals;
use thermine_units::clock::Clock;
use thermine_units::seed::Rng;

/// What a proxy is to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The pools, and how they are tried.
    pub policy: Policy,
    /// How units are treated.
    pub units: UnitSettings,
    /// Whose certificates are trusted.
    pub trust: Trust,
}

/// A proxy before it listens.
#[derive(Debug)]
pub struct Proxy {
    hub: Hub,
    upstream: Upstream,
}

impl Proxy {
    /// A proxy that writes to `journal` and begins with what was restored from it. `rng` draws the waits
    /// between attempts at a pool.
    pub fn new(
        settings: Settings,
        clock: Clock,
        journal: Journal,
        restored: Restored,
        rng: Rng,
    ) -> Proxy {
        let (hub, orders) = Hub::new(settings.units, clock, journal, &restored);
        let (policy, trust) = (settings.policy, settings.trust);
        Proxy {
            upstream: Upstream::new(policy, hub.clone(), orders, trust, rng, restored),
            hub,
        }
    }

    /// What there is to ask it.
    pub fn hub(&self) -> Hub {
        self.hub.clone()
    }

    /// Accepts units until `shutdown`. The caller binds the listener and so chooses who can reach it.
    pub async fn run(self, listener: TcpListener, shutdown: CancellationToken) {
        let Proxy { hub, upstream } = self;
        let tasks = TaskTracker::new();
        let stop = shutdown.clone();
        tasks.spawn(async move {
            stop.run_until_cancelled(upstream.run()).await;
            // Without its upstream task a proxy is of no use.
            stop.cancel();
        });
        let arrivals = Arrivals::new(hub.units().max_unauthorised);
        let places = Arc::new(Semaphore::new(hub.units().most));
        let accept = async {
            loop {
                let (stream, peer, arrival) = arrivals.accept(&listener).await;
                let (hub, places) = (hub.clone(), places.clone());
                tasks.spawn(shutdown.clone().run_until_cancelled_owned(async move {
                    match unit::serve(stream, peer, hub, arrival, places).await {
                        Err(end @ (End::Evicted | End::Tls)) => {
                            tracing::debug!(%peer, %end, "connection closed");
                        }
                        Err(end) => tracing::info!(%peer, %end, "unit left"),
                        Ok(()) => {}
                    }
                }));
            }
        };
        let stopped = async {
            tokio::select! {
                () = accept => {}
                // Without its journal a proxy may acknowledge nothing: it ends, and takes no more connections.
                () = hub.journal().stopped() => shutdown.cancel(),
            }
        };
        shutdown.run_until_cancelled(stopped).await;
        tasks.close();
        tasks.wait().await;
    }
}
