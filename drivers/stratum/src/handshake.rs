//! The Single-Word Handshake: one word of input out as a job, K shares back, then the next word.
//!
//! A state machine without I/O or clock, so that the wire, the twin and the proofs share it. One value
//! of [`Step`] is one step of the experiment:
//!
//! ```text
//!          send             K answers and the hold is over
//!   Idle ───────► InFlight ───────────────────────────────► Ended(Answered)
//!                  │  ▲ │   the time-out is over
//!    cadence is due│  │ └──────────────────────────────────► Ended(TimedOut)
//!                  └──┘ send
//! ```
//!
//! In a *dialogue* every job is clean, so exactly one job is in flight: an answer to an earlier one is
//! stale and never a sample. The *monologue* beside it is pipelined: jobs follow each other on schedule
//! whether or not they are answered, and older jobs may still be. A *relay* is the dialogue of a host that does
//! not look at what it gets: any answer, stale ones and copies too, is followed by a fresh job.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use thermine_units::clock::Nanos;
use thermine_units::record::Verdict;

/// Whether the next word waits for the answer to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Discipline {
    /// One job in flight, the next sent when it has been answered.
    Dialogue,
    /// Jobs are sent on schedule; answers come when they come.
    Monologue,
    /// One clean job after every answer, whatever it answers: how the published S9 log was recorded.
    Relay,
}

/// When a step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// K: answers that the step needs; 0 for a step that ends with its hold, whatever has come: then every step is
    /// equally long, and its length says nothing of the input.
    pub shares: u32,
    /// Shortest length of the step, in device time. A thermal reservoir wants steps of equal length;
    /// zero gives the pure handshake, where the K-th share alone ends the step.
    pub hold: Duration,
    /// Longest length of the step, in device time. A step that has not its K answers by then is kept as
    /// *timed out*, with what came: the censored sample is data too, and dropping it would bias Δt.
    pub timeout: Duration,
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The K answers came.
    Answered,
    /// The time-out came first.
    TimedOut,
    /// The unit's connection broke during the step and came back. What the step brought is recorded, but the
    /// unit was without work for a while, so the step is no measurement.
    Interrupted,
}

/// What is to be done now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Send a job, then report it with [`Step::sent`].
    Send,
    /// Wait for an answer, but not beyond this instant.
    Wait(Nanos),
    /// The step is over.
    End(Outcome),
}

/// One step of the handshake.
#[derive(Debug, Clone)]
pub struct Step {
    discipline: Discipline,
    pace: Pace,
    cadence: Option<Duration>,
    started: Nanos,
    state: State,
    answered: u32,
    interrupted: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    InFlight { job: u64, due: Nanos },
}

impl Step {
    /// Begins a step at `now`. With a `cadence` the job in flight is replaced by a fresh one each time
    /// that span is over: every switch costs the unit its dead time, which is how a Stratum server can
    /// lower a unit's duty. A cadence has no effect in a monologue, whose jobs cost no dead time.
    pub fn begin(
        discipline: Discipline,
        pace: Pace,
        cadence: Option<Duration>,
        now: Nanos,
    ) -> Step {
        Step {
            discipline,
            pace,
            cadence: cadence.filter(|_| discipline != Discipline::Monologue),
            started: now,
            state: State::Idle,
            answered: 0,
            interrupted: false,
        }
    }

    /// What is to be done at `now`.
    pub fn action(&self, now: Nanos) -> Action {
        let hold = self.started + self.pace.hold;
        if self.interrupted && now >= hold {
            return Action::End(Outcome::Interrupted);
        }
        let State::InFlight { due, .. } = self.state else {
            return Action::Send;
        };
        let complete = self.answered >= self.pace.shares;
        let timeout = self.started + self.pace.timeout.max(self.pace.hold);
        // A monologue moves on when its time is over, answered or not.
        let over = match self.discipline {
            Discipline::Dialogue | Discipline::Relay => complete && now >= hold,
            Discipline::Monologue => now >= hold,
        };
        if over || now >= timeout {
            return Action::End(if complete {
                Outcome::Answered
            } else {
                Outcome::TimedOut
            });
        }
        if now >= due {
            return Action::Send;
        }
        let end = if complete || self.interrupted || self.discipline == Discipline::Monologue {
            hold
        } else {
            timeout
        };
        Action::Wait(end.min(due))
    }

