//! What a unit is sent: pieces of the present template, ahead of need, at its own difficulty.

use std::time::Duration;

use super::{End, KEEP_ALIVE, Unit};
use crate::account::Phase;
use crate::hub::lock;
use crate::ledger::Sent;
use crate::queue;
use thermine_stratum::line::LineStream;
use thermine_stratum::notice::Notice;
use thermine_units::clock::Nanos;
use thermine_units::pow::Difficulty;

/// Pause between a unit's last reply, its difficulty and its first job. Some clients take what one read of the
/// socket brings for one message, and some (ckpool) look at what else it brought only when more comes: each of
/// the three is to arrive by itself.
const PAUSE: Duration = Duration::from_millis(50);

/// Time after the first job until the difficulty is said again, for a client to which they came together all
/// the same.
const REMINDER: Duration = Duration::from_secs(1);

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

impl Unit {
    /// Sends what is next to a unit that has just come in.
    pub(super) fn begin(&mut self, lines: &mut LineStream) -> Result<(), End> {
        if self.member.withheld().is_some() {
            // It is told nothing before its interlock permits it.
            self.next = Next::Nothing;
            return Ok(());
        }
        let now = self.clock.now();
        match self.next {
            Next::Difficulty(due) if now >= due => {
                self.tell_difficulty(lines);
                self.next = Next::Job(now + PAUSE);
            }
            Next::Job(due) if now >= due => {
                self.next = Next::Nothing;
                self.take(lines, self.current.clone(), true)?;
                self.reminds = now + REMINDER;
            }
            _ => {}
        }
        Ok(())
    }

    /// Sends pieces ahead to a unit that would run dry.
    pub(super) fn top_up(&mut self, lines: &mut LineStream) {
        let now = self.clock.now();
        // Bounded, whatever the feed believes.
        for _ in 0..queue::MOST {
            if self.next != Next::Nothing {
                return;
            }
            let wants = self.feed.as_ref().is_some_and(|feed| feed.wants(now));
            if !wants
                || self.member.withheld().is_some()
                || self.hold.is_some()
                || self.pieces >= self.space.pieces()
            {
                return;
            }
            self.piece(lines, false);
        }
    }

    /// Sends the next piece of the present template.
    pub(super) fn piece(&mut self, lines: &mut LineStream, clean: bool) {
        if self.member.withheld().is_some() {
            return;
        }
        let now = self.clock.now();
        let difficulty = self.tell_difficulty(lines);
        let template = self.current.clone();
        let (prefix, piece) = (self.prefix, self.pieces);
        self.pieces += 1;
        let mask = self.mask();
        lines.push(&template.notify(piece, clean, mask));
        self.reminds = now + KEEP_ALIVE;
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
    fn tell_difficulty(&mut self, lines: &mut LineStream) -> Difficulty {
        let (own, pools) = (self.vardiff.difficulty(), self.current.difficulty);
        let difficulty = if own > pools { pools } else { own };
        if self.told != Some(difficulty) {
            self.told = Some(difficulty);
            self.say(lines, &Notice::SetDifficulty(difficulty.get()));
        }
        difficulty
    }

    /// Looks at its difficulty. A new one holds from the next job, so there is one at once.
    pub(super) fn retarget(&mut self, lines: &mut LineStream) {
        let now = self.clock.now();
        if self.vardiff.retarget(now).is_some()
            && self.feed.is_none()
            && self.next == Next::Nothing
            && self.pieces < self.space.pieces()
        {
            self.piece(lines, false);
        }
    }
}
