//! The judgement: a state machine without I/O or clock.
//!
//! ```text
//!              first reading, and all well
//!   Tripped ──────────────────────────────► Running ◄───────────────┐ the next reading is good
//!   (Unread)                                 │   ▲  └──────────► Paused
//!      │ any hazard                   any    │   │   a bad reading   │ the next is bad too, none comes,
//!      ▼                             hazard  ▼   │                   │ or any other hazard
//!   Tripped ◄──────────────────────────────  Tripped ◄──────────────┘
//! ```
//!
//! A tripped unit runs again when every sensor that ever worked gives a reading, all are `hysteresis` below
//! their limits, and that lasts for `dwell` without a break.

use std::sync::Arc;
use std::time::Duration;

use super::hazard::{Cause, Hazard};
use super::limits::Enforced;
use super::memory::{Memory, Reading};
use crate::poller::Latest;
use thermine_units::clock::Nanos;
use thermine_units::quantity::Celsius;
use thermine_units::unit::{Board, Sensor, Telemetry};

/// Whether a unit may run.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// The unit may have work.
    Running,
    /// Its last reading is bad, and another has been asked for: no new work until that is good.
    Paused {
        /// What is wrong with the reading.
        cause: Cause,
        /// When that was found.
        since: Nanos,
    },
    /// The unit must not have work until it is cool.
    Tripped {
        /// Why: what was found first.
        cause: Cause,
        /// When that was found.
        since: Nanos,
    },
}

/// What came of a judgement.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Whether the unit may run.
    pub state: State,
    /// Whether that, or its cause, is new: say it once.
    pub(crate) changed: bool,
    /// Slots of boards with a failed sensor. One is tolerated if another of the board works.
    pub(crate) tolerated: Vec<u8>,
}

/// The interlock of one unit.
#[derive(Debug, Clone)]
pub struct Interlock {
    unit: Arc<str>,
    limits: Enforced,
    state: State,
    trips: u64,
    memory: Memory,
    begun: Option<Nanos>,
    /// Since when all has been well enough for release.
    calm_since: Option<Nanos>,
    control_lost: Option<String>,
    /// When the last good reading was taken.
    good: Option<Nanos>,
    /// When the bad reading was taken for which the unit is paused.
    bad: Nanos,
}

impl Interlock {
    /// The interlock of a unit that has not been read yet. `unit` names it in messages.
    pub fn new(unit: &str, limits: Enforced) -> Interlock {
        let unit: Arc<str> = unit.into();
        Interlock {
            state: State::Tripped {
                cause: Cause {
                    unit: unit.clone(),
                    hazard: Hazard::Unread,
                },
                since: Nanos::ZERO,
            },
            unit,
            limits,
            trips: 0,
            memory: Memory::default(),
            begun: None,
            calm_since: None,
            control_lost: None,
            good: None,
            bad: Nanos::ZERO,
        }
    }

    /// As [`new`](Interlock::new), for a unit whose last interlock ended while it had tripped for `cause`: it runs again
    /// when it is cool enough for a release, and not as soon as it is read.
    pub(crate) fn after_trip(unit: &str, limits: Enforced, cause: Cause) -> Interlock {
        Interlock {
            state: State::Tripped {
                cause,
                since: Nanos::ZERO,
            },
            ..Interlock::new(unit, limits)
        }
    }

