//! When a unit that runs dry gets its next piece of work.
//!
//! A unit that rolls extranonce2 never runs dry. One that does not goes through a range of `range` hashes and
//! stops: at 175 GH/s the 2^32 nonces of one header last 25 ms. It is sent piece after piece ahead of time, so
//! that what it has queued lasts longer than anything between us can take; how long a piece lasts is measured
//! from its own answers.

use std::collections::VecDeque;
use std::time::Duration;

use thermine_units::clock::Nanos;

/// Pieces that a unit is to have at most: ESP-Miner queues 12 and then drops the oldest.
pub(crate) const MOST: usize = 8;

/// Pieces without an answer that are remembered.
const REMEMBERED: usize = 64;

/// Weight of the newest measurement of a piece's duration.
const WEIGHT: f64 = 0.25;

/// Piece of a template: serial, number.
pub(crate) type Piece = (u64, u64);

/// What a unit that runs dry has before it.
#[derive(Debug)]
pub(crate) struct Feed {
    lead: Duration,
    /// Measured, or to begin with configured: seconds a piece.
    piece_time: f64,
    measured: bool,
    /// Pieces without an answer, in order.
    ahead: VecDeque<Piece>,
    /// How many of them must be done, by the rate.
    assumed: usize,
    /// When the first one after those began.
    began: Nanos,
    /// When the first of all of them began.
    answered: Nanos,
}

impl Feed {
    /// A unit that goes through `range` hashes a piece, at some `rate` hashes a second to begin with; its queue
    /// is to last for `lead` at least.
    pub(crate) fn new(range: f64, rate: f64, lead: Duration, now: Nanos) -> Feed {
        Feed {
            lead,
            piece_time: (range / rate).clamp(1e-6, 86_400.0),
            measured: false,
            ahead: VecDeque::with_capacity(MOST),
            assumed: 0,
            began: now,
            answered: now,
        }
    }

    /// A piece was sent. A clean one replaces what the unit had.
    pub(crate) fn sent(&mut self, piece: Piece, clean: bool, now: Nanos) {
        if clean {
            self.ahead.clear();
        }
        if self.ahead.is_empty() {
            self.answered = now;
        }
        if self.left(now) == 0 {
            // It has run dry, or is slower than thought; its next answer will tell.
            self.assumed = self.ahead.len();
            self.began = now;
        }
        if self.ahead.len() >= REMEMBERED {
            self.ahead.pop_front();
            match self.assumed.checked_sub(1) {
                Some(assumed) => self.assumed = assumed,
                None => self.began += self.piece(),
            }
        }
        self.ahead.push_back(piece);
    }

    /// The unit answered `piece`: it is done, and those before it.
    pub(crate) fn answered(&mut self, piece: Piece, now: Nanos) {
        let Some(position) = self.ahead.iter().position(|ahead| *ahead == piece) else {
            return;
        };
        let each = now.since(self.answered).as_secs_f64() / (position + 1) as f64;
        let weight = if self.measured { WEIGHT } else { 1.0 };
        self.piece_time += weight * (each.clamp(1e-6, 86_400.0) - self.piece_time);
        self.measured = true;
        self.ahead.drain(..=position);
        self.assumed = 0;
        (self.began, self.answered) = (now, now);
    }

    /// Everything is taken from it.
    pub(crate) fn clear(&mut self) {
        self.ahead.clear();
        self.assumed = 0;
    }

    /// Whether the next piece is to be sent now.
    pub(crate) fn wants(&self, now: Nanos) -> bool {
        self.left(now) < self.depth()
    }

    /// When it is to be looked at again, if nothing is heard until then.
    pub(crate) fn due(&self, now: Nanos) -> Nanos {
        let due = match self.done(now) {
            done if done < self.ahead.len() => {
                self.began + self.piece() * ((done - self.assumed) as u32 + 1)
            }
            _ => now + self.piece(),
        };
        // The division above may be off by a nanosecond: never an instant that has been.
        due.max(now + Duration::from_micros(1))
    }

