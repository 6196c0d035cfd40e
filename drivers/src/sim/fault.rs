//! What can break in a simulated unit.
//!
//! A fault shows only as the unit's firmware would show it. It takes effect with the first step of the
//! thermal network that ends at its instant or later, draws no randomness, and stays for good.

use serde::{Deserialize, Serialize};

use crate::clock::Nanos;
use crate::quantity::{Celsius, Rpm};
use crate::sim::sensors::Sensors;
use crate::unit::Sensor;

/// Part of the full air flow that is left without any fan. Assumed: natural draught.
const DRAUGHT: f64 = 0.05;

/// A fault of a simulated unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The first fan stands still: it reads 0 rpm, as a fan that is not there. Of n fans in one air stream
    /// the others are taken to move (n − 1)/n of the air. Assumed.
    StuckFan,
    /// A temperature sensor reads the same whatever its temperature: 0, -1 or 255 when it is dead.
    Sensor {
        /// Board, from 0.
        board: usize,
        /// Which of its sensors.
        which: Sensor,
        /// What it reads, °C.
        reads: f64,
    },
    /// The API gives the same reply for ever, its clock and counters standing.
    FrozenApi,
    /// The chips of a board turn more power into heat.
    RunAway {
        /// Board, from 0.
        board: usize,
        /// How much more at full duty and the clock and voltage on start, W; otherwise in proportion to clock
        /// rate times activity times voltage squared, as what the chips take for their work.
        extra_watts: f64,
    },
}

/// The faults of one unit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Faults {
    /// Not yet due.
    pending: Vec<(Nanos, Fault)>,
    present: Vec<Fault>,
}

impl Faults {
    pub(crate) fn schedule(&mut self, at: Nanos, fault: Fault) {
        self.pending.push((at, fault));
    }

    /// Brings in what is due at `now`.
    pub(crate) fn come(&mut self, now: Nanos) {
        let present = &mut self.present;
        self.pending.retain(|(at, fault)| {
            let due = *at <= now;
            if due {
                present.push(*fault);
            }
            !due
        });
    }

    /// Air flow of `fans` fans over what they move when all turn.
    pub(crate) fn flow(&self, fans: usize) -> f64 {
        if self.present.contains(&Fault::StuckFan) {
            let turning = fans.saturating_sub(1) as f64 / fans.max(1) as f64;
            turning.max(DRAUGHT)
        } else {
            1.0
        }
    }

    pub(crate) fn api_is_frozen(&self) -> bool {
        self.present.contains(&Fault::FrozenApi)
    }

    /// Boards that run away, and by how much.
    pub(crate) fn run_aways(&self) -> impl Iterator<Item = (usize, f64)> {
        self.present.iter().filter_map(|fault| match fault {
            Fault::RunAway { board, extra_watts } => Some((*board, *extra_watts)),
            _ => None,
        })
    }

    /// Shows in `sensors` what these faults make them read. The latest fault of a sensor counts.
    pub(crate) fn show(&self, sensors: &mut Sensors) {
        for fault in &self.present {
            match fault {
                Fault::StuckFan => sensors
                    .fans
                    .iter_mut()
                    .take(1)
                    .for_each(|fan| *fan = Rpm(0.0)),
                Fault::Sensor {
                    board,
                    which,
                    reads,
                } => {
                    let Some(board) = sensors.boards.get_mut(*board) else {
                        continue;
                    };
                    *match which {
                        Sensor::Board => &mut board.pcb,
                        Sensor::Chip => &mut board.chip,
                        Sensor::Regulator => &mut board.regulator,
                    } = Celsius(*reads);
                }
                Fault::FrozenApi | Fault::RunAway { .. } => {}
            }
        }
    }
}