    /// Judges what is known of the unit at `now`. Call it at least every few seconds: what is not judged is
    /// not seen.
    pub fn judge(&mut self, now: Nanos, latest: &Latest) -> Decision {
        if self.begun.is_none() {
            self.begun = Some(now);
            if let State::Tripped { since, .. } = &mut self.state {
                *since = now;
            }
        }
        let (hazard, cool) = self.look(now, latest);
        let taken = latest.telemetry.as_ref().map(|telemetry| telemetry.taken);
        if hazard.is_none() {
            // A reading that only repeats an old one is as old as that.
            let telemetry = latest.telemetry.as_ref();
            self.good = telemetry.map(|telemetry| self.memory.moved(telemetry));
        }
        let changed = match (&self.state, hazard) {
            (State::Running, None) => false,
            (State::Running, Some(hazard)) => self.pause_or_trip(now, taken, hazard),
            // None was missed while one bad reading was taken again.
            (State::Paused { .. }, None) => self.run(),
            (State::Paused { .. }, Some(hazard)) => {
                let is_second = taken.is_some_and(|taken| taken > self.bad);
                let trips = is_second || self.is_late(now) || !hazard.may_be_one_bad_reading();
                if trips {
                    self.trip(now, hazard);
                }
                trips
            }
            (State::Tripped { cause, .. }, hazard) if cause.hazard == Hazard::Unread => {
                match hazard {
                    Some(Hazard::Unread) => false,
                    Some(hazard) => self.pause_or_trip(now, taken, hazard),
                    // Warm from its own work, before any of ours: no hysteresis.
                    None => self.run(),
                }
            }
            // What is only unknown gives way to what is known to be wrong: a unit that was silent and is hot has tripped.
            (State::Tripped { cause, since }, Some(hazard))
                if !cause.hazard.is_trip() && hazard.is_trip() =>
            {
                let since = *since;
                self.calm_since = None;
                self.state = State::Tripped {
                    cause: self.cause(hazard),
                    since,
                };
                true
            }
            (State::Tripped { .. }, None) if cool => {
                let since = *self.calm_since.get_or_insert(now);
                now.since(since) >= self.limits.dwell() && self.run()
            }
            (State::Tripped { .. }, _) => {
                self.calm_since = None;
                false
            }
        };
        Decision {
            state: self.state.clone(),
            changed,
            tolerated: latest.telemetry.as_ref().map_or_else(Vec::new, |t| {
                let failed = |board: &&Board| self.memory.sight(board).failed > 0;
                let boards = t.boards.iter().filter(failed);
                boards.map(|board| board.slot).collect()
            }),
        }
    }

    /// The unit could not be set: a hazard until [`control_back`](Interlock::control_back).
    pub(crate) fn control_lost(&mut self, reason: String) {
        self.control_lost = Some(reason);
    }

    /// The unit can be set again.
    pub(crate) fn control_back(&mut self) {
        self.control_lost = None;
    }

    /// How often it has tripped. Waiting for the first reading is no trip.
    pub(crate) fn trips(&self) -> u64 {
        self.trips
    }

    /// Whether the unit may run.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The unit that it watches.
    pub(crate) fn unit(&self) -> &Arc<str> {
        &self.unit
    }

    /// What it enforces.
    pub(crate) fn limits(&self) -> &Enforced {
        &self.limits
    }

    fn run(&mut self) -> bool {
        self.state = State::Running;
        true
    }

    fn pause_or_trip(&mut self, now: Nanos, taken: Option<Nanos>, hazard: Hazard) -> bool {
        if self.is_late(now) || !hazard.may_be_one_bad_reading() {
            self.trip(now, hazard);
            return true;
        }
        self.bad = taken.unwrap_or(now);
        self.state = State::Paused {
            cause: self.cause(hazard),
            since: now,
        };
        true
    }

    /// Whether the last good reading is too long ago for another bad one.
    fn is_late(&self, now: Nanos) -> bool {
        let good = self.good.or(self.begun).unwrap_or(now);
        now.since(good) > self.limits.limits().stale_after
    }

    fn trip(&mut self, now: Nanos, hazard: Hazard) {
        self.trips += 1;
        self.calm_since = None;
        self.state = State::Tripped {
            cause: self.cause(hazard),
            since: now,
        };
    }

    fn cause(&self, hazard: Hazard) -> Cause {
        Cause {
            unit: self.unit.clone(),
            hazard,
        }
    }

    /// What is wrong, if anything, and whether all is cool enough for release.
    fn look(&mut self, now: Nanos, latest: &Latest) -> (Option<Hazard>, bool) {
        let Some(telemetry) = &latest.telemetry else {
            return (Some(self.unread(now, latest)), false);
        };
        let limits = self.limits.limits();
        let (fans, stale_after) = (limits.fans, limits.stale_after);
        if telemetry.taken <= now {
            self.memory.note(telemetry, fans);
        }
        // One from the future is as wrong as one from the past.
        let age = now.since(telemetry.taken).max(telemetry.taken.since(now));
        if age > stale_after {
            return (Some(stale(age, stale_after, latest)), false);
        }
        let all = self.memory.readings(telemetry);
        // What is certain comes before what another reading may refute: a bad reading must not hide a hazard.
        let hazard = self
            .hot(&all)
            .or_else(|| self.run_away(telemetry, &all))
            .or_else(|| {
                let (turning, expected) = self.memory.stuck_fan(telemetry, fans)?;
                Some(Hazard::StuckFan { turning, expected })
            })
            .or_else(|| {
                let (frozen, limit) = (self.memory.frozen(telemetry), stale_after);
                // A reading that repeats an old one is as old as that one.
                let lasted = frozen + age;
                (!frozen.is_zero() && lasted >= limit).then_some(Hazard::Frozen { lasted, limit })
            })
            .or_else(|| {
                let reason = self.control_lost.clone()?;
                Some(Hazard::ControlLost { reason })
            })
            .or_else(|| self.unknown(telemetry));
        // A sensor that worked and no longer does tells nothing of the heat: it must not help to release.
        let whole = |board: &Board| self.memory.sight(board).whole;
        let cool = telemetry.boards.iter().all(whole)
            && all.iter().all(|reading| {
                let stop = self.stop(reading);
                stop.is_none_or(|stop| reading.celsius.0 <= stop.0 - self.hysteresis())
            });
        (hazard, cool)
    }

