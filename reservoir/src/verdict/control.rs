//! The controls that a device is compared with.

use serde::{Deserialize, Serialize};

/// A control that the device is compared with. All controls except the first two also get the declared taps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The mean of the training target.
    Constant,
    /// The input of the same step.
    CurrentInput,
    /// The declared taps alone.
    Taps(usize),
    /// The encoded drive, with the same history of steps as the device's features.
    EncodedDrive,
    /// The encoded drive, the lengths of the steps and leaky integrators of the input over these lengths, all with
    /// the history of the device's features: what a unit tells merely by the time that its steps take.
    StepLengths,
    /// A delay line: that many of the last inputs.
    DelayLine(usize),
    /// A delay line as long as the readout's linear memory capacity, rounded.
    EqualMemory(usize),
    /// That many leaky integrators of the input.
    LeakyBank(usize),
    /// That many leaky integrators of the input, each at that many lags: the history of the device's features.
    LaggedBank(usize, usize),
    /// The ideal: a delay line and that many exact products of two inputs, those that the device could form, computed.
    Products(usize),
    /// The device's states at random times.
    ShuffledInTime,
    /// The device's states of another stretch of time.
    ShiftedInTime,
    /// The device's states with random phases: only their spectra and correlations are kept.
    PhaseRandomised,
    /// The device's states without work.
    UnitOff,
}

impl Control {
    /// Whether the control is the device's own states with their relation to the input destroyed.
    pub fn is_null(self) -> bool {
        matches!(
            self,
            Control::ShuffledInTime
                | Control::ShiftedInTime
                | Control::PhaseRandomised
                | Control::UnitOff
        )
    }

    /// Whether it is made of the input's history without multiplying inputs: what a device that computes must beat.
    pub fn is_linear(self) -> bool {
        !self.is_null() && !matches!(self, Control::Products(_))
    }
}

impl std::fmt::Display for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Control::Constant => f.write_str("constant"),
            Control::CurrentInput => f.write_str("current input"),
            Control::EncodedDrive => f.write_str("encoded drive"),
            Control::StepLengths => f.write_str("encoded drive + step lengths"),
            Control::Taps(taps) => write!(f, "the {taps} declared taps alone"),
            Control::DelayLine(taps) => write!(f, "delay line of {taps}"),
            Control::EqualMemory(taps) => write!(f, "delay line of equal memory, {taps}"),
            Control::LeakyBank(count) => write!(f, "{count} leaky integrators"),
            Control::LaggedBank(1, lags) => write!(f, "leaky integrator × {lags} steps"),
            Control::LaggedBank(count, lags) => {
                write!(f, "{count} leaky integrators × {lags} steps")
            }
            Control::Products(count) => write!(f, "delay line + {count} exact products"),
            Control::ShuffledInTime => f.write_str("time-shuffled states"),
            Control::ShiftedInTime => f.write_str("time-shifted states"),
            Control::PhaseRandomised => f.write_str("phase-randomised states"),
            Control::UnitOff => f.write_str("unit off"),
        }
    }
}
