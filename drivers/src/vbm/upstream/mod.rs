//! The one connection to the pools: ordered, kept up, and left for a better one when that comes back.
//!
//! - [`endpoint`]: where a pool is, TCP or TLS; [`backoff`]: when to try again;
//! - [`connection`]: one authorised connection; [`pending`]: shares that the pool has not answered;
//! - [`Upstream::run`]: the task that goes from pool to pool; `session`: what it does at one.

pub mod backoff;
pub mod connection;
pub mod endpoint;
pub mod pending;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use self::backoff::Backoff;
use self::connection::{Connection, PoolError};
use self::endpoint::{Endpoint, Trust};
use self::pending::Pending;
use super::hub::{Hub, Order};
use super::journal::{Restored, Stopped, Subscription};
use crate::clock::{Clock, Nanos, Seat};
use crate::secret::Secret;
use crate::seed::Rng;

/// A pool.
#[derive(Debug, Clone)]
pub struct Pool {
    /// Where it is.
    pub endpoint: Endpoint,
    /// Account there.
    pub user: String,
    /// Its password; pools mostly ignore it.
    pub password: Secret,
    /// Hosts that its `client.reconnect` may lead to, beside its own; `*.example.com` takes any below.
    pub reconnect_hosts: Vec<String>,
    /// Time for connecting, and for each answer.
    pub timeout: Duration,
    /// Time without a line after which it counts as dead.
    pub silence: Duration,
}

impl Pool {
    /// Whether its `client.reconnect` may lead to `host`.
    pub fn may_move_to(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let allowed = |rule: &str| match rule.to_ascii_lowercase().strip_prefix("*.") {
            Some(domain) => host
                .strip_suffix(domain)
                .is_some_and(|below| below.len() > 1 && below.ends_with('.')),
            None => rule.eq_ignore_ascii_case(&host),
        };
        self.endpoint.host.eq_ignore_ascii_case(&host)
            || self.reconnect_hosts.iter().any(|rule| allowed(rule))
    }
}

/// How pools are gone through.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The pools, the wanted one first.
    pub pools: Vec<Pool>,
    /// Shortest and longest wait when none can be reached.
    pub backoff: (Duration, Duration),
    /// How often a better pool is tried while at another.
    pub return_after: Duration,
    /// How long a share is kept for a pool that is away.
    pub keep_for: Duration,
}

/// The upstream task.
#[derive(Debug)]
pub struct Upstream {
    policy: Policy,
    hub: Hub,
    orders: mpsc::Receiver<Order>,
    trust: Trust,
    clock: Clock,
    seat: Seat,
    backoff: Backoff,
    pending: Pending,
    /// The newest subscription to each pool, by its place in the policy.
    subscriptions: HashMap<usize, Arc<Subscription>>,
    next_subscription: u64,
    connections: u64,
    templates: u64,
}

/// Why a pool is left.
enum End {
    /// It was lost.
    Lost(PoolError),
    /// A better one is there.
    Better(usize, Box<Connection>),
    /// Everything ends.
    Stopped,
}

impl Upstream {
    /// A task that serves `hub`, beginning with what a store had.
    pub(super) fn new(
        policy: Policy,
        hub: Hub,
        orders: mpsc::Receiver<Order>,
        trust: Trust,
        rng: Rng,
        restored: Restored,
    ) -> Upstream {
        let clock = hub.clock().clone();
        let mut subscriptions = HashMap::new();
        for known in restored.subscriptions {
            let place = policy.pools.iter().position(|pool| {
                pool.endpoint.to_string() == known.pool && pool.user == known.user
            });
            if let Some(place) = place {
                subscriptions.insert(place, known);
            }
        }
        let (least, most) = policy.backoff;
        Upstream {
            pending: Pending::new(restored.unresolved, clock.now()),
            backoff: Backoff::new(least, most, rng),
            seat: clock.follow(),
            clock,
            policy,
            hub,
            orders,
            trust,
            subscriptions,
            next_subscription: restored.next_subscription,
            connections: 0,
            templates: 0,
        }
    }