    /// Job `job` has gone out at `now`.
    pub fn sent(&mut self, job: u64, now: Nanos) {
        let due = match (self.cadence, self.state) {
            (None, _) => Nanos::MAX,
            (Some(cadence), State::Idle) => now + cadence,
            // On schedule, not from `now`: a late wake-up must not slow the cadence down. But a schedule
            // that has fallen behind is not caught up with, as a burst of jobs would be no duty at all.
            (Some(cadence), State::InFlight { due, .. }) => (due + cadence).max(now),
        };
        self.state = State::InFlight { job, due };
    }

    /// An answer to `job` was judged. Returns whether it is a sample of this step.
    pub fn answered(&mut self, job: Option<u64>, verdict: Verdict) -> bool {
        let State::InFlight { job: current, .. } = self.state else {
            return false;
        };
        let sample = verdict == Verdict::Accepted
            && (job == Some(current) || self.discipline == Discipline::Monologue);
        self.answered += u32::from(sample || self.discipline == Discipline::Relay);
        sample
    }

    /// The unit lost its connection and is back: the job in flight is gone. The step goes on to its hold, so
    /// that the steps after it stay on schedule, and ends as interrupted.
    pub fn interrupt(&mut self) {
        self.interrupted = true;
        self.state = State::Idle;
    }

    /// When the step began.
    pub fn started(&self) -> Nanos {
        self.started
    }

    /// Whether its jobs tell the unit to drop earlier work.
    pub fn clean(&self) -> bool {
        self.discipline != Discipline::Monologue
    }
}

