//! What can break in a simulated unit.
//!
//! A fault shows only as the unit's firmware would show it. It takes effect with the first step of the
//! thermal network that ends at its instant or later, draws no randomness, and stays for good.

use serde::{Deserialize, Serialize};

use crate::sensors::Sensors;
use thermine_units::clock::Nanos;
use thermine_units::quantity::{Celsius, Rpm};
use thermine_units::unit::Sensor;

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
        /// Board, counted from 0.
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
        /// Board, counted from 0.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Device, Find, Params};
    use thermine_units::model::Model;
    use thermine_units::pow::Difficulty;

    fn broken(faults: &[(f64, Fault)]) -> (Device, Vec<Find>) {
        let mut device = Device::warm(&Params::s9(), 1);
        for (at, fault) in faults {
            device.inject(Nanos::from_seconds(*at), *fault);
        }
        device.take_job(1, Difficulty::new(256.0).expect("positive"), true);
        let mut found = Vec::new();
        device.advance(Nanos::from_seconds(30.0), &mut found);
        (device, found)
    }

    fn sensor(which: Sensor, reads: f64) -> Fault {
        Fault::Sensor {
            board: 2,
            which,
            reads,
        }
    }

    const AWAY: Fault = Fault::RunAway {
        board: 1,
        extra_watts: 200.0,
    };

    #[test]
    fn a_fault_to_come_and_a_fault_of_the_readings_alone_change_nothing_else() {
        let (whole, shares) = broken(&[]);
        for faults in [
            vec![(31.0, AWAY), (31.0, Fault::StuckFan)],
            vec![(5.0, sensor(Sensor::Chip, 255.0)), (5.0, Fault::FrozenApi)],
        ] {
            let (device, found) = broken(&faults);
            assert_eq!(found, shares);
            assert_eq!(device.hottest_die(), whole.hottest_die());
            assert_eq!(device.sensors().boards[0], whole.sensors().boards[0]);
        }
        assert!(!whole.api_is_frozen());
        assert!(broken(&[(5.0, Fault::FrozenApi)]).0.api_is_frozen());
    }

    #[test]
    fn a_dead_sensor_reads_what_it_is_told_and_the_latest_counts() {
        let faults = [
            (1.0, sensor(Sensor::Chip, 255.0)),
            (2.0, sensor(Sensor::Chip, 0.0)),
            (3.0, sensor(Sensor::Board, -1.0)),
        ];
        let sensors = broken(&faults).0.sensors();
        assert_eq!(sensors.boards[2].chip, Celsius(0.0));
        assert_eq!(sensors.boards[2].pcb, Celsius(-1.0));
        let told = sensors.telemetry(Model::AntminerS9);
        assert_eq!(told.boards[2].chip_temp, None);
        assert_eq!(told.boards[2].failed_sensors, 2);
        assert_eq!(told.boards[1].failed_sensors, 0);
    }

    #[test]
    fn a_stuck_fan_stands_and_everything_warms() {
        let (whole, _) = broken(&[]);
        let (device, _) = broken(&[(0.0, Fault::StuckFan)]);
        let fans = device.sensors().fans;
        assert_eq!(fans[0], Rpm(0.0));
        assert_eq!(fans[1], whole.sensors().fans[1]);
        for (stuck, well) in device.sensors().boards.iter().zip(&whole.sensors().boards) {
            assert!(stuck.chip.0 > well.chip.0 + 3.0, "{stuck:?} {well:?}");
        }
    }

    #[test]
    fn a_run_away_heats_its_board_while_it_hashes() {
        let (whole, _) = broken(&[]);
        let (device, _) = broken(&[
            (0.0, AWAY),
            (
                0.0,
                Fault::RunAway {
                    board: 9,
                    extra_watts: 1e3,
                },
            ),
        ]);
        let (hot, well) = (device.sensors(), whole.sensors());
        assert!(hot.boards[1].chip.0 > well.boards[1].chip.0 + 5.0);
        assert_eq!(hot.boards[0].chip, well.boards[0].chip);
        let more = hot.wall_power.0 - well.wall_power.0;
        assert!((190.0..230.0).contains(&more), "{more} W");

        // Without work a board takes 15 % of that.
        let mut idle = device;
        idle.lose_work();
        idle.advance(Nanos::from_seconds(90.0), &mut Vec::new());
        assert!(idle.sensors().boards[1].chip.0 < well.boards[1].chip.0);
    }
}
