//! A unit's connection that may break and come back.
//!
//! Miners drop their connection and open another: a restart of the firmware, a Wi-Fi that blinks. The unit is
//! taken back if it is the same one (same worker, firmware agent and address) and comes within the patience of
//! its configuration. Anything else that connects under its name is turned away.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::time::Duration;

use super::SubstrateError;
use thermine_stratum::Session;
use thermine_stratum::session::Share;
use thermine_units::clock::{Nanos, Waiter};
use thermine_units::unit::OperatingPoint;

/// Time for which a second connection of the unit stays open while the first is silent, until the second takes its
/// place: wall time, or virtual time on such a clock. A unit whose Wi-Fi was away opens a new connection while the old one still looks alive
/// from here. Shorter, and a connection that firmware opens only to probe a pool would win.
const TAKE_OVER: Duration = Duration::from_secs(30);

/// The next session of a unit, whenever it comes. Dropping it loses no session.
pub type NextSession<'a> = Pin<Box<dyn Future<Output = Session> + Send + 'a>>;

/// Where a unit's further sessions come from.
pub trait Reconnect: Send + std::fmt::Debug {
    /// Waits for the unit's next session.
    fn next(&mut self) -> NextSession<'_>;

    /// Whether a session can come while the last still looks alive.
    fn comes_early(&self) -> bool;
}

/// How long a step waits for its unit, and where the unit comes in.
#[derive(Debug)]
pub struct Patience {
    /// Time that the unit is given, by the run's clock.
    pub time: Duration,
    /// Where it comes in.
    pub door: Box<dyn Reconnect>,
    /// Where it runs unless a step says otherwise: a unit that has restarted may run elsewhere, and is set again.
    pub point: OperatingPoint,
}

/// Who connected first.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Peer {
    worker: String,
    agent: Option<String>,
    address: IpAddr,
}

impl Peer {
    fn of(session: &Session) -> Peer {
        Peer {
            worker: session.worker().to_string(),
            agent: session.agent().map(ToString::to_string),
            address: session.peer().ip(),
        }
    }

    /// `session`, if it is of this peer; otherwise it is ended.
    fn only(&self, mut session: Session) -> Option<Session> {
        let now = Peer::of(&session);
        if now == *self {
            return Some(session);
        }
        tracing::warn!(
            worker = self.worker, was = ?(&self.agent, self.address), is = ?(&now.agent, now.address),
            "turned a connection away: another device uses the unit's worker name"
        );
        // Beside the step, which a stranger must not delay.
        tokio::spawn(async move { session.hang_up().await });
        None
    }
}

/// A session, and what may follow it.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) session: Session,
    first: Peer,
    patience: Option<Patience>,
    /// A second connection, and since when it is there.
    second: Option<(Session, Nanos)>,
}

impl Connection {
    pub(super) fn new(session: Session) -> Connection {
        Connection {
            first: Peer::of(&session),
            session,
            patience: None,
            second: None,
        }
    }

    pub(super) fn with_patience(&mut self, patience: Patience) {
        self.patience = Some(patience).filter(|patience| !patience.time.is_zero());
    }

    /// How long the unit is waited for after `error`; `None` if `error` is not of a lost connection, or the
    /// unit is not waited for.
    pub(super) fn patience_after(&self, error: &SubstrateError) -> Option<Duration> {
        match error {
            SubstrateError::Session(error) if error.is_lost() => {
                self.patience.as_ref().map(|patience| patience.time)
            }
            SubstrateError::Replaced { .. } => self.patience.as_ref().map(|patience| patience.time),
            _ => None,
        }
    }

    /// The next share, or `None` at `until`. Cancel safe.
    pub(super) async fn next_share(
        &mut self,
        waiter: &Waiter,
        until: Nanos,
    ) -> Result<Option<Share>, SubstrateError> {
        loop {
            self.check_second()?;
            let early = self.second.is_none();
            let arrival = async {
                match &mut self.patience {
                    Some(patience) if early && patience.door.comes_early() => {
                        patience.door.next().await
                    }
                    _ => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                share = self.session.next_share_until(waiter, until) => return Ok(share?),
                session = arrival => {
                    let now = self.session.clock().now();
                    self.second = self.first.only(session).map(|session| (session, now));
                }
            }
        }
    }

    /// Lets go of a second connection that has ended, and fails if it has outlasted the first.
    fn check_second(&mut self) -> Result<(), SubstrateError> {
        let Some((second, since)) = &self.second else {
            return Ok(());
        };
        let clock = self.session.clock();
        if second.is_over() || self.session.heard_since(*since) {
            self.second = None;
        } else if clock.now() >= *since + clock.device(TAKE_OVER) {
            return Err(SubstrateError::Replaced {
                unit: self.first.worker.clone(),
                after: TAKE_OVER,
            });
        }
        Ok(())
    }

    /// Waits until the unit is connected again, or until `until`. Returns whether it is. Cancel safe.
    pub(super) async fn comes_back(&mut self, waiter: &Waiter, until: Nanos) -> bool {
        let session = match (self.second.take(), &mut self.patience) {
            (Some((session, _)), _) if !session.is_over() => Some(session),
            (_, None) => None,
            (_, Some(patience)) => tokio::select! {
                biased;
                session = patience.door.next() => self.first.only(session),
                () = waiter.wait_until(until) => None,
            },
        };
        let Some(session) = session else {
            return false;
        };
        self.session.go_on_with(session);
        true
    }
}
