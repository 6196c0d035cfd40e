//! What the upstream task does while it is connected: shares out, the pool's words in, time-outs.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::connection::{Attempt, Connection};
use super::pending::{Next, Present};
use super::task::{End, Upstream};
use crate::journal::{Entry, Order, Settled, Stopped};
use crate::subscription::Subscription;
use crate::template::Template;
use thermine_stratum::client_protocol::ClientError;
use thermine_units::clock::Nanos;

/// Shares that are sent together at most.
const BATCH: usize = 256;

/// The state of one connection.
pub(super) struct State {
    pub(super) number: u64,
    pub(super) subscription: Arc<Subscription>,
    pub(super) newest: Option<Arc<Template>>,
    /// Serial of the oldest template whose shares can still count.
    pub(super) live: u64,
    /// Serial of the first template of this connection.
    pub(super) first: u64,
    heard: Nanos,
}

impl State {
    /// What shares are measured by, once there is a template.
    fn present(&self, connection: &Connection, keep_for: Duration) -> Option<Present<'_>> {
        Some(Present {
            connection: self.number,
            subscription: &self.subscription,
            newest: self.newest.as_deref()?,
            live: self.live,
            first: self.first,
            mask: connection.space.version_mask(),
            keep_for,
        })
    }
}

impl Upstream {
    /// Serves over `connection` to the pool at `place` until it is left.
    pub(super) async fn serve(&mut self, place: usize, mut connection: Connection) -> End {
        let opened = self.clock.now();
        let Err(end) = self.mine(place, &mut connection).await;
        if let End::Lost(error) = &end {
            let unanswered = connection.wire.protocol().unanswered();
            let now = self.clock.now();
            self.contacts.lost(place, error, &unanswered, opened, now);
        }
        end
    }

    async fn mine(&mut self, place: usize, connection: &mut Connection) -> Result<Infallible, End> {
        let mut state = self.begin(place, connection).await?;
        let (silence, timeout) = (self.pool(place).silence, self.pool(place).timeout);
        let mut probe = Box::pin(self.probe(place));
        let mut orders = Vec::with_capacity(BATCH);
        loop {
            connection.wire.flush().await.map_err(lost)?;
            let answer_due = self
                .pending
                .unanswered_since(state.number)
                .map_or(Nanos::MAX, |since| since + timeout);
            let silence_due = state.heard + silence;
            tokio::select! {
                biased;
                told = connection.wire.next() => {
                    state.heard = self.clock.now();
                    self.on_told(place, connection, &mut state, told.map_err(lost)?).await?;
                }
                count = self.orders.recv_many(&mut orders, BATCH) => {
                    if count == 0 {
                        return Err(End::Stopped);
                    }
                    self.forward(connection, &state, orders.drain(..)).await?;
                }
                (better, opened) = &mut probe => return Err(End::Better(better, opened)),
                () = self.waiter.wait_until(silence_due.min(answer_due)) => {
                    let now = self.clock.now();
                    let silent = |what, limit: Duration| {
                        Err(lost(ClientError::Silent(what, limit)))
                    };
                    if now >= silence_due {
                        return silent("with any line", silence);
                    }
                    if now >= answer_due {
                        return silent("mining.submit", timeout);
                    }
                }
            }
        }
    }

    /// The state of a new connection; its subscription is entered in the journal if it is new.
    async fn begin(&mut self, place: usize, connection: &Connection) -> Result<State, End> {
        self.connections += 1;
        let (subscription, new) = self.subscription(place, connection);
        if new {
            let entry = Entry::Subscription(subscription.clone());
            let written = self.hub.journal().write(entry).await;
            written.map_err(|Stopped| End::Stopped)?;
        }
        tracing::info!(
            pool = %connection.endpoint,
            extranonce2 = connection.space.extranonce2_len(),
            mask = format!("{:08x}", connection.space.version_mask()),
            "mining at a pool"
        );
        Ok(State {
            number: self.connections,
            subscription,
            newest: None,
            live: 0,
            first: self.templates + 1,
            heard: self.clock.now(),
        })
    }

