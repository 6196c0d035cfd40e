//! What a unit is sent: pieces of the present template, ahead of need, at its own difficulty.

use super::Unit;
use crate::stratum::line::LineStream;
use crate::stratum::notice::Notice;
use crate::vbm::account::Phase;
use crate::vbm::hub::lock;
use crate::vbm::queue;

impl Unit {
    /// Sends pieces ahead to a unit that would run dry.
    pub(super) fn top_up(&mut self, lines: &mut LineStream) {
        let now = self.clock.now();
        // Bounded, whatever the feed believes.
        for _ in 0..queue::MOST {
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
        let template = self.current.clone();
        let own = self.vardiff.difficulty();
        let difficulty = if own > template.difficulty {
            template.difficulty
        } else {
            own
        };
        if self.told != Some(difficulty) {
            self.told = Some(difficulty);
            self.say(lines, &Notice::SetDifficulty(difficulty.get()));
        }
        let (prefix, piece) = (self.prefix, self.pieces);
        self.pieces += 1;
        lines.push(&template.notify(piece, clean));
        self.said = now;
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
        self.ledger
            .issue(template, prefix, piece, difficulty, scale, now, clean);
    }

    /// Looks at its difficulty. A new one holds from the next job, so there is one at once.
    pub(super) fn retarget(&mut self, lines: &mut LineStream) {
        let now = self.clock.now();
        if self.vardiff.retarget(now).is_some()
            && self.feed.is_none()
            && self.pieces < self.space.pieces()
        {
            self.piece(lines, false);
        }
    }
}
