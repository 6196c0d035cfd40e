//! From accept to authorised.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;

use super::end::End;
use crate::hub::Hub;
use crate::space::Space;
use crate::template::Template;
use thermine_stratum::arrivals::speaks_tls;
use thermine_stratum::refusal::Refusal;
use thermine_stratum::server_connection::ServerConnection;
use thermine_stratum::server_protocol::Asked;
use thermine_stratum::subscribed::Subscribed;

/// Longest worker name.
pub(super) const MOST_WORKER: usize = 128;

/// Time that a unit waits for a pool to give work: an S9 gives up after 60 s.
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

/// What a unit has been given when it has authorised.
pub(super) struct Greeting {
    pub(super) current: Arc<Template>,
    pub(super) space: Arc<Space>,
    pub(super) prefix: Prefix,
    /// Share difficulty that it would like.
    pub(super) suggests: Option<f64>,
}

/// Takes a new connection through subscribe and authorise.
///
/// # Errors
/// If it goes away, speaks something else, is banned or takes too long, or no pool has given any work.
pub(super) async fn greet(
    stream: TcpStream,
    peer: SocketAddr,
    hub: &Hub,
) -> Result<(ServerConnection, Greeting), End> {
    let (clock, waiter) = (hub.clock(), hub.clock().follow());
    let limit = hub.units().handshake_timeout;
    let within = |limit: Duration| clock.now() + clock.device(limit);
    let late = || End::Handshake(limit.as_secs_f64());
    let tls = waiter.timeout(within(limit), speaks_tls(&stream)).await;
    if tls.ok_or_else(late)? {
        return Err(End::Tls);
    }
    // It asks for an extranonce first of all, which is the pool's to give.
    let ready = waiter.timeout(within(POOL_PATIENCE), hub.ready()).await;
    let current = ready.flatten().ok_or(End::NoPool)?;
    let space = current.space.clone();
    let idle = hub.units().idle_timeout;
    let mut wire = ServerConnection::new(stream, peer, space.version_mask(), idle, clock.clone());
    let come_in = come_in(&mut wire, peer, hub, &space);
    let come_in = waiter.timeout(within(limit), come_in).await;
    let (prefix, suggests) = come_in.ok_or_else(late)??;
    let greeting = Greeting {
        current,
        space,
        prefix,
        suggests,
    };
    Ok((wire, greeting))
}

async fn come_in(
    wire: &mut ServerConnection,
    peer: SocketAddr,
    hub: &Hub,
    space: &Space,
) -> Result<(Prefix, Option<f64>), End> {
    // Taken when it subscribes: one that never does leaves it to others.
    let mut prefix: Option<Prefix> = None;
    let mut suggests = None;
    loop {
        if wire.protocol().is_ready()
            && let Some(prefix) = prefix
        {
            return Ok((prefix, suggests));
        }
        let next = wire.next().await;
        match next
            .map_err(|lost| End::Lost(wire.worker().to_owned(), lost))?
            .0
        {
            Asked::Subscribe { id, .. } => {
                let number = match &prefix {
                    Some(prefix) => prefix.number,
                    None => hub.prefix(space.units()).await?.ok_or(End::Full)?,
                };
                prefix.get_or_insert_with(|| Prefix {
                    hub: hub.clone(),
                    number,
                });
                wire.subscribe(id, &subscribed(space, number));
            }
            Asked::Authorize { id, user } if user.is_empty() || user.len() > MOST_WORKER => {
                wire.reply(id, Err(Refusal::new(24, "unauthorized worker")));
            }
            Asked::Authorize { id, user } => {
                if let Some(ban) = hub.banned(peer, &user) {
                    return Err(End::Banned(user, ban.reason));
                }
                wire.welcome(id, user);
            }
            Asked::SuggestDifficulty(difficulty) => suggests = Some(difficulty),
            Asked::Configured | Asked::Submit { .. } => {}
        }
    }
}

/// What the unit with `prefix` is given of `space`.
pub(super) fn subscribed(space: &Space, prefix: u32) -> Subscribed {
    Subscribed {
        session: None,
        extranonce1: space.unit_extranonce1(prefix),
        extranonce2_len: space.unit_extranonce2_len(),
    }
}