    fn hysteresis(&self) -> f64 {
        self.limits.limits().hysteresis
    }

    fn unread(&self, now: Nanos, latest: &Latest) -> Hazard {
        let age = now.since(self.begun.unwrap_or(now));
        let limit = self.limits.limits().stale_after;
        if age <= limit {
            Hazard::Unread
        } else {
            stale(age, limit, latest)
        }
    }

    /// Temperature at which this sensor stops the unit. Where it is alone it must stop it earlier: the
    /// circuit board of an S9 follows its chips late, and by the full limit of a board alone a run-away
    /// takes the chips 11 K beyond theirs (device model; by this one 5 K).
    fn stop(&self, reading: &Reading) -> Option<Celsius> {
        let stop = self.limits.stop(reading.sensor)?;
        let earlier = if reading.alone {
            self.limits.limits().hysteresis / 2.0
        } else {
            0.0
        };
        Some(Celsius(stop.0 - earlier))
    }

    /// The sensor that is most above its limit, if any is at it or above.
    fn hot(&self, all: &[Reading]) -> Option<Hazard> {
        let over = |reading: &Reading| {
            let limit = self.stop(reading)?;
            Some((reading.celsius.0 - limit.0, *reading, limit))
        };
        let worst = all
            .iter()
            .filter_map(over)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let (_, reading, limit) = worst.filter(|(over, ..)| *over >= 0.0)?;
        Some(Hazard::Hot {
            slot: reading.slot,
            sensor: reading.sensor,
            reading: reading.celsius,
            limit,
        })
    }

    /// A board whose temperature is not known.
    fn unknown(&self, telemetry: &Telemetry) -> Option<Hazard> {
        if telemetry.boards.is_empty() {
            return Some(Hazard::NoBoard);
        }
        if let Some(slot) = self.memory.board_gone(telemetry) {
            return Some(Hazard::BoardGone { slot });
        }
        telemetry.boards.iter().find_map(|board| {
            let sight = self.memory.sight(board);
            // A regulator tells nothing of the chips, whose limit is far lower.
            let mut kinds = board.readings().map(|(sensor, _)| sensor);
            let tolerated = sight.failed <= 1 && kinds.any(|kind| kind != Sensor::Regulator);
            if !tolerated {
                return Some(Hazard::Blind {
                    slot: board.slot,
                    failed: sight.failed,
                    working: sight.working,
                });
            }
            // Not on a board that was warm when it lost the sensor: what remains may not see what it saw.
            if sight.whole {
                return None;
            }
            let (sensor, reading) = self.memory.last_whole(board.slot).find(|(sensor, last)| {
                let stop = self.limits.stop(*sensor);
                stop.is_some_and(|stop| last.0 > stop.0 - self.hysteresis() / 2.0)
            })?;
            Some(Hazard::BlindWhileWarm {
                slot: board.slot,
                sensor,
                reading,
            })
        })
    }

    /// A temperature that rises faster than is plausible and would cross its limit before anything helps.
    fn run_away(&self, telemetry: &Telemetry, all: &[Reading]) -> Option<Hazard> {
        all.iter().find_map(|reading| {
            let limit = self.stop(reading)?;
            let rate = self.memory.rise(telemetry.taken, reading)?;
            let ahead = reading.celsius.0 + rate * self.limits.reaction().as_secs_f64();
            (rate > self.limits.rate() && ahead >= limit.0).then_some(Hazard::RunAway {
                slot: reading.slot,
                sensor: reading.sensor,
                reading: reading.celsius,
                rate,
                plausible: self.limits.rate(),
                limit,
            })
        })
    }
}

fn stale(age: Duration, limit: Duration, latest: &Latest) -> Hazard {
    let reason = latest.last_error.as_ref().filter(|_| latest.failures > 0);
    Hazard::Stale {
        age,
        limit,
        reason: reason.map(ToString::to_string),
    }
}
