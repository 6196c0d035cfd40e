//! What a unit that has just come in is still to be sent, and when.

use std::time::Duration;

use thermine_units::clock::Nanos;

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
