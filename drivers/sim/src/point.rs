//! Where a simulated unit runs.

use thermine_units::params::Params;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::unit::{BOARDS, OperatingPoint};

/// Clock, voltage, fan and the boards' parts of the clock, all of which a unit always has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(super) frequency: MegaHertz,
    pub(super) voltage: Volts,
    pub(super) fan: f64,
    pub(super) boards: [f64; BOARDS],
}

impl Point {
    /// Where the model runs as delivered.
    pub(super) fn nominal(params: &Params) -> Point {
        Point {
            frequency: MegaHertz(params.frequency_mhz),
            voltage: Volts(params.voltage_v),
            fan: params.fan,
            boards: [1.0; BOARDS],
        }
    }

    /// Where `asked` takes it: within the limits of `p`, the clock at a step of its generator. A value that
    /// is not a number leaves the setting as it was.
    pub(super) fn moved(self, asked: &OperatingPoint, p: &Params) -> Point {
        let mut point = self;
        if let Some(f) = asked.frequency.filter(|f| !f.0.is_nan()) {
            let step = p.frequency_step_mhz;
            let stepped = (f.0 / step).round() * step;
            point.frequency = MegaHertz(stepped.clamp(p.frequency_min_mhz, p.frequency_max_mhz));
        }
        if let Some(v) = asked.voltage.filter(|v| !v.0.is_nan()) {
            point.voltage = Volts(v.0.clamp(p.voltage_min_v, p.voltage_max_v));
        }
        if let Some(fan) = asked.fan.filter(|fan| !fan.is_nan()) {
            point.fan = fan.clamp(p.fan_min, 1.0);
        }
        for (board, part) in point
            .boards
            .iter_mut()
            .zip(asked.boards.into_iter().flatten())
        {
            if !part.is_nan() {
                *board = part.clamp(0.0, 1.0);
            }
        }
        point
    }

    /// As it is read back.
    pub(super) fn read_back(self) -> OperatingPoint {
        OperatingPoint {
            frequency: Some(self.frequency),
            voltage: Some(self.voltage),
            fan: Some(self.fan),
            mode: None,
            boards: Some(self.boards).filter(|boards| *boards != [1.0; BOARDS]),
        }
    }
}
