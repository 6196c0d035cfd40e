//! From accept to authorised, and what both a unit's greeting and its work are answered by.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use super::End;
use crate::clock::Nanos;
use crate::stratum::line::{Line, LineStream};
use crate::stratum::notice::{Notice, Refusal};
use crate::stratum::request::{Call, Request, RequestError};
use crate::stratum::strikes::Strikes;
use crate::vbm::hub::Hub;
use crate::vbm::space::Space;

/// Longest worker name.
const MOST_WORKER: usize = 128;
/// The way from accept to authorised.
pub(super) struct Greeting<'a> {
    pub(super) hub: &'a Hub,
    pub(super) peer: SocketAddr,
    pub(super) space: Arc<Space>,
    pub(super) prefix: u32,
    pub(super) agent: Option<String>,
    pub(super) subscribed: bool,
    pub(super) worker: Option<String>,
    pub(super) rolls: Option<u32>,
    pub(super) extranonce: bool,
    pub(super) suggests: Option<f64>,
    pub(super) strikes: Strikes,
}

impl Greeting<'_> {
    pub(super) async fn run(&mut self, lines: &mut LineStream) -> Result<(), End> {
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
                Ok(subscription(&self.space, self.prefix))
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
            Call::Configure { version_rolling } => {
                self.rolls = version_rolling;
                Ok(configured(version_rolling, &self.space))
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
pub(super) fn configured(asked: Option<u32>, space: &Space) -> Value {
    match asked {
        None => json!({}),
        Some(asked) => {
            let mask = asked & space.version_mask();
            json!({
                "version-rolling": mask != 0,
                "version-rolling.mask": format!("{mask:08x}")
            })
        }
    }
}
