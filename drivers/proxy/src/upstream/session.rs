//! What the upstream task does while it is connected: templates out, shares in, answers back.

use std::sync::Arc;

use serde_json::Value;

use super::connection::{CONFIGURE, Call, Connection, PoolError};
use super::endpoint::Endpoint;
use super::pending::{Next, Present, Settled};
use super::remarks::short;
use super::{End, Upstream};
use crate::hub::Order;
use crate::journal::{Entry, Stopped, Subscription};
use crate::space::Space;
use crate::template::{MOST_JOB_ID, Origin, Template};
use thermine_stratum::notice::{Notice, Notify, Refusal};
use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;

/// Shares that are sent together at most.
const BATCH: usize = 256;

/// Merkle branches of a job at most: what ESP-Miner takes, and enough for four thousand million transactions.
const MOST_BRANCHES: usize = 32;

/// The state of one connection.
struct State {
    number: u64,
    subscription: Arc<Subscription>,
    newest: Option<Arc<Template>>,
    /// Serial of the oldest template whose shares can still count.
    live: u64,
    /// Serial of the first template of this connection.
    first: u64,
    heard: Nanos,
}

impl Upstream {
    /// Serves over `connection` to the pool at `place` until it is left.
    pub(super) async fn serve(&mut self, place: usize, mut connection: Connection) -> End {
        let opened = self.clock.now();
        let end = self.mine(place, &mut connection).await;
        if let End::Lost(error) = &end {
            let (unanswered, now) = (&connection.unanswered, self.clock.now());
            self.contacts.lost(place, error, unanswered, opened, now);
        }
        end
    }

