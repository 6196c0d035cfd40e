//! The rows of the benchmark that are decisions: exclusive or of the two newest inputs.

use thermine_units::model::Model;

use super::row::Row;
use crate::backend::Backend;
use crate::experiment::encoding::{Actuator, Channel};
use crate::experiment::quantities::Group;
use crate::experiment::task::Named;
use crate::request::Train;

/// Of steps of 60, 90 and 120 s, tried on an LV06 with seeds 101 to 103, the longest err least (18 to 21, 7 to 9 and 3 %).
/// Clocks and fans are those of the coolest tried at which the exclusive or is still nearly always right: at 500 MHz with
/// the fan at 0.4 an LV06 errs in 0.5 %, but comes to 83 °C, and an S9 at 600 MHz to 125 °C, where no guarded unit goes on.
const HEAT_HOLD: f64 = 120.0;

/// Exclusive or on a twin at equal steps, with nothing but the scores.
fn twin() -> Train {
    Train {
        task: Some(Named::Xor),
        backend: Backend::Twin,
        washout: Some(50),
        train: Some(700),
        test: Some(500),
        echo_steps: Some(0),
        off_steps: Some(0),
        ..Train::default()
    }
}

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row {
            name: "S9 XOR by product",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Duty, 0.31, 1.0),
                    Channel {
                        lag: 1,
                        ..Channel::new(Actuator::Difficulty, 2048.0, 256.0)
                    },
                ],
                hold: Some(20.0),
                features: vec![Group::Shares],
                taps: 2,
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "the present input sets the duty, the last the difficulty: the lag is the host's, the product the device's",
        },
        Row {
            name: "S9 XOR by heat",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Frequency, 400.0, 100.0),
                    Channel::new(Actuator::Fan, 0.6, 1.0),
                ],
                hold: Some(HEAT_HOLD),
                nodes: 20,
                features: vec![Group::Heat, Group::Fan],
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "no lag, no taps, no history: the device's own memory; a stock S9 takes no clock over its wire",
        },
        Row {
            name: "LV06 XOR by heat",
            model: Model::LuckyMinerLv06,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Frequency, 350.0, 100.0),
                    Channel::new(Actuator::Fan, 0.4, 1.0),
                ],
                hold: Some(HEAT_HOLD),
                nodes: 20,
                features: vec![Group::Heat, Group::Fan, Group::Power],
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "no lag, no taps, no history: the device's own memory; a unit can be driven so over its own wire",
        },
    ]
}
