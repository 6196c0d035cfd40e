//! What the task of a unit knows of it.

use std::sync::{Arc, Mutex};

use super::greeting::Prefix;
use super::next::Next;
use crate::ban::Conduct;
use crate::hub::Hub;
use crate::ledger::Ledger;
use crate::mailbox::Hold;
use crate::member::Member;
use crate::queue::Feed;
use crate::space::Space;
use crate::template::Template;
use crate::vardiff::Vardiff;
use thermine_units::clock::Clock;

/// A unit that has subscribed and authorised.
pub(super) struct Unit {
    pub(super) hub: Hub,
    pub(super) clock: Clock,
    pub(super) membership: Membership,
    pub(super) member: Member,
    pub(super) prefix: Prefix,
    pub(super) space: Arc<Space>,
    pub(super) current: Arc<Template>,
    pub(super) ledger: Ledger,
    pub(super) vardiff: Vardiff,
    pub(super) feed: Option<Feed>,
    pub(super) conduct: Arc<Mutex<Conduct>>,
    /// Pieces of the present template that it has been given.
    pub(super) pieces: u64,
    /// Version bits that it could roll in the last of them.
    pub(super) rolled: u32,
    /// Shares that are not stored yet.
    pub(super) unstored: usize,
    pub(super) next: Next,
    pub(super) hold: Option<Hold>,
}

/// A place in the hub, until this is dropped.
pub(super) struct Membership {
    hub: Hub,
    number: u64,
}

impl Membership {
    pub(super) fn new(hub: Hub, number: u64) -> Membership {
        Membership { hub, number }
    }

    pub(super) fn number(&self) -> u64 {
        self.number
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.leave(self.number);
    }
}

impl Unit {
    /// Whether there is another piece of the present template for it.
    pub(super) fn has_piece(&self) -> bool {
        self.next == Next::Nothing && self.pieces < self.space.pieces()
    }

    /// No job so far counts any more, and none is under way.
    pub(super) fn retire(&mut self) {
        self.ledger.retire();
        if let Some(feed) = &mut self.feed {
            feed.clear();
        }
    }
}
