//! A unit's job stream, taken out of the proxy for an experiment.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::hub::Hub;
use crate::mailbox::Hold;
use thermine_stratum::Session;
use thermine_stratum::server::{AFTER_REFUSAL, Admit, NeverConnected};

/// Wall time between two looks for a unit that is waited for.
const LOOK: Duration = Duration::from_millis(100);

impl Hub {
    /// Takes the job stream of the unit with this worker name, for the handshake. Its other shares are settled
    /// first; the rest of the rack goes on. `None` if no such unit is here, or it leaves meanwhile.
    pub async fn hold(&self, worker: &str) -> Option<Held> {
        self.hold_if(worker, &Admit::anyone()).await.ok().flatten()
    }

    /// As [`hold`](Hub::hold), of the units with this name the one that `admit` lets in.
    ///
    /// # Errors
    /// If there are only others: why the last was refused.
    async fn hold_if(&self, worker: &str, admit: &Admit) -> Result<Option<Held>, String> {
        let mut mailbox = Ok(None);
        for member in self.members() {
            if *member.worker != *worker {
                continue;
            }
            match admit.check(member.peer, member.agent.as_deref()) {
                Ok(()) => {
                    mailbox = Ok(Some(member.mailbox));
                    break;
                }
                Err(why) => mailbox = Err(why),
            }
        }
        let Some(mailbox) = mailbox? else {
            return Ok(None);
        };
        let (taken, session) = oneshot::channel();
        let (back, returned) = oneshot::channel();
        mailbox.hold(Hold {
            taken,
            back: returned,
        });
        drop(mailbox);
        let session = session.await.ok();
        Ok(session.map(|session| Held { session, back }))
    }

    /// As [`hold`](Hub::hold), waiting up to `patience` of wall time for the unit that `admit` lets in.
    ///
    /// # Errors
    /// If it does not connect, or does not stay; if another machine has its worker name, why that was refused.
    pub async fn hold_within(
        &self,
        worker: &str,
        patience: Duration,
        admit: &Admit,
    ) -> Result<Held, NeverConnected> {
        // `None`: as long as the caller waits.
        let mut until = Instant::now().checked_add(patience);
        let mut refused = None;
        loop {
            // Looked at here too: a hold that is refused at once never gives the timer its turn.
            let look = match until {
                Some(at) if Instant::now() >= at => None,
                Some(at) => {
                    let look = tokio::time::timeout_at(at, self.hold_if(worker, admit));
                    look.await.ok()
                }
                None => Some(self.hold_if(worker, admit).await),
            };
            match look {
                Some(Ok(Some(held))) => return Ok(held),
                Some(Err(why)) if refused.is_none() => {
                    refused = Some(why);
                    let soon = Instant::now() + AFTER_REFUSAL;
                    until = Some(until.map_or(soon, |at| at.min(soon)));
                }
                Some(_) => {}
                None => {
                    return Err(NeverConnected {
                        worker: worker.to_string(),
                        after: patience,
                        refused,
                    });
                }
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A unit whose job stream is held. Dropped, its connection is cut, and it comes back to mine.
#[derive(Debug)]
pub struct Held {
    /// The unit, to be driven.
    pub session: Session,
    back: oneshot::Sender<Session>,
}

impl Held {
    /// Its parts: a session to be driven, and the way to give it back.
    pub fn split(self) -> (Session, Release) {
        (self.session, Release(self.back))
    }

    /// Gives the unit back to mining.
    pub fn release(self) {
        let (session, release) = self.split();
        release.give_back(session);
    }
}

/// The way back for a held unit.
#[derive(Debug)]
pub struct Release(oneshot::Sender<Session>);

impl Release {
    /// Gives the unit back to mining.
    pub fn give_back(self, session: Session) {
        // An error means that the proxy has ended: the session is dropped, which closes its connection.
        let _ = self.0.send(session);
    }
}
