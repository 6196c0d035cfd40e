//! What a unit is sent: pieces of the present template, ahead of need, at its own difficulty.

use std::time::Duration;

use super::end::End;
use super::state::{Next, PAUSE, Unit};
use crate::account::Phase;
use crate::ledger::Sent;
use crate::lock::lock;
use crate::queue;
use thermine_stratum::server_connection::ServerConnection;
use thermine_units::pow::Difficulty;

/// Time after the first job until the difficulty is said again, for a client to which they came together all
/// the same.
const REMINDER: Duration = Duration::from_secs(1);

impl Unit {
    /// Sends what is next to a unit that has just come in.
    pub(super) fn begin(&mut self, wire: &mut ServerConnection) -> Result<(), End> {
        if self.member.withheld().is_some() {
            // It is told nothing before its interlock permits it.
            self.next = Next::Nothing;
            return Ok(());
        }
        let now = self.clock.now();
        match self.next {
            Next::Difficulty(due) if now >= due => {
                self.tell_difficulty(wire);
                self.next = Next::Job(now + PAUSE);
            }
            Next::Job(due) if now >= due => {
                self.next = Next::Nothing;
                self.take(wire, self.current.clone(), true)?;
                wire.protocol_mut().remind_at(now + REMINDER);
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends pieces ahead to a unit that would run dry.
    pub(super) fn top_up(&mut self, wire: &mut ServerConnection) {
        let now = self.clock.now();
        // Bounded, whatever the feed believes.
        for _ in 0..queue::MOST {
            let wants = self.feed.as_ref().is_some_and(|feed| feed.wants(now));
            if !wants
                || !self.has_piece()
                || self.member.withheld().is_some()
                || self.hold.is_some()
            {
                return;
            }
            self.piece(wire, false);
        }
    }

    /// Sends the next piece of the present template.
    pub(super) fn piece(&mut self, wire: &mut ServerConnection, clean: bool) {
        if self.member.withheld().is_some() {
            return;
        }
        let now = self.clock.now();
        let difficulty = self.tell_difficulty(wire);
        let template = self.current.clone();
        let (prefix, piece) = (self.prefix.number(), self.pieces);
        self.pieces += 1;
        let mask = wire.protocol().version_mask();
        self.rolled = mask;
        wire.say_line(&template.notify(piece, clean, mask));
        let mut account = lock(&self.member.account);
        if let Some(feed) = &mut self.feed {
            // Work was at hand all the while: if it ran dry, that was our doing.
            if let Some(dry) = feed.dry().filter(|dry| *dry < now && !clean) {
                account.enter(Phase::Stratum, dry);
            }
            feed.sent((template.serial, piece), clean, now);
        }
        account.enter(Phase::Hashing, now);
        drop(account);
        let scale = self.hub.scale();
        let sent = Sent {
            prefix,
            piece,
            difficulty,
            mask,
            at: now,
            clean,
        };
        self.ledger.issue(template, sent, scale);
    }

    /// Tells it the difficulty of its next job, if that is another.
    fn tell_difficulty(&self, wire: &mut ServerConnection) -> Difficulty {
        let (own, pools) = (self.vardiff.difficulty(), self.current.difficulty);
        let difficulty = if own > pools { pools } else { own };
        wire.tell_difficulty(difficulty);
        difficulty
    }

    /// Looks at its difficulty. A new one holds from the next job, so there is one at once.
    pub(super) fn retarget(&mut self, wire: &mut ServerConnection) {
        let now = self.clock.now();
        if self.vardiff.retarget(now).is_some() && self.feed.is_none() && self.has_piece() {
            self.piece(wire, false);
        }
    }
}
