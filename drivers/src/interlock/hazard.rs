//! Why a unit must not run.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use thermine_units::quantity::Celsius;
use thermine_units::unit::Sensor;

/// A hazard, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Cause {
    /// Name of the unit.
    pub unit: Arc<str>,
    /// What is wrong with it.
    pub hazard: Hazard,
}

/// Why a unit must not run.
#[derive(Debug, Clone, PartialEq)]
pub enum Hazard {
    /// Its first reading has not come yet.
    Unread,
    /// There is no reading that is young enough.
    Stale {
        /// Age of the last, or time waited for the first.
        age: Duration,
        /// Age up to which a reading counts.
        limit: Duration,
        /// What the last attempt met with.
        reason: Option<String>,
    },
    /// A sensor is at or above its limit.
    Hot {
        /// Slot of the board, as its firmware numbers it.
        slot: u8,
        /// The sensor that is most above its limit.
        sensor: Sensor,
        /// Temperature that it reads.
        reading: Celsius,
        /// Temperature at which it stops the unit.
        limit: Celsius,
    },
    /// A temperature will cross its limit before anything can be done about it.
    RunAway {
        /// Slot of the board, as its firmware numbers it.
        slot: u8,
        /// The sensor that reads it.
        sensor: Sensor,
        /// Temperature that it reads.
        reading: Celsius,
        /// How fast that rises, K/s.
        rate: f64,
        /// Fastest plausible rise, K/s.
        plausible: f64,
        /// Temperature at which it stops the unit.
        limit: Celsius,
    },
    /// A board's temperature is not known.
    Blind {
        /// Slot of the board, as its firmware numbers it.
        slot: u8,
        /// Its sensors that have failed.
        failed: u8,
        /// Its sensors that work.
        working: u8,
    },
    /// A sensor of a board has failed while the board was within half its hysteresis of a limit.
    BlindWhileWarm {
        /// Slot of the board, as its firmware numbers it.
        slot: u8,
        /// The kind of sensor that was warm.
        sensor: Sensor,
        /// What it read when all sensors of the board last worked.
        reading: Celsius,
    },
    /// A board that was there is not reported any more.
    BoardGone {
        /// Slot of the board, as its firmware numbers it.
        slot: u8,
    },
    /// No board is reported.
    NoBoard,
    /// A fan stands still.
    StuckFan {
        /// Fans that turn.
        turning: usize,
        /// Fans that should.
        expected: usize,
    },
    /// The readings come, but nothing in them moves.
    Frozen {
        /// Time since anything did.
        lasted: Duration,
        /// Time that is allowed.
        limit: Duration,
    },
    /// The unit can no longer be set.
    ControlLost {
        /// What the last attempt met with.
        reason: String,
    },
    /// Nobody watches the unit any more.
    Unguarded,
}

impl Hazard {
    /// Whether one failed read of a sensor or of a reply can look like this. Such a reading is taken again
    /// before the unit trips; every other hazard trips at once.
    pub(crate) fn may_be_one_bad_reading(&self) -> bool {
        matches!(
            self,
            Hazard::Blind { .. }
                | Hazard::BlindWhileWarm { .. }
                | Hazard::BoardGone { .. }
                | Hazard::NoBoard
        )
    }

    /// Whether the unit was found unsafe, and is not only unknown: a further interlock that begins now would not know
    /// of it.
    pub fn is_trip(&self) -> bool {
        !matches!(self, Hazard::Unread | Hazard::Stale { .. })
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.unit, self.hazard)
    }
}

impl fmt::Display for Hazard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Hazard::Unread => f.write_str(
                "no reading of its temperatures yet: wait for the first, and check that its API is reachable",
            ),
            Hazard::Stale { age, limit, reason } => stale(f, *age, *limit, reason.as_deref()),
            Hazard::Hot {
                slot,
                sensor,
                reading,
                limit,
            } => write!(
                f,
                "board {slot}: {sensor} at {reading}, limit {limit}: let it cool; check its fans, its dust \
                 and the air around it, or lower clock, voltage or duty"
            ),
            Hazard::RunAway {
                slot,
                sensor,
                reading,
                rate,
                plausible,
                limit,
            } => write!(
                f,
                "board {slot}: {sensor} at {reading} rises by {rate:.1} K/s, plausible up to {plausible} K/s, \
                 and is about to cross its limit of {limit}: switch the unit off and check its heatsinks and \
                 regulators"
            ),
            Hazard::Blind {
                slot,
                failed,
                working,
            } => write!(
                f,
                "board {slot}: {failed} temperature sensors failed and {working} work, limit 1 failed beside \
                 a chip or board sensor that works: a board whose temperature is unknown counts as hot; restart the unit, and \
                 replace the board if that does not help"
            ),
            Hazard::BlindWhileWarm {
                slot,
                sensor,
                reading,
            } => write!(
                f,
                "board {slot}: a temperature sensor failed while its {sensor} was at {reading}, close to the \
                 limit: let the unit cool, check its fans, and restart it to get the sensor back"
            ),
            Hazard::BoardGone { slot } => write!(
                f,
                "board {slot} is not reported any more, so that its temperature is unknown: check its cables \
                 and restart the unit"
            ),
            Hazard::NoBoard => f.write_str(
                "it reports no board at all, limit at least 1: check that its boards are plugged in and that \
                 its miner runs",
            ),
            Hazard::StuckFan { turning, expected } => write!(
                f,
                "{turning} fans turn, limit {expected}: switch the unit off and check its fans and their \
                 plugs; a unit whose fan reports no speed needs unit.without_tachometer = true"
            ),
            Hazard::Frozen { lasted, limit } => write!(
                f,
                "uptime, counters and hash rates have stood still for {:.1} s, limit {:.1} s: its API repeats \
                 an old reading; restart the unit",
                lasted.as_secs_f64(),
                limit.as_secs_f64()
            ),
            Hazard::ControlLost { reason } => write!(
                f,
                "it cannot be set ({reason}), so that its heat cannot be lowered: check that its control \
                 interface is reachable"
            ),
            Hazard::Unguarded => f.write_str(
                "its interlock has ended, and a unit without one must not be driven: start the run again",
            ),
        }
    }
}

fn stale(
    f: &mut fmt::Formatter<'_>,
    age: Duration,
    limit: Duration,
    reason: Option<&str>,
) -> fmt::Result {
    let (age, limit) = (age.as_secs_f64(), limit.as_secs_f64());
    write!(f, "no reading for {age:.1} s, limit {limit:.1} s")?;
    if let Some(reason) = reason {
        write!(f, " ({reason})")?;
    }
    f.write_str(
        ": a unit whose temperature is unknown counts as hot; check that its API is reachable",
    )
}