    async fn mine(&mut self, place: usize, connection: &mut Connection) -> End {
        self.connections += 1;
        let (subscription, new) = self.subscription(place, connection);
        if new {
            let entry = Entry::Subscription(subscription.clone());
            if self.hub.journal().write(entry).await.is_err() {
                return End::Stopped;
            }
        }
        tracing::info!(
            pool = %connection.endpoint,
            extranonce2 = connection.space.extranonce2_len(),
            mask = format!("{:08x}", connection.space.version_mask()),
            "mining at a pool"
        );
        let mut state = State {
            number: self.connections,
            subscription,
            newest: None,
            live: 0,
            first: self.templates + 1,
            heard: self.clock.now(),
        };
        while let Some(notice) = connection.early.pop_front() {
            if let Err(end) = self.heed(place, connection, &mut state, notice).await {
                return end;
            }
        }
        let (silence, timeout) = (self.pool(place).silence, self.pool(place).timeout);
        let mut probe = Box::pin(self.probe(place));
        let mut orders = Vec::with_capacity(BATCH);
        loop {
            if let Err(error) = connection.lines.flush().await {
                return End::Lost(error.into());
            }
            let answer_due = self
                .pending
                .unanswered_since(state.number)
                .map_or(Nanos::MAX, |since| since + timeout);
            let silence_due = state.heard + silence;
            let done = tokio::select! {
                biased;
                line = connection.lines.next() => match line {
                    Ok(line) => {
                        state.heard = self.clock.now();
                        match connection.parse(&line.text) {
                            Ok(notices) => {
                                let mut heeded = Ok(());
                                for notice in notices {
                                    heeded = self.heed(place, connection, &mut state, notice).await;
                                    if heeded.is_err() {
                                        break;
                                    }
                                }
                                heeded
                            }
                            Err(error) => Err(End::Lost(error)),
                        }
                    }
                    Err(error) => Err(End::Lost(error.into())),
                },
                count = self.orders.recv_many(&mut orders, BATCH) => match count {
                    0 => Err(End::Stopped),
                    _ => {
                        let mut errands = Vec::new();
                        let mut outcome = Ok(());
                        for mut order in orders.drain(..) {
                            errands.extend(order.errand.take());
                            outcome = outcome.and(self.forward(connection, &state, order).await);
                        }
                        // On its way counts as over only when the bytes have left.
                        let flushed = connection.lines.flush().await;
                        drop(errands);
                        match (outcome, flushed) {
                            (Err(Stopped), _) => Err(End::Stopped),
                            (_, Err(error)) => Err(End::Lost(error.into())),
                            _ => Ok(()),
                        }
                    }
                },
                (better, opened) = &mut probe => Err(End::Better(better, opened)),
                () = self.seat.wait_until(silence_due.min(answer_due)) => {
                    let now = self.clock.now();
                    if now >= silence_due {
                        Err(End::Lost(PoolError::Silent("with any line", silence.as_secs())))
                    } else if now >= answer_due {
                        Err(End::Lost(PoolError::Silent("mining.submit", timeout.as_secs())))
                    } else {
                        Ok(())
                    }
                }
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// The connection's subscription, and whether it is a new one. The journal learns of a new one with its first
    /// share at the latest: a pool may change its extranonce as often as it likes.
    fn subscription(&mut self, place: usize, connection: &Connection) -> (Arc<Subscription>, bool) {
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

    /// Does what the pool says.
    async fn heed(
        &mut self,
        place: usize,
        connection: &mut Connection,
        state: &mut State,
        notice: Notice,
    ) -> Result<(), End> {
        match notice {
            Notice::Notify(notify) => self.take(connection, state, notify).await,
            Notice::Reply { id, outcome } => self.answered(connection, state, &id, outcome).await,
            // Holds from the next job; however many come, nothing is sent to anybody for it.
            Notice::SetDifficulty(difficulty) => {
                match Difficulty::new(difficulty) {
                    Ok(difficulty) => connection.difficulty = difficulty,
                    Err(_) => connection.remarks.log(
                        &connection.endpoint,
                        "sent a mining.set_difficulty that is ignored",
                        &difficulty.to_string(),
                    ),
                }
                Ok(())
            }
            Notice::SetExtranonce {
                extranonce1,
                extranonce2_len,
            } => {
                let mask = connection.space.version_mask();
                let space = Space::divide(extranonce1, extranonce2_len, mask)
                    .map_err(|error| End::Lost(error.into()))?;
                connection.space = Arc::new(space);
                (state.subscription, _) = self.subscription(place, connection);
                Ok(())
            }
            Notice::SetVersionMask(mask) => {
                connection.set_mask(mask);
                Ok(())
            }
            Notice::Reconnect { host, port, wait } => {
                let here = &connection.endpoint;
                let host = host.filter(|host| !host.is_empty());
                let to = Endpoint {
                    host: host.unwrap_or_else(|| here.host.clone()),
                    port: port.filter(|port| *port > 0).unwrap_or(here.port),
                    tls: here.tls,
                };
                if !self.pool(place).may_move_to(&to.host) {
                    connection.remarks.log(
                        here,
                        "asks to connect to a host that configuration does not allow",
                        &to.to_string(),
                    );
                    return Ok(());
                }
                let until = self.clock.now() + std::time::Duration::from_secs(wait.min(60));
                match self.pause(until).await {
                    Ok(()) => Err(End::Lost(PoolError::Moved(to))),
                    Err(Stopped) => Err(End::Stopped),
                }
            }
            Notice::Question { id, method } => {
                connection.answer(id, &method);
                Ok(())
            }
            Notice::Message(text) => {
                connection.remarks.log(&connection.endpoint, "says", &text);
                Ok(())
            }
            Notice::Other(method) => {
                connection.remarks.log(
                    &connection.endpoint,
                    "sent a method that is ignored",
                    &method,
                );
                Ok(())
            }
        }
    }

    /// Takes a reply: to a share, or a late one to the opening.
    async fn answered(
        &mut self,
        connection: &mut Connection,
        state: &mut State,
        id: &Value,
        outcome: Result<Value, Refusal>,
    ) -> Result<(), End> {
        if let Some(asked) = connection.opening(id) {
            if asked != CONFIGURE || !connection.configured(&outcome) {
                return Ok(());
            }
            // As by mining.set_version_mask; but units are not to wait for the next job to roll.
            let Some(newest) = state.newest.clone() else {
                return Ok(());
            };
            let notify = Notify {
                job_id: newest.job_id.clone(),
                work: newest.work.clone(),
                clean: false,
            };
            return self.take(connection, state, notify).await;
        }
        let answer = match &outcome {
            // Some pools refuse by a result that is false.
            Ok(Value::Bool(false)) => Err((20, "refused".to_owned())),
            Ok(_) => Ok(()),
            Err(refusal) => Err((refusal.code, short(&refusal.text).to_owned())),
        };
        let refused = answer.clone().err();
        let settled = Connection::ticket(id).and_then(|ticket| {
            let now = self.clock.now();
            self.pending.answered(ticket, state.number, answer, now)
        });
        let Some(settled) = settled else {
            connection.unexpected(id, &outcome);
            return Ok(());
        };
        if let Some((code, text)) = refused {
            let text = format!("{code} {text}");
            connection
                .remarks
                .log(&connection.endpoint, "refused a share", &text);
        }
        self.settle(vec![settled]).await
    }

    /// Makes a template of a job and publishes it; the first one also decides what waiting shares are worth.
    async fn take(
        &mut self,
        connection: &mut Connection,
        state: &mut State,
        mut notify: Notify,
    ) -> Result<(), End> {
        if notify.job_id.len() > MOST_JOB_ID || notify.work.merkle_branch.len() > MOST_BRANCHES {
            let text = format!(
                "{} merkle branches, a job id of {} characters",
                notify.work.merkle_branch.len(),
                notify.job_id.len()
            );
            connection.remarks.log(
                &connection.endpoint,
                "sent a job of unreasonable size that is ignored",
                &text,
            );
            return Ok(());
        }
        let now = self.clock.now();
        let first = state.newest.is_none();
        // A new previous block kills what came before, whether or not the pool says so. The first job over a
        // subscription resumed is no news by itself: what units have of it goes on.
        notify.clean = match &state.newest {
            Some(newest) => notify.clean || newest.work.prevhash != notify.work.prevhash,
            None => !self.hub.current().is_some_and(|current| {
                current.work.prevhash == notify.work.prevhash
                    && current.space == connection.space
                    && current.subscription.same_space(&state.subscription)
            }),
        };
        self.templates += 1;
        let template = Arc::new(Template::new(
            notify,
            Origin {
                serial: self.templates,
                subscription: state.subscription.clone(),
                space: connection.space.clone(),
                difficulty: connection.difficulty,
                scale: self.hub.scale(),
                received: now,
            },
        ));
        if first {
            // The jobs of the connection before may live on: the block and the subscription decide.
            (state.live, state.first) = (0, template.serial);
        } else if template.clean {
            state.live = template.serial;
        }
        state.newest = Some(template.clone());
        self.hub.publish(template);
        if first {
            self.send_waiting(connection, state).await?;
        }
        Ok(())
    }

    /// Sends what waited for this pool, and writes off what can no longer count.
    async fn send_waiting(
        &mut self,
        connection: &mut Connection,
        state: &State,
    ) -> Result<(), End> {
        let Some(newest) = state.newest.clone() else {
            return Ok(());
        };
        let present = Present {
            connection: state.number,
            subscription: &state.subscription,
            newest: &newest,
            live: state.live,
            first: state.first,
            mask: connection.space.version_mask(),
            keep_for: self.policy.keep_for,
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
            connection
                .lines
                .flush()
                .await
                .map_err(|error| End::Lost(error.into()))?;
        }
        self.settle(expired).await
    }

    /// Sends a share on, if it can count.
    async fn forward(
        &mut self,
        connection: &mut Connection,
        state: &State,
        order: Order,
    ) -> Result<(), Stopped> {
        let (now, ticket) = (self.clock.now(), order.share.ticket);
        let mut settled = self.pending.add(order, now);
        if let Some(newest) = &state.newest {
            let present = Present {
                connection: state.number,
                subscription: &state.subscription,
                newest,
                live: state.live,
                first: state.first,
                mask: connection.space.version_mask(),
                keep_for: self.policy.keep_for,
            };
            match self.pending.try_send(ticket, &present, now) {
                Next::Send(share) => {
                    connection.submit(&share);
                }
                Next::Settled(expired) => settled.push(expired),
                Next::Wait => {}
            }
        }
        self.hub.settle_all(settled).await
    }

    async fn settle(&mut self, settled: Vec<Settled>) -> Result<(), End> {
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
        // At the first pool there is nothing to wait for, and no seat is taken.
        let seat = (place > 0).then(|| clock.follow());
        async move {
            let Some(seat) = seat else {
                return std::future::pending().await;
            };
            loop {
                seat.wait_until(clock.now() + every).await;
                for (place, pool) in pools.iter().enumerate() {
                    if clock.now() < contacts.rests_until(place) {
                        continue;
                    }
                    let call = Call {
                        pool,
                        endpoint: pool.endpoint.clone(),
                        resume: sessions[place].clone(),
                        manner: contacts.manner(place),
                        trust: &trust,
                        remarks: remarks.clone(),
                    };
                    match Connection::open(call, &clock, &seat).await {
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