    /// The connection's subscription, and whether it is a new one. The journal learns of a new one with its first
    /// share at the latest: a pool may change its extranonce as often as it likes.
    pub(super) fn subscription(
        &mut self,
        place: usize,
        connection: &Connection,
    ) -> (Arc<Subscription>, bool) {
        let pool = self.pool(place);
        let mut subscription = Subscription {
            number: self.next_subscription,
            pool: pool.endpoint.to_string(),
            user: pool.user.clone(),
            session: connection.session.clone(),
            extranonce1: connection.space.extranonce1().to_vec(),
            extranonce2_len: connection.space.extranonce2_len(),
        };
        if let Some(known) = self.subscriptions.get(&place)
            && known.same_space(&subscription)
            && known.session == subscription.session
        {
            subscription.number = known.number;
            return (known.clone(), false);
        }
        self.next_subscription += 1;
        let subscription = Arc::new(subscription);
        self.subscriptions.insert(place, subscription.clone());
        (subscription, true)
    }

    /// Sends what waited for this pool, and writes off what can no longer count.
    pub(super) async fn send_waiting(
        &mut self,
        connection: &mut Connection,
        state: &State,
    ) -> Result<(), End> {
        let Some(present) = state.present(connection, self.policy.keep_for) else {
            return Ok(());
        };
        let (send, expired) = self.pending.due(&present, self.clock.now());
        if !send.is_empty() || !expired.is_empty() {
            tracing::info!(
                sent = send.len(),
                written_off = expired.len(),
                "shares that waited for this pool"
            );
        }
        for share in send {
            connection.submit(&share);
            connection.wire.flush().await.map_err(lost)?;
        }
        self.settle(expired).await
    }

    /// Sends shares on, if they can count.
    async fn forward(
        &mut self,
        connection: &mut Connection,
        state: &State,
        orders: impl Iterator<Item = Order>,
    ) -> Result<(), End> {
        let mut in_flight = Vec::new();
        let mut outcome = Ok(());
        for mut order in orders {
            in_flight.extend(order.in_flight.take());
            let settled = self.send(connection, state, order);
            outcome = outcome.and(self.hub.settle_all(settled).await);
        }
        // On its way counts as over only when the bytes have left.
        let flushed = connection.wire.flush().await;
        drop(in_flight);
        outcome.map_err(|Stopped| End::Stopped)?;
        flushed.map_err(lost)
    }

    /// Sends a share if the pool can take it now. Returns the shares that are settled by that.
    fn send(&mut self, connection: &mut Connection, state: &State, order: Order) -> Vec<Settled> {
        let (now, ticket) = (self.clock.now(), order.share.ticket);
        let mut settled = self.pending.add(order, now);
        if let Some(present) = state.present(connection, self.policy.keep_for) {
            match self.pending.try_send(ticket, &present, now) {
                Next::Send(share) => connection.submit(&share),
                Next::Settled(expired) => settled.push(expired),
                Next::Wait => {}
            }
        }
        settled
    }

    pub(super) async fn settle(&mut self, settled: Vec<Settled>) -> Result<(), End> {
        let settled = self.hub.settle_all(settled).await;
        settled.map_err(|Stopped| End::Stopped)
    }

    /// Tries the pools before the one at `place` now and then; ends with the first that answers.
    fn probe(&self, place: usize) -> impl Future<Output = (usize, Box<Connection>)> + Send + use<> {
        let pools = self.policy.pools[..place].to_vec();
        let sessions: Vec<Option<String>> = (0..place)
            .map(|place| self.subscriptions.get(&place)?.session.clone())
            .collect();
        let (trust, clock, every) = (
            self.trust.clone(),
            self.clock.clone(),
            self.policy.return_after,
        );
        let (contacts, remarks) = (self.contacts.clone(), self.remarks.clone());
        // At the first pool there is nothing to wait for, and no place at the clock is taken.
        let waiter = (place > 0).then(|| clock.follow());
        async move {
            let Some(waiter) = waiter else {
                return std::future::pending().await;
            };
            loop {
                waiter.wait_until(clock.now() + every).await;
                for (place, pool) in pools.iter().enumerate() {
                    if clock.now() < contacts.rests_until(place) {
                        continue;
                    }
                    let attempt = Attempt {
                        pool,
                        endpoint: pool.endpoint.clone(),
                        resume: sessions[place].clone(),
                        manner: contacts.manner(place),
                        trust: &trust,
                        remarks: remarks.clone(),
                    };
                    match Connection::open(attempt, &clock, &waiter).await {
                        Ok(connection) => {
                            contacts.opened(place);
                            return (place, Box::new(connection));
                        }
                        Err(failed) => {
                            let error = failed.error.to_string();
                            remarks.log(&pool.endpoint, "is still away", &error);
                            contacts.failed(place, pool, &failed, clock.now());
                        }
                    }
                }
            }
        }
    }
}

fn lost(error: ClientError) -> End {
    End::Lost(error.into())
}