    /// Keeps a connection up until the hub is gone or the journal has stopped.
    pub async fn run(mut self) {
        let mut place = 0;
        let mut ready: Option<Box<Connection>> = None;
        loop {
            let connection = match ready.take() {
                Some(connection) => Ok(connection),
                None => match self.open(place, None).await {
                    Ok(opened) => opened.map(Box::new),
                    Err(Stopped) => return,
                },
            };
            let end = match connection {
                Ok(connection) => {
                    let opened = self.clock.now();
                    let end = self.serve(place, *connection).await;
                    // One that hangs up at once is not to be called again and again without a pause.
                    if self.clock.now().since(opened) > self.policy.backoff.1 {
                        self.backoff.reset();
                    }
                    end
                }
                Err(error) => End::Lost(error),
            };
            self.hub.upstream_lost();
            match end {
                End::Stopped => return,
                End::Better(better, connection) => {
                    tracing::info!(pool = %self.pool(better).endpoint, "back at a better pool");
                    place = better;
                    ready = Some(connection);
                }
                End::Lost(PoolError::Moved(endpoint)) => {
                    tracing::info!(pool = %self.pool(place).endpoint, to = %endpoint, "moving as the pool asks");
                    match self.open(place, Some(endpoint)).await {
                        Ok(Ok(connection)) => ready = Some(Box::new(connection)),
                        Ok(Err(error)) => {
                            tracing::warn!(%error, "could not move as the pool asked")
                        }
                        Err(Stopped) => return,
                    }
                }
                End::Lost(error) => {
                    tracing::warn!(pool = %self.pool(place).endpoint, %error, "no pool");
                    place = (place + 1) % self.policy.pools.len();
                    // Another pool is tried at once; all of them again after a pause.
                    if place == 0 {
                        let until = self.clock.now() + self.backoff.wait();
                        if self.pause(until).await.is_err() {
                            return;
                        }
                    }
                }
            }
        }
    }

    fn pool(&self, place: usize) -> &Pool {
        &self.policy.pools[place]
    }

    /// Opens a connection to a pool, or to where it has asked us to go, and takes in shares meanwhile.
    async fn open(
        &mut self,
        place: usize,
        moved: Option<Endpoint>,
    ) -> Result<Result<Connection, PoolError>, Stopped> {
        let pool = self.policy.pools[place].clone();
        let known = self.subscriptions.get(&place);
        let session = known.and_then(|known| known.session.clone());
        let (trust, clock) = (self.trust.clone(), self.clock.clone());
        let seat = clock.follow();
        let endpoint = moved.unwrap_or_else(|| pool.endpoint.clone());
        let opening = async {
            let seat = seat;
            Connection::open(&pool, endpoint, session, &trust, &clock, &seat).await
        };
        let mut opening = std::pin::pin!(opening);
        loop {
            tokio::select! {
                biased;
                opened = &mut opening => return Ok(opened),
                order = self.orders.recv() => self.keep(order).await?,
                () = self.seat.wait_until(Nanos::MAX) => {}
            }
        }
    }

    /// Waits until `until`, and takes in shares meanwhile.
    async fn pause(&mut self, until: Nanos) -> Result<(), Stopped> {
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => self.keep(order).await?,
                () = self.seat.wait_until(until) => return Ok(()),
            }
        }
    }

    /// Takes in a share while no pool is there.
    async fn keep(&mut self, order: Option<Order>) -> Result<(), Stopped> {
        let Some(order) = order else {
            return Err(Stopped);
        };
        let dropped = self.pending.add(order, self.clock.now());
        self.hub.settle_all(dropped).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_leads_only_where_configuration_allows() {
        let pool = Pool {
            endpoint: "stratum+tcp://eu.pool.example:3333".parse().expect("sound"),
            user: "u".into(),
            password: Secret::new("hunter2"),
            reconnect_hosts: vec!["*.pool.example".into(), "10.0.0.7".into()],
            timeout: Duration::from_secs(1),
            silence: Duration::from_secs(1),
        };
        for host in ["eu.pool.example", "US.pool.example", "10.0.0.7"] {
            assert!(pool.may_move_to(host), "{host}");
        }
        for host in [
            "pool.example",
            "evilpool.example",
            ".pool.example",
            "10.0.0.70",
            "",
        ] {
            assert!(!pool.may_move_to(host), "{host}");
        }
        assert!(!format!("{pool:?}").contains("hunter2"));
    }
}
