//! What the task of a unit knows of it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::greeting::Prefix;
use crate::ban::Conduct;
use crate::hub::{Hub, Member};
use crate::ledger::Ledger;
use crate::mailbox::Hold;
use crate::queue::Feed;
use crate::space::Space;
use crate::template::Template;
use crate::vardiff::Vardiff;
use thermine_units::clock::{Clock, Nanos};

/// Pause between a unit's last reply, its difficulty and its first job. Some clients take what one read of the
/// socket brings for one message, and some (ckpool) look at what else it brought only when more comes: each of
/// the three is to arrive by itself.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// What a unit that has just come in is still to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Its difficulty, at this time.
    Difficulty(Nanos),
    /// Its first job, at this time.
    Job(Nanos),
    /// Nothing: it is at work.
    Nothing,
}

impl Next {
    /// For a unit that has come in at `now`.
    pub(super) fn first(now: Nanos) -> Next {
        Next::Difficulty(now + PAUSE)
    }

    /// When it is to be sent.
    pub(super) fn due(self) -> Nanos {
        match self {
            Next::Difficulty(due) | Next::Job(due) => due,
            Next::Nothing => Nanos::MAX,
        }
    }
}

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
