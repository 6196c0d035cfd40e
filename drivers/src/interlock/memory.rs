//! What an interlock remembers of a unit's readings.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use crate::clock::Nanos;
use crate::quantity::{Celsius, HashRate};
use crate::unit::{Board, Sensor, Telemetry};

/// Span over which a rise is judged: at one second a whole-degree sensor alone rises by 1 K/s.
const RISE_SPAN: Duration = Duration::from_secs(10);

/// Least time between two readings that are kept to judge a rise by.
const SPACING: Duration = Duration::from_secs(1);

/// Readings kept to judge a rise by: one more than [`RISE_SPAN`] holds, and its ends.
const KEPT: usize = 12;

/// Readings of the past, in bounded memory.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory {
    last: Option<Nanos>,
    most_fans: usize,
    fan_stuck: bool,
    slots: BTreeSet<u8>,
    /// The counters, and when they were first read so.
    counters: Option<(Counters, Nanos)>,
    past: VecDeque<(Nanos, Vec<Reading>)>,
}

/// A credible temperature.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    pub(super) slot: u8,
    pub(super) sensor: Sensor,
    pub(super) celsius: Celsius,
    /// Whether another sensor of its board has failed, so that this one must see for both.
    pub(super) alone: bool,
}

/// What moves from reading to reading while a unit hashes, whatever its temperatures do.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Counters {
    uptime: Option<Duration>,
    hardware_errors: Option<u64>,
    accepted: Option<u64>,
    hash_rate: Option<HashRate>,
    hash_rate_average: Option<HashRate>,
}

impl Memory {
    /// Takes note of a reading; one that is not newer than the last is passed over. `expected` is the fans
    /// that the model has.
    pub(super) fn note(&mut self, telemetry: &Telemetry, expected: u8) {
        if self.last.is_some_and(|last| telemetry.taken <= last) {
            return;
        }
        self.last = Some(telemetry.taken);
        self.slots.extend(telemetry.boards.iter().map(|b| b.slot));

        let turning = turning(telemetry);
        self.most_fans = self.most_fans.max(turning);
        if turning >= self.expected_fans(expected) {
            self.fan_stuck = false;
        } else if hashes(telemetry) {
            self.fan_stuck = true;
        }

        let counters = Counters::of(telemetry);
        if self.counters.is_none_or(|(last, _)| last != counters) {
            self.counters = Some((counters, telemetry.taken));
        }

        let spaced = |(kept, _): &(Nanos, _)| telemetry.taken.since(*kept) >= SPACING;
        if self.past.back().is_none_or(spaced) {
            if self.past.len() == KEPT {
                self.past.pop_front();
            }
            let readings = telemetry.boards.iter().flat_map(readings).collect();
            self.past.push_back((telemetry.taken, readings));
        }
    }

    /// Fans that turn now and that should, if one was found to stand while the unit hashed, and has not
    /// turned since.
    pub(super) fn stuck_fan(&self, telemetry: &Telemetry, expected: u8) -> Option<(usize, usize)> {
        let expected = self.expected_fans(expected);
        self.fan_stuck.then(|| (turning(telemetry), expected))
    }

    /// The first slot whose board has been reported before and is not in `telemetry`.
    pub(super) fn board_gone(&self, telemetry: &Telemetry) -> Option<u8> {
        let has = |slot: &u8| telemetry.boards.iter().any(|board| board.slot == *slot);
        self.slots.iter().copied().find(|slot| !has(slot))
    }

    /// How long all counters have stood still. Zero if that says nothing: a unit that does not hash stands
    /// still but for its uptime.
    pub(super) fn frozen(&self, telemetry: &Telemetry) -> Duration {
        let Some((counters, since)) = self.counters else {
            return Duration::ZERO;
        };
        let must_move = counters.uptime.is_some() || (counters.any() && hashes(telemetry));
        if must_move {
            telemetry.taken.since(since)
        } else {
            Duration::ZERO
        }
    }

    /// How fast this sensor has risen up to its reading of `taken`, K/s; `None` if it has not been read for
    /// long enough.
    pub(super) fn rise(&self, taken: Nanos, now: &Reading) -> Option<f64> {
        let (then, readings) = self
            .past
            .iter()
            .rev()
            .find(|(then, _)| taken.since(*then) >= RISE_SPAN)?;
        let before = readings
            .iter()
            .find(|before| (before.slot, before.sensor) == (now.slot, now.sensor))?;
        Some((now.celsius.0 - before.celsius.0) / taken.since(*then).as_secs_f64())
    }

    fn expected_fans(&self, expected: u8) -> usize {
        self.most_fans.max(usize::from(expected))
    }
}

impl Counters {
    fn of(telemetry: &Telemetry) -> Counters {
        Counters {
            uptime: telemetry.uptime,
            hardware_errors: telemetry.hardware_errors,
            accepted: telemetry.accepted,
            hash_rate: telemetry.hash_rate,
            hash_rate_average: telemetry.hash_rate_average,
        }
    }

    fn any(&self) -> bool {
        self.hardware_errors.is_some()
            || self.accepted.is_some()
            || self.hash_rate.is_some()
            || self.hash_rate_average.is_some()
    }
}

/// The credible temperatures of a board.
pub(super) fn readings(board: &Board) -> impl Iterator<Item = Reading> {
    let alone = failed(board) > 0;
    sensors(board).filter_map(move |(sensor, celsius)| {
        is_credible(celsius).then_some(Reading {
            slot: board.slot,
            sensor,
            celsius,
            alone,
        })
    })
}

/// Sensors of a board that have failed: those that its driver has found out, and those that it has not.
pub(super) fn failed(board: &Board) -> u8 {
    let unnoticed = sensors(board).filter(|(_, celsius)| !is_credible(*celsius));
    // At most three.
    board.failed_sensors.saturating_add(unnoticed.count() as u8)
}

fn sensors(board: &Board) -> impl Iterator<Item = (Sensor, Celsius)> {
    [
        (Sensor::Board, board.pcb_temp),
        (Sensor::Chip, board.chip_temp),
        (Sensor::Regulator, board.regulator_temp),
    ]
    .into_iter()
    .filter_map(|(sensor, celsius)| Some((sensor, celsius?)))
}

/// Whether a temperature can be meant. 0, -1, 255 and what is below freezing are how dead sensors and
/// failed buses read. Any other high value counts, however absurd: it may be true.
fn is_credible(celsius: Celsius) -> bool {
    celsius.0 > 0.0 && celsius.0 != 255.0
}

fn turning(telemetry: &Telemetry) -> usize {
    telemetry.fans.iter().filter(|fan| fan.0 > 0.0).count()
}

/// Whether the unit hashes, as far as it says. One that does not say is taken to.
fn hashes(telemetry: &Telemetry) -> bool {
    let boards = telemetry.boards.iter().map(|board| board.hash_rate);
    let mut said = boards.chain([telemetry.hash_rate]).flatten().peekable();
    said.peek().is_none() || said.any(|rate| rate.0 > 0.0)
}