    /// When it runs dry, as far as is known; `None` if it has nothing.
    pub(crate) fn dry(&self) -> Option<Nanos> {
        let pieces = (self.ahead.len() - self.assumed) as u32;
        (pieces > 0).then(|| self.began + self.piece() * pieces)
    }

    /// Pieces that it is to have: two at least, so that it always has one more when one ends.
    fn depth(&self) -> usize {
        let lead = (self.lead.as_secs_f64() / self.piece_time).ceil();
        (lead as usize).saturating_add(2).min(MOST)
    }

    fn piece(&self) -> Duration {
        Duration::from_secs_f64(self.piece_time)
    }

    /// Pieces that must be done by now.
    fn done(&self, now: Nanos) -> usize {
        let done = now.since(self.began).as_secs_f64() / self.piece_time;
        (done as usize)
            .saturating_add(self.assumed)
            .min(self.ahead.len())
    }

    fn left(&self, now: Nanos) -> usize {
        self.ahead.len() - self.done(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A unit of `rate` hashes a second that is fed by what the feed believes, starting from `guess`. Returns
    /// its idle seconds after the first ten pieces, and its longest queue.
    fn idle(rate: f64, guess: f64, answers: bool) -> (f64, usize) {
        let range = 4_294_967_296.0;
        let mut feed = Feed::new(range, guess, Duration::from_millis(50), Nanos::ZERO);
        let (mut queue, mut next, mut most) = (VecDeque::new(), 0, 0);
        let (mut now, mut idle, mut done) = (Nanos::ZERO, 0.0, 0);
        let mut ends: Option<Nanos> = None;
        let mut dry_since = Some(Nanos::ZERO);
        while now < Nanos::from_seconds(20.0) {
            while feed.wants(now) {
                feed.sent((1, next), next == 0, now);
                queue.push_back((1, next));
                next += 1;
            }
            most = most.max(queue.len());
            if ends.is_none() && !queue.is_empty() {
                if let Some(since) = dry_since.take().filter(|_| done > 10) {
                    idle += now.since(since).as_secs_f64();
                }
                ends = Some(now + Duration::from_secs_f64(range / rate));
            }
            let until = ends.unwrap_or(Nanos::MAX).min(feed.due(now));
            now = now.max(until);
            if ends.is_some_and(|ends| ends <= now) {
                let piece = queue.pop_front().expect("one was worked on");
                done += 1;
                ends = None;
                dry_since = queue.is_empty().then_some(now);
                if answers {
                    feed.answered(piece, now);
                }
                if !queue.is_empty() {
                    ends = Some(now + Duration::from_secs_f64(range / rate));
                }
            }
        }
        (idle, most)
    }

    #[test]
    fn no_unit_runs_dry_however_wrong_the_first_guess_is() {
        for rate in [5e9, 1.75e11, 2e12] {
            for guess in [rate / 10.0, rate, rate * 10.0] {
                let (idle, most) = idle(rate, guess, true);
                assert!(idle < 0.2, "{rate:e} from {guess:e}: idle {idle} s of 20");
                assert!(most <= 3 * MOST, "{most} pieces queued");
            }
        }
    }

    #[test]
    fn one_that_answers_little_is_fed_by_its_rate() {
        let (idle, _) = idle(1.75e11, 1.75e11, false);
        assert!(idle < 0.2, "idle {idle} s of 20");
    }

    #[test]
    fn the_rate_is_measured_from_its_answers() {
        let mut feed = Feed::new(1e9, 1e9, Duration::ZERO, Nanos::ZERO);
        let mut now = Nanos::ZERO;
        for piece in 0..40 {
            feed.sent((1, piece), false, now);
            now += Duration::from_millis(250);
            feed.answered((1, piece), now);
        }
        let rate = 1e9 / feed.piece_time;
        assert!((rate / 4e9 - 1.0).abs() < 0.01, "{rate:e}");
        feed.answered((7, 7), now);
        assert_eq!(feed.dry(), None);
    }
}
