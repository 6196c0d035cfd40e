//! The task that goes from pool to pool.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::connection::{Attempt, Connection};
use super::contact::Contacts;
use super::endpoint::{Endpoint, Trust};
use super::error::PoolError;
use super::pending::Pending;
use super::pool::{Policy, Pool};
use super::remarks::Remarks;
use crate::hub::Hub;
use crate::journal::{Order, Restored, Stopped};
use crate::subscription::Subscription;
use thermine_units::backoff::Backoff;
use thermine_units::clock::{Clock, Nanos, Waiter};
use thermine_units::seed::Rng;

/// Why a pool is left.
pub(super) enum End {
    Lost(PoolError),
    /// A better one is there.
    Better(usize, Box<Connection>),
    /// Everything ends.
    Stopped,
}

/// The upstream task.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(super) policy: Policy,
    pub(super) hub: Hub,
    pub(super) orders: mpsc::Receiver<Order>,
    pub(super) trust: Trust,
    pub(super) clock: Clock,
    pub(super) waiter: Waiter,
    pub(super) backoff: Backoff,
    pub(super) pending: Pending,
    pub(super) contacts: Contacts,
    pub(super) remarks: Remarks,
    /// The newest subscription to each pool, by its place in the policy.
    pub(super) subscriptions: HashMap<usize, Arc<Subscription>>,
    pub(super) next_subscription: u64,
    pub(super) connections: u64,
    pub(super) templates: u64,
}

impl Upstream {
    /// A task that serves `hub`, beginning with what a store had.
    pub(crate) fn new(
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
            waiter: clock.follow(),
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
    pub(crate) async fn run(mut self) {
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

    pub(super) fn pool(&self, place: usize) -> &Pool {
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
        let attempt = Attempt {
            pool: &pool,
            endpoint: moved.unwrap_or_else(|| pool.endpoint.clone()),
            resume: known.and_then(|known| known.session.clone()),
            manner: self.contacts.manner(place),
            trust: &trust,
            remarks: self.remarks.clone(),
        };
        // Outlives the opening: a place given up while the task itself still waits would let virtual time go on.
        let waiter = clock.follow();
        let opening = Connection::open(attempt, &clock, &waiter);
        let mut opening = std::pin::pin!(opening);
        let opened = loop {
            tokio::select! {
                biased;
                opened = &mut opening => break opened,
                order = self.orders.recv() => self.keep(order).await?,
                () = self.waiter.wait_until(Nanos::MAX) => {}
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
    pub(super) async fn pause(&mut self, until: Nanos) -> Result<(), Stopped> {
        loop {
            tokio::select! {
                biased;
                order = self.orders.recv() => self.keep(order).await?,
                () = self.waiter.wait_until(until) => return Ok(()),
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
