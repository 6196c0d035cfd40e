//! What a unit's task is told by others.
//!
//! A slot and not a queue: a newer template replaces the one that was not fetched yet. So a unit that does not
//! read costs no memory, and one that reads late is never sent work that is dead already.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, oneshot};

use super::template::Template;
use thermine_stratum::Session;
use thermine_units::clock::{Clock, Errand};

/// A request to hold a unit's job stream, and the way back.
#[derive(Debug)]
pub struct Hold {
    /// Where the session goes.
    pub(super) taken: oneshot::Sender<Session>,
    /// Where it comes back from.
    pub(super) back: oneshot::Receiver<Session>,
}

/// What there is to fetch.
#[derive(Debug, Default)]
pub struct Mail {
    /// The newest template, and whether it or one that it replaced in here retires what the unit has.
    pub(super) template: Option<(Arc<Template>, bool)>,
    /// Requests whose shares are durable now, or could not be kept.
    pub(super) stored: Vec<(Value, bool)>,
    /// Somebody wants its job stream.
    pub(super) hold: Option<Hold>,
    /// Whether it may have work has changed.
    pub(super) permit: bool,
    /// It is to be hung up on, and why.
    pub(super) close: Option<&'static str>,
    _errand: Option<Errand>,
}

/// The mailbox of one unit. Many write, one fetches.
#[derive(Debug)]
pub struct Mailbox {
    mail: Mutex<Mail>,
    wake: Notify,
    clock: Clock,
}

impl Mailbox {
    pub(super) fn new(clock: Clock) -> Mailbox {
        Mailbox {
            mail: Mutex::default(),
            wake: Notify::new(),
            clock,
        }
    }

    /// Waits until there is something. Cancel safe.
    pub(super) async fn full(&self) {
        self.wake.notified().await;
    }

    /// Takes all that there is. Virtual time waits until it is dropped.
    pub(super) fn fetch(&self) -> Mail {
        std::mem::take(&mut *self.lock())
    }

    pub(super) fn template(&self, template: Arc<Template>) {
        self.put(|mail| {
            let clean = template.clean || mail.template.as_ref().is_some_and(|(_, clean)| *clean);
            mail.template = Some((template, clean));
        });
    }

    pub(super) fn stored(&self, id: Value, kept: bool) {
        self.put(|mail| mail.stored.push((id, kept)));
    }

    pub(super) fn hold(&self, hold: Hold) {
        self.put(|mail| mail.hold = Some(hold));
    }

    pub(super) fn permit(&self) {
        self.put(|mail| mail.permit = true);
    }

    pub(super) fn close(&self, why: &'static str) {
        self.put(|mail| mail.close = Some(why));
    }

    fn put(&self, what: impl FnOnce(&mut Mail)) {
        let mut mail = self.lock();
        what(&mut mail);
        if mail._errand.is_none() {
            mail._errand = Some(self.clock.errand());
        }
        drop(mail);
        self.wake.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        // Whole between any two statements that hold the lock.
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