/// Cadence of clean jobs that lowers a unit's duty to `duty` when each costs it `dead_time` of hashing:
/// n switches a second cost n · dead_time, so the cadence is dead_time / (1 − duty). `None` for full duty.
pub fn cadence(duty: f64, dead_time: Duration) -> Option<Duration> {
    let idle = 1.0 - duty.clamp(0.0, 1.0);
    // Below one switch in a hundred seconds the step's own job switch costs more.
    (idle > dead_time.as_secs_f64() / 100.0).then(|| dead_time.div_f64(idle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: u64 = 1_000_000;

    fn pace(shares: u32, hold: u64, timeout: u64) -> Pace {
        Pace {
            shares,
            hold: Duration::from_millis(hold),
            timeout: Duration::from_millis(timeout),
        }
    }

    fn dialogue(pace: Pace) -> Step {
        Step::begin(Discipline::Dialogue, pace, None, Nanos(0))
    }

    #[test]
    fn the_kth_answer_ends_a_pure_handshake() {
        let mut step = dialogue(pace(2, 0, 1000));
        assert_eq!(step.action(Nanos(0)), Action::Send);
        step.sent(1, Nanos(0));
        assert_eq!(step.action(Nanos(1)), Action::Wait(Nanos(1000 * MS)));
        assert!(step.answered(Some(1), Verdict::Accepted));
        assert!(matches!(step.action(Nanos(2)), Action::Wait(_)));
        assert!(step.answered(Some(1), Verdict::Accepted));
        assert_eq!(step.action(Nanos(3)), Action::End(Outcome::Answered));
    }

    #[test]
    fn stale_and_duplicate_answers_are_never_samples() {
        let mut step = dialogue(pace(1, 0, 1000));
        assert!(
            !step.answered(Some(1), Verdict::Accepted),
            "nothing in flight"
        );
        step.sent(2, Nanos(0));
        assert!(!step.answered(Some(1), Verdict::Stale));
        assert!(
            !step.answered(Some(1), Verdict::Accepted),
            "not the job in flight"
        );
        assert!(!step.answered(Some(2), Verdict::Duplicate));
        assert!(!step.answered(None, Verdict::UnknownJob));
        assert!(matches!(step.action(Nanos(1)), Action::Wait(_)));
    }

    #[test]
    fn in_a_relay_any_answer_ends_the_step_and_only_a_sound_one_is_a_sample() {
        let begin = || {
            let mut step = Step::begin(Discipline::Relay, pace(1, 0, 1000), None, Nanos(0));
            step.sent(2, Nanos(0));
            step
        };
        for (job, verdict, sample) in [
            (Some(1), Verdict::Stale, false),
            (Some(2), Verdict::Duplicate, false),
            (Some(2), Verdict::Accepted, true),
        ] {
            let mut step = begin();
            assert!(step.clean());
            assert_eq!(step.answered(job, verdict), sample);
            assert_eq!(step.action(Nanos(1)), Action::End(Outcome::Answered));
        }
    }

    #[test]
    fn a_step_that_needs_no_answer_is_as_long_as_its_hold() {
        let mut step = dialogue(pace(0, 500, 1000));
        step.sent(1, Nanos(0));
        assert_eq!(step.action(Nanos(1)), Action::Wait(Nanos(500 * MS)));
        assert_eq!(step.action(Nanos(500 * MS)), Action::End(Outcome::Answered));
        assert!(step.answered(Some(1), Verdict::Accepted));
    }

    #[test]
    fn a_silent_unit_times_out() {
        let mut step = dialogue(pace(1, 0, 1000));
        step.sent(1, Nanos(0));
        assert_eq!(
            step.action(Nanos(1000 * MS)),
            Action::End(Outcome::TimedOut)
        );
    }

    #[test]
    fn a_hold_is_kept_even_when_the_answers_are_there() {
        let mut step = dialogue(pace(1, 500, 1000));
        step.sent(1, Nanos(0));
        assert!(step.answered(Some(1), Verdict::Accepted));
        assert_eq!(step.action(Nanos(1)), Action::Wait(Nanos(500 * MS)));
        assert_eq!(step.action(Nanos(500 * MS)), Action::End(Outcome::Answered));
    }

    #[test]
    fn a_cadence_keeps_its_schedule_after_a_late_wake_up() {
        let mut step = Step::begin(
            Discipline::Dialogue,
            pace(1, 500, 500),
            Some(Duration::from_millis(50)),
            Nanos(0),
        );
        step.sent(1, Nanos(0));
        assert_eq!(step.action(Nanos(1)), Action::Wait(Nanos(50 * MS)));
        assert_eq!(step.action(Nanos(53 * MS)), Action::Send);
        step.sent(2, Nanos(53 * MS));
        assert_eq!(step.action(Nanos(53 * MS)), Action::Wait(Nanos(100 * MS)));
    }

    #[test]
    fn a_monologue_takes_late_answers_and_moves_on_without_any() {
        let mut step = Step::begin(Discipline::Monologue, pace(1, 500, 900), None, Nanos(0));
        step.sent(2, Nanos(0));
        assert!(step.answered(Some(1), Verdict::Accepted));
        assert_eq!(step.action(Nanos(500 * MS)), Action::End(Outcome::Answered));
        let mut silent = Step::begin(Discipline::Monologue, pace(1, 500, 900), None, Nanos(0));
        silent.sent(1, Nanos(0));
        assert_eq!(
            silent.action(Nanos(500 * MS)),
            Action::End(Outcome::TimedOut)
        );
    }

    #[test]
    fn cadence_spends_the_idle_share_on_switches() {
        let dead = Duration::from_millis(26);
        assert_eq!(cadence(1.0, dead), None);
        assert_eq!(cadence(0.5, dead), Some(Duration::from_millis(52)));
        assert_eq!(cadence(-1.0, dead), Some(dead));
    }

    proptest! {
        /// Progress: whatever answers come, a step that is polled at the instants it asks for ends no
        /// later than its time-out, and its samples all belong to the job in flight.
        #[test]
        fn every_step_ends(
            shares in 1u32..5, hold in 0u64..200, timeout in 1u64..400, cadence in proptest::option::of(1u64..100),
            answers in proptest::collection::vec((0u64..6, 0usize..8), 0..40),
        ) {
            let mut step = Step::begin(
                Discipline::Dialogue, pace(shares, hold, timeout), cadence.map(Duration::from_millis), Nanos(0),
            );
            let (mut now, mut job, mut answers) = (Nanos(0), 0, answers.into_iter());
            let outcome = loop {
                match step.action(now) {
                    Action::Send => { job += 1; step.sent(job, now); }
                    Action::Wait(until) => {
                        prop_assert!(until > now);
                        if let Some((to, verdict)) = answers.next() {
                            let verdict = Verdict::ALL[verdict];
                            let sample = step.answered(Some(to), verdict);
                            prop_assert_eq!(sample, verdict == Verdict::Accepted && to == job);
                        } else {
                            now = until;
                        }
                    }
                    Action::End(outcome) => break outcome,
                }
            };
            prop_assert!(now.0 <= hold.max(timeout) * MS);
            prop_assert_eq!(outcome == Outcome::Answered, step.answered >= shares);
        }
    }
}
