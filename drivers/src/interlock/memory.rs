//! What an interlock remembers of a unit's readings.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use thermine_units::clock::Nanos;
use thermine_units::quantity::{Celsius, HashRate};
use thermine_units::unit::{Board, Sensor, Telemetry};

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
    boards: BTreeMap<u8, Known>,
    /// The counters, and when they were first read so.
    counters: Option<(Counters, Nanos)>,
    past: VecDeque<(Nanos, Vec<Reading>)>,
}

/// What is known of the sensors of one board.
#[derive(Debug, Clone, Default)]
struct Known {
    /// Most sensors that a reading has listed, working or failed.
    listed: u8,
    /// Most that worked at once.
    working: u8,
    /// The kinds that have ever worked, each with its reading when all known sensors last worked.
    whole: BTreeMap<Sensor, Celsius>,
}

/// The sensors of a board in one reading, judged by what is known of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sight {
    /// Sensors with a reading.
    pub(super) working: u8,
    /// Sensors that give none: those that say so and those that have vanished.
    pub(super) failed: u8,
    /// Whether every sensor that has ever worked works.
    pub(super) whole: bool,
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
pub(crate) struct Counters {
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
        for board in &telemetry.boards {
            let sight = self.sight(board);
            let known = self.boards.entry(board.slot).or_default();
            known.note(board, sight);
        }

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
            let readings = self.readings(telemetry);
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
        self.boards.keys().copied().find(|slot| !has(slot))
    }

    /// The credible temperatures of all boards.
    pub(super) fn readings(&self, telemetry: &Telemetry) -> Vec<Reading> {
        let mut all = Vec::new();
        for board in &telemetry.boards {
            let alone = self.sight(board).failed > 0;
            all.extend(board.readings().map(|(sensor, celsius)| Reading {
                slot: board.slot,
                sensor,
                celsius,
                alone,
            }));
        }
        all
    }

    /// Which sensors of a board work and which have failed, those that are no longer listed included.
    pub(super) fn sight(&self, board: &Board) -> Sight {
        let count = board.sensor_count();
        let Some(known) = self.boards.get(&board.slot) else {
            return Sight {
                working: count.working,
                failed: count.failed,
                whole: true,
            };
        };
        let listed = count.working.saturating_add(count.failed);
        let vanished = known.listed.saturating_sub(listed);
        // One sensor may vanish while another appears, so kinds are looked at too.
        let works = |kind: &Sensor| board.readings().any(|(sensor, _)| sensor == *kind);
        let kinds_lost = known.whole.keys().filter(|kind| !works(kind)).count() as u8;
        let lost = known.working.saturating_sub(count.working).max(kinds_lost);
        Sight {
            working: count.working,
            failed: count.failed.saturating_add(vanished).max(lost),
            whole: lost == 0,
        }
    }

    /// The temperatures of a board when all its known sensors last worked.
    pub(super) fn last_whole(&self, slot: u8) -> impl Iterator<Item = (Sensor, Celsius)> {
        let known = self.boards.get(&slot).into_iter();
        known.flat_map(|known| {
            known
                .whole
                .iter()
                .map(|(sensor, celsius)| (*sensor, *celsius))
        })
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

    /// When anything in the readings last moved, as far as that can be told from `telemetry`.
    pub(super) fn moved(&self, telemetry: &Telemetry) -> Nanos {
        let frozen = u64::try_from(self.frozen(telemetry).as_nanos()).unwrap_or(u64::MAX);
        Nanos(telemetry.taken.0.saturating_sub(frozen))
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

impl Known {
    fn note(&mut self, board: &Board, sight: Sight) {
        let count = board.sensor_count();
        self.listed = self.listed.max(count.working.saturating_add(count.failed));
        self.working = self.working.max(count.working);
        if sight.whole {
            self.whole.extend(board.readings());
        }
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

fn turning(telemetry: &Telemetry) -> usize {
    telemetry.fans.iter().filter(|fan| fan.0 > 0.0).count()
}

/// Whether the unit hashes, as far as it says. One that does not say is taken to.
fn hashes(telemetry: &Telemetry) -> bool {
    let boards = telemetry.boards.iter().map(|board| board.hash_rate);
    let mut said = boards.chain([telemetry.hash_rate]).flatten().peekable();
    said.peek().is_none() || said.any(|rate| rate.0 > 0.0)
}
