//! What the upstream task makes of the pool's words.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::error::PoolError;
use super::remarks::short;
use super::session::State;
use super::task::{End, Upstream};
use crate::journal::Stopped;
use crate::space::Space;
use crate::template::{MOST_JOB_ID, Origin, Template};
use thermine_stratum::client_protocol::Told;
use thermine_stratum::notice::{Notice, Notify};
use thermine_stratum::refusal::Refusal;
use thermine_units::pow::Difficulty;

/// Merkle branches of a job at most: what ESP-Miner takes, and enough for four thousand million transactions.
const MOST_BRANCHES: usize = 32;

impl Upstream {
    /// Does what the pool says.
    pub(super) async fn on_told(
        &mut self,
        place: usize,
        connection: &mut Connection,
        state: &mut State,
        told: Told,
    ) -> Result<(), End> {
        match told {
            Told::Notice(notice) => self.on_notice(place, connection, state, notice).await,
            Told::Reply { id, outcome } => self.answered(connection, state, id, outcome).await,
            // As by mining.set_version_mask; but units are not to wait for the next job to roll.
            Told::Granted(mask) => match state.newest.clone() {
                Some(newest) if connection.set_mask(mask) => {
                    let notify = Notify {
                        job_id: newest.job_id.clone(),
                        work: newest.work.clone(),
                        clean: false,
                    };
                    self.take(connection, state, notify).await
                }
                Some(_) => Ok(()),
                None => {
                    connection.set_mask(mask);
                    Ok(())
                }
            },
            Told::Answered => Ok(()),
            ignored @ Told::Ignored(..) => {
                connection.remark(&ignored);
                Ok(())
            }
        }
    }

    async fn on_notice(
        &mut self,
        place: usize,
        connection: &mut Connection,
        state: &mut State,
        notice: Notice,
    ) -> Result<(), End> {
        match notice {
            Notice::Notify(notify) => self.take(connection, state, notify).await,
            // Holds from the next job; however many come, nothing is sent to anybody for it.
            Notice::SetDifficulty(difficulty) => {
                match Difficulty::new(difficulty) {
                    Ok(difficulty) => connection.difficulty = difficulty,
                    Err(_) => connection.log(
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
                    connection.log(
                        "asks to connect to a host that configuration does not allow",
                        &to.to_string(),
                    );
                    return Ok(());
                }
                let until = self.clock.now() + Duration::from_secs(wait.min(60));
                match self.pause(until).await {
                    Ok(()) => Err(End::Lost(PoolError::Moved(to))),
                    Err(Stopped) => Err(End::Stopped),
                }
            }
            Notice::Question { id, method } => {
                connection.answer(id, &method);
                Ok(())
            }
            remark @ (Notice::Message(_) | Notice::Other(_) | Notice::Reply { .. }) => {
                connection.remark(&Told::Notice(remark));
                Ok(())
            }
        }
    }

    /// Takes the reply to a share.
    async fn answered(
        &mut self,
        connection: &Connection,
        state: &State,
        id: Value,
        outcome: Result<Value, Refusal>,
    ) -> Result<(), End> {
        let answer = match &outcome {
            // Some pools refuse by a result that is false.
            Ok(Value::Bool(false)) => Err((20, "refused".to_owned())),
            Ok(_) => Ok(()),
            Err(refusal) => Err((refusal.code, short(&refusal.text).to_owned())),
        };
        let refused = answer.clone().err();
        let settled = Connection::ticket(&id).and_then(|ticket| {
            let now = self.clock.now();
            self.pending.answered(ticket, state.number, answer, now)
        });
        let Some(settled) = settled else {
            connection.remark(&Told::Reply { id, outcome });
            return Ok(());
        };
        if let Some((code, text)) = refused {
            connection.log("refused a share", &format!("{code} {text}"));
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
            connection.log("sent a job of unreasonable size that is ignored", &text);
            return Ok(());
        }
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
}
