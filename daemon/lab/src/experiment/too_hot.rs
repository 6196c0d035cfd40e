//! What a twin does that no guarded unit can: it goes on where the interlock would stop a unit.

use std::fmt;

use serde::Serialize;
use thermine_units::model::Limits;
use thermine_units::quantity::Celsius;
use thermine_units::unit::Telemetry;

/// A temperature at which the interlock stops a unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TooHot {
    /// What is so hot.
    pub sensor: &'static str,
    /// How hot, °C.
    pub celsius: f64,
    /// Where a unit is stopped, °C.
    pub limit: f64,
}

impl TooHot {
    /// The sensor of a reading that is furthest above its limit; `None` if none reaches it.
    pub(super) fn of(telemetry: &Telemetry, limits: &Limits) -> Option<TooHot> {
        let boards = telemetry.boards.iter().flat_map(|board| {
            [
                ("board", board.pcb_temp, Some(limits.board_stop)),
                ("chip", board.chip_temp, Some(limits.chip_stop)),
                ("regulator", board.regulator_temp, limits.regulator_stop),
            ]
        });
        let hot = boards.filter_map(|(sensor, read, limit)| {
            let (Celsius(celsius), Celsius(limit)) = (read?, limit?);
            (celsius >= limit).then_some(TooHot {
                sensor,
                celsius,
                limit,
            })
        });
        hot.max_by(|a, b| a.excess().total_cmp(&b.excess()))
    }

    /// The hotter of two.
    pub(super) fn worse(a: Option<TooHot>, b: Option<TooHot>) -> Option<TooHot> {
        let both = a.into_iter().chain(b);
        both.max_by(|a, b| a.excess().total_cmp(&b.excess()))
    }

    fn excess(&self) -> f64 {
        self.celsius - self.limit
    }
}

impl fmt::Display for TooHot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "no guarded unit can be driven so: the twin's {} reached {:.0} °C, and the interlock stops a unit at {:.0} °C",
            self.sensor, self.celsius, self.limit
        )
    }
}

#[cfg(test)]
mod tests {
    use thermine_units::model::Model;
    use thermine_units::unit::Board;

    use super::*;

    #[test]
    fn the_sensor_furthest_above_its_limit_is_named() {
        let limits = Model::LuckyMinerLv06.limits();
        let telemetry = |chip, regulator| Telemetry {
            boards: vec![Board {
                chip_temp: Some(Celsius(chip)),
                regulator_temp: Some(Celsius(regulator)),
                ..Board::default()
            }],
            ..Telemetry::default()
        };
        assert_eq!(TooHot::of(&telemetry(71.9, 99.0), limits), None);
        let hot = TooHot::of(&telemetry(73.0, 105.0), limits).expect("too hot");
        assert_eq!(
            (hot.sensor, hot.celsius, hot.limit),
            ("regulator", 105.0, 100.0)
        );
    }
}
