//! The one connection to the pools: ordered, kept up, and left for a better one when that comes back.
//!
//! - [`endpoint`]: where a pool is, TCP or TLS; [`backoff`]: when to try again;
//! - [`connection`]: one authorised connection; [`contact`]: how each pool wants to be spoken to;
//! - [`pending`]: shares that the pool has not answered; [`remarks`]: what pools say that nothing is done about;
//! - [`Upstream::run`]: the task that goes from pool to pool; `session`: what it does at one.

pub mod backoff;
pub mod connection;
pub mod contact;
pub mod endpoint;
pub mod pending;
pub mod remarks;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;

use self::backoff::Backoff;
use self::connection::{Call, Connection, PoolError};
use self::contact::Contacts;
use self::endpoint::{Endpoint, Trust};
use self::pending::Pending;
use self::remarks::Remarks;
use super::hub::{Hub, Order};
use super::journal::{Restored, Stopped, Subscription};
use thermine_units::clock::{Clock, Nanos, Seat};
use thermine_units::secret::Secret;
use thermine_units::seed::Rng;

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
    contacts: Contacts,
    remarks: Remarks,
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
            contacts: Contacts::new(policy.pools.len(), most),
            remarks: Remarks::new(clock.clone()),
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
        // An error means that everything ends.
        let _ = self.keep_up().await;
    }

    async fn keep_up(&mut self) -> Result<(), Stopped> {
        let mut place = 0;
        let mut ready: Option<Box<Connection>> = None;
        let mut moved: Option<Endpoint> = None;
        loop {
            let connection = match ready.take() {
                Some(connection) => Some(connection),
                None => {
                    place = self.rested(place).await?;
                    self.open(place, moved.take()).await?.map(Box::new)
                }
            };
            let Some(connection) = connection else {
                place = self.next(place).await?;
                continue;
            };
            let opened = self.clock.now();
            let end = self.serve(place, *connection).await;
            // One that hangs up at once is not to be called again and again without a pause.
            let stayed = self.clock.now().since(opened) > self.policy.backoff.1;
            if stayed {
                self.backoff.reset();
            }
            self.hub.upstream_lost();
            match end {
                End::Stopped => return Err(Stopped),
                End::Better(better, connection) => {
                    tracing::info!(pool = %self.pool(better).endpoint, "back at a better pool");
                    place = better;
                    ready = Some(connection);
                }
                End::Lost(PoolError::Moved(endpoint)) => {
                    tracing::info!(pool = %self.pool(place).endpoint, to = %endpoint, "moving as the pool asks");
                    moved = Some(endpoint);
                    // A pool that sends us elsewhere at once, perhaps to itself, may do so for ever.
                    if !stayed {
                        let until = self.clock.now() + self.backoff.wait();
                        self.pause(until).await?;
                    }
                }
                End::Lost(error) => {
                    tracing::warn!(pool = %self.pool(place).endpoint, %error, "no pool");
                    place = self.next(place).await?;
                }
            }
        }
    }

    /// The pool after the one at `place`. Another is tried at once; all of them again after a pause.
    async fn next(&mut self, place: usize) -> Result<usize, Stopped> {
        let next = (place + 1) % self.policy.pools.len();
        if next == 0 {
            let until = self.clock.now() + self.backoff.wait();
            self.pause(until).await?;
        }
        Ok(next)
    }

    /// The first pool from `place` on that is not to be left alone, once there is one.
    async fn rested(&mut self, place: usize) -> Result<usize, Stopped> {
        let count = self.policy.pools.len();
        loop {
            let rests = |place: usize| (self.contacts.rests_until(place), place);
            let places = (0..count).map(|after| (place + after) % count);
            let now = self.clock.now();
            if let Some(place) = places.clone().find(|place| rests(*place).0 <= now) {
                return Ok(place);
            }
            let until = places.map(rests).min().map_or(now, |(until, _)| until);
            self.pause(until).await?;
        }
    }

    fn pool(&self, place: usize) -> &Pool {
        &self.policy.pools[place]
    }

    /// Opens a connection to a pool, or to where it has asked us to go, and takes in shares meanwhile. `None` if
    /// that fails, which is logged.
    async fn open(
        &mut self,
        place: usize,
        moved: Option<Endpoint>,
    ) -> Result<Option<Connection>, Stopped> {
        let pool = self.policy.pools[place].clone();
        let known = self.subscriptions.get(&place);
        let (trust, clock) = (self.trust.clone(), self.clock.clone());
        let call = Call {
            pool: &pool,
            endpoint: moved.unwrap_or_else(|| pool.endpoint.clone()),
            resume: known.and_then(|known| known.session.clone()),
            manner: self.contacts.manner(place),
            trust: &trust,
            remarks: self.remarks.clone(),
        };
        let seat = clock.follow();
        let opening = async {
            let seat = seat;
            Connection::open(call, &clock, &seat).await
        };
        let mut opening = std::pin::pin!(opening);
        let opened = loop {
            tokio::select! {
                biased;
                opened = &mut opening => break opened,
                order = self.orders.recv() => self.keep(order).await?,
                () = self.seat.wait_until(Nanos::MAX) => {}
            }
        };
        match opened {
            Ok(connection) => {
                self.contacts.opened(place);
                Ok(Some(connection))
            }
            Err(failed) => {
                tracing::warn!(pool = %pool.endpoint, error = %failed.error, "no pool");
                self.contacts
                    .failed(place, &pool, &failed, self.clock.now());
                Ok(None)
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
