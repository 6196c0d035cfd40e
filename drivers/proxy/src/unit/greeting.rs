//! From accept to authorised, and what both a unit's greeting and its work are answered by.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::End;
use crate::hub::Hub;
use crate::space::Space;
use crate::template::Template;
use thermine_stratum::arrivals::speaks_tls;
use thermine_stratum::line::{Line, LineStream};
use thermine_stratum::notice::{Notice, Refusal};
use thermine_stratum::request::{self, Call, Request, RequestError, SUBSCRIBE_EXTRANONCE};
use thermine_stratum::strikes::Strikes;
use thermine_units::clock::Nanos;

/// Longest worker name.
pub(super) const MOST_WORKER: usize = 128;

/// Wall time that a unit waits for a pool to give work: an S9 gives up after 60 s.
const POOL_PATIENCE: Duration = Duration::from_secs(50);

/// The prefix of a unit's extranonces, until this is dropped.
pub(super) struct Prefix {
    hub: Hub,
    number: u32,
}

impl Prefix {
    pub(super) fn number(&self) -> u32 {
        self.number
    }
}

impl Drop for Prefix {
    fn drop(&mut self) {
        self.hub.give_back(self.number);
    }
}

/// The way from accept to authorised.
pub(super) struct Greeting<'a> {
    pub(super) hub: &'a Hub,
    pub(super) peer: SocketAddr,
    pub(super) current: Arc<Template>,
    pub(super) space: Arc<Space>,
    /// Taken when it subscribes: who never does leaves it to others.
    pub(super) prefix: Option<Prefix>,
    pub(super) agent: Option<String>,
    pub(super) subscribed: bool,
    pub(super) worker: Option<String>,
    pub(super) rolls: Option<u32>,
    pub(super) extranonce: bool,
    pub(super) suggests: Option<f64>,
    pub(super) strikes: Strikes,
}

impl<'a> Greeting<'a> {
    /// Takes a new connection through subscribe and authorise.
    ///
    /// # Errors
    /// If it goes away, speaks something else, is banned or takes too long, or no pool has given any work.
    pub(super) async fn of(
        stream: TcpStream,
        peer: SocketAddr,
        hub: &'a Hub,
    ) -> Result<(LineStream, Greeting<'a>), End> {
        let limit = hub.units().handshake_timeout;
        let late = |_| End::Handshake(limit.as_secs_f64());
        if timeout(limit, speaks_tls(&stream)).await.map_err(late)? {
            return Err(End::Tls);
        }
        let mut lines = LineStream::new(stream, hub.clock().clone());
        // It asks for an extranonce first of all, which is the pool's to give.
        let Ok(Some(current)) = timeout(POOL_PATIENCE, hub.ready()).await else {
            return Err(End::NoPool);
        };
        let mut greeting = Greeting {
            hub,
            peer,
            space: current.space.clone(),
            current,
            prefix: None,
            agent: None,
            subscribed: false,
            worker: None,
            rolls: None,
            extranonce: false,
            suggests: None,
            strikes: Strikes::new(hub.clock().now()),
        };
        let run = timeout(limit, greeting.run(&mut lines));
        run.await.map_err(late)??;
        Ok((lines, greeting))
    }

    async fn run(&mut self, lines: &mut LineStream) -> Result<(), End> {
        while !self.subscribed || self.worker.is_none() {
            let broken = |source| End::Line {
                worker: "a unit not yet authorised".into(),
                source,
            };
            lines.flush().await.map_err(broken)?;
            let line = lines.next().await.map_err(broken)?;
            let request = parse(
                &line,
                lines,
                &mut self.strikes,
                self.hub.clock().now(),
                "a unit not yet authorised",
            )?;
            if let Some(Request { id, call }) = request {
                if self.prefix.is_none() && matches!(call, Call::Subscribe { .. }) {
                    let number = self.hub.prefix(self.space.units()).await?;
                    self.prefix = Some(Prefix {
                        hub: self.hub.clone(),
                        number: number.ok_or(End::Full)?,
                    });
                }
                let outcome = self.answer(call)?;
                reply(lines, id, outcome);
            }
        }
        Ok(())
    }

    fn answer(&mut self, call: Call) -> Result<Result<Value, Refusal>, End> {
        Ok(match call {
            Call::Subscribe { agent, .. } => {
                self.agent = agent;
                self.subscribed = true;
                let prefix = self.prefix.as_ref().map_or(0, Prefix::number);
                Ok(subscription(&self.space, prefix))
            }
            Call::Authorize { user } if user.is_empty() || user.len() > MOST_WORKER => {
                Err(Refusal::new(24, "unauthorized worker"))
            }
            Call::Authorize { user } => {
                if let Some(ban) = self.hub.banned(self.peer, &user) {
                    return Err(End::Banned(user, ban.reason));
                }
                self.worker = Some(user);
                Ok(json!(true))
            }
            Call::Configure {
                version_rolling,
                others,
            } => {
                self.rolls = version_rolling;
                self.extranonce |= others.iter().any(|name| name == SUBSCRIBE_EXTRANONCE);
                Ok(configured(version_rolling, &others, &self.space))
            }
            Call::ExtranonceSubscribe => {
                self.extranonce = true;
                Ok(json!(true))
            }
            Call::SuggestDifficulty(difficulty) => {
                self.suggests = difficulty;
                Ok(json!(true))
            }
            Call::Submit(_) if !self.subscribed => Err(Refusal::new(25, "not subscribed")),
            Call::Submit(_) => Err(Refusal::new(24, "unauthorized worker")),
            Call::Other(method) => Err(Refusal::new(20, format!("method {method} not found"))),
            Call::Reply => Ok(Value::Null),
        })
    }
}

/// Parses a line. One that is not Stratum is answered, counted and skipped, up to a limit.
pub(super) fn parse(
    line: &Line,
    lines: &mut LineStream,
    strikes: &mut Strikes,
    now: Nanos,
    worker: &str,
) -> Result<Option<Request>, End> {
    let error = match Request::parse(&line.text) {
        Ok(request) => {
            strikes.good();
            return Ok(Some(request));
        }
        Err(error) => error,
    };
    if strikes.bad(now) {
        return Err(End::Garbage {
            worker: worker.to_owned(),
            count: strikes.total(),
            last: error.to_string(),
        });
    }
    let id = match &error {
        RequestError::Parameters { id, .. } => id.clone(),
        RequestError::Malformed { .. } => Value::Null,
    };
    reply(lines, id, Err(Refusal::new(20, error.to_string())));
    Ok(None)
}

pub(super) fn reply(lines: &mut LineStream, id: Value, outcome: Result<Value, Refusal>) {
    lines.push(&Notice::Reply { id, outcome }.to_line());
}

/// The result of `mining.subscribe`.
pub(super) fn subscription(space: &Space, prefix: u32) -> Value {
    let extranonce1 = hex::encode(space.unit_extranonce1(prefix));
    json!([
        [
            ["mining.set_difficulty", extranonce1],
            ["mining.notify", extranonce1]
        ],
        extranonce1,
        space.unit_extranonce2_len()
    ])
}

/// The result of `mining.configure`: what the unit may roll is what the pool allows.
pub(super) fn configured(asked: Option<u32>, others: &[String], space: &Space) -> Value {
    request::configured(asked.map(|asked| asked & space.version_mask()), others)
}
