//! What a unit's task is told by others.
//!
//! A slot and not a queue: a newer template replaces the one that was not fetched yet. So a unit that does not
//! read costs no memory, and one that reads late is never sent work that is dead already.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use crate::template::Template;
use thermine_stratum::Session;
use thermine_units::clock::{Clock, InFlight};

/// A request to hold a unit's job stream, and the way back.
#[derive(Debug)]
pub(crate) struct Hold {
    /// Where the session goes.
    pub(crate) taken: oneshot::Sender<Session>,
    /// Where it comes back from.
    pub(crate) back: oneshot::Receiver<Session>,
}

/// What there is to fetch.
#[derive(Debug, Default)]
pub(crate) struct Mail {
    /// The newest template, and whether it or one that it replaced in here retires what the unit has.
    pub(crate) template: Option<(Arc<Template>, bool)>,
    /// Requests whose shares are durable now, or could not be kept.
    pub(crate) stored: Vec<(Value, bool)>,
    /// Somebody wants its job stream.
    pub(crate) hold: Option<Hold>,
    /// Whether it may have work has changed.
    pub(crate) permit: bool,
    _in_flight: Option<InFlight>,
}

/// The mailbox of one unit. Many write, one fetches.
#[derive(Debug)]
pub(crate) struct Mailbox {
    mail: Mutex<Mail>,
    wake: Notify,
    clock: Clock,
}

impl Mailbox {
    pub(crate) fn new(clock: Clock) -> Mailbox {
        Mailbox {
            mail: Mutex::default(),
            wake: Notify::new(),
            clock,
        }
    }

    /// Waits until there is something. Cancel safe.
    pub(crate) async fn full(&self) {
        self.wake.notified().await;
    }

    /// Takes all that there is. Virtual time waits until it is dropped.
    pub(crate) fn fetch(&self) -> Mail {
        std::mem::take(&mut *self.lock())
    }

    pub(crate) fn template(&self, template: Arc<Template>) {
        self.put(|mail| {
            let clean = template.clean || mail.template.as_ref().is_some_and(|(_, clean)| *clean);
            mail.template = Some((template, clean));
        });
    }

    pub(crate) fn stored(&self, id: Value, kept: bool) {
        self.put(|mail| mail.stored.push((id, kept)));
    }

    pub(crate) fn hold(&self, hold: Hold) {
        self.put(|mail| mail.hold = Some(hold));
    }

    pub(crate) fn permit(&self) {
        self.put(|mail| mail.permit = true);
    }

    fn put(&self, what: impl FnOnce(&mut Mail)) {
        let mut mail = self.lock();
        what(&mut mail);
        if mail._in_flight.is_none() {
            mail._in_flight = Some(self.clock.in_flight());
        }
        drop(mail);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        // Whole between any two statements that hold the lock.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
