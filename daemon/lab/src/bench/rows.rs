//! The rows of the benchmark that are scored on NARMA-10.

use thermine_units::model::Model;

use super::row::Row;
use crate::backend::Backend;
use crate::experiment::encoding::{Actuator, Channel};
use crate::experiment::presets::Preset;
use crate::experiment::quantities::Group;
use crate::experiment::task::Named;
use crate::request::Train;

/// NARMA-10 on a twin, with nothing but the scores.
fn twin() -> Train {
    Train {
        task: Some(Named::Narma10),
        backend: Backend::Twin,
        echo_steps: Some(0),
        off_steps: Some(0),
        ..Train::default()
    }
}

/// `actuator` from `low` to `high`, so many steps late.
fn late(actuator: Actuator, low: f64, high: f64, lag: usize) -> Channel {
    Channel {
        lag,
        ..Channel::new(actuator, low, high)
    }
}

pub(super) fn rows() -> Vec<Row> {
    let mut rows = s9();
    rows.extend(product());
    rows.extend(s9_pair());
    rows.extend(lv06());
    rows.extend(timing());
    rows
}

/// Rows that read the heat of an S9.
fn s9() -> Vec<Row> {
    vec![
        Row {
            name: "S9 dialogue",
            model: Model::AntminerS9,
            request: Train {
                encoding: Preset::Duty,
                ..twin()
            },
            paper: Some(0.8661),
            goal: None,
            remark: "as in the paper: device only, stock sensors, 7 s a step",
        },
        Row {
            name: "S9 device only",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Frequency, 600.0, 100.0),
                    Channel::new(Actuator::Fan, 0.5, 1.0),
                ],
                hold: Some(10.0),
                nodes: 10,
                average: true,
                features: vec![Group::Heat, Group::Fan],
                history: Some(9),
                high_pass: Some(100.0),
                ..twin()
            },
            paper: Some(0.8661),
            goal: Some(0.66),
            remark: "temperatures and fan read ten times a step, of nine steps, in which the host gives u[t] to u[t−8]: u[t−9] is what the device remembers",
        },
        Row {
            name: "S9 ten steps back",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Frequency, 600.0, 100.0),
                    Channel::new(Actuator::Fan, 0.4, 1.0),
                ],
                hold: Some(10.0),
                nodes: 10,
                average: true,
                features: vec![Group::Heat, Group::Fan],
                history: Some(10),
                ..twin()
            },
            paper: Some(0.8661),
            goal: Some(0.66),
            remark: "device only, but ten steps of it, which the host keeps: the same of the encoded drive is a delay line of ten",
        },
        Row {
            name: "S9 late fan",
            model: Model::AntminerS9,
            request: Train {
                encoding: Preset::Late,
                hold: Some(10.0),
                nodes: 2,
                features: vec![Group::Heat, Group::Zones, Group::Fan, Group::Power],
                wall_meter: true,
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "device only, but the fan follows u[t−9]: nine steps of memory are the host's, in the encoding",
        },
    ]
}

/// Rows that read the rate of shares, in which duty and 1/difficulty are multiplied: stock firmware, plain Stratum.
fn product() -> Vec<Row> {
    let product = || Train {
        encoding: Preset::Product,
        ..twin()
    };
    vec![
        Row {
            name: "S9 product",
            model: Model::AntminerS9,
            request: product(),
            paper: None,
            goal: Some(0.20),
            remark: "50 features: a delay line of 30 and 20 rates of shares, whose products are the device's; the lag is the host's",
        },
        Row {
            name: "S9 product, 300 s",
            model: Model::AntminerS9,
            request: Train {
                hold: Some(300.0),
                ..product()
            },
            paper: None,
            goal: None,
            remark: "3.3 times the shares a step",
        },
        Row {
            name: "S9 product, duty only",
            model: Model::AntminerS9,
            request: Train {
                encoding: Preset::default(),
                encode: vec![Channel::new(Actuator::Duty, 0.31, 1.0)],
                hold: Some(90.0),
                features: vec![Group::Shares],
                history: Some(20),
                taps: 30,
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "ablation: nothing to multiply with",
        },
        Row {
            name: "S9 product, wrong lag",
            model: Model::AntminerS9,
            request: Train {
                encoding: Preset::default(),
                encode: vec![
                    Channel::new(Actuator::Duty, 0.31, 1.0),
                    late(Actuator::Difficulty, 4096.0, 256.0, 5),
                ],
                hold: Some(90.0),
                features: vec![Group::Shares],
                history: Some(20),
                taps: 30,
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "ablation: products that the task does not ask for",
        },
        Row {
            name: "LV06 product, 300 s",
            model: Model::LuckyMinerLv06,
            request: Train {
                hold: Some(300.0),
                ..product()
            },
            paper: None,
            goal: None,
            remark: "a unit of 0.5 TH/s finds some 55 shares in 300 s at these difficulties",
        },
    ]
}

/// An S9's power, in which duty and clock are multiplied.
fn s9_pair() -> Vec<Row> {
    vec![
        Row {
            name: "S9 pair",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Duty, 0.31, 1.0),
                    late(Actuator::Frequency, 100.0, 700.0, 9),
                ],
                hold: Some(60.0),
                nodes: 15,
                average: true,
                features: vec![Group::Power],
                wall_meter: true,
                history: Some(20),
                taps: 30,
                ..twin()
            },
            paper: None,
            goal: Some(0.11),
            remark: "50 features: a delay line of 30 and 20 powers, whose products are the device's",
        },
        Row {
            name: "S9 pair, duty only",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![Channel::new(Actuator::Duty, 0.31, 1.0)],
                hold: Some(60.0),
                nodes: 15,
                average: true,
                features: vec![Group::Power],
                wall_meter: true,
                history: Some(20),
                taps: 30,
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "ablation: nothing to multiply with",
        },
        Row {
            name: "S9 pair, wrong lag",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Duty, 0.31, 1.0),
                    late(Actuator::Frequency, 100.0, 700.0, 5),
                ],
                hold: Some(60.0),
                nodes: 15,
                average: true,
                features: vec![Group::Power],
                wall_meter: true,
                history: Some(20),
                taps: 30,
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "ablation: products that the task does not ask for",
        },
    ]
}

/// Rows on an LV06.
fn lv06() -> Vec<Row> {
    vec![
        Row {
            name: "LV06 device only",
            model: Model::LuckyMinerLv06,
            request: Train {
                encode: vec![Channel::new(Actuator::Frequency, 500.0, 100.0)],
                hold: Some(20.0),
                nodes: 10,
                average: true,
                features: vec![Group::Heat, Group::Power],
                history: Some(9),
                ..twin()
            },
            paper: Some(0.8661),
            goal: Some(0.66),
            remark: "temperatures and power read ten times a step, of nine steps, as on the S9",
        },
        Row {
            name: "LV06 ten steps back",
            model: Model::LuckyMinerLv06,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Frequency, 500.0, 100.0),
                    Channel::new(Actuator::Fan, 0.4, 1.0),
                ],
                hold: Some(20.0),
                nodes: 10,
                average: true,
                features: vec![Group::Heat, Group::Power, Group::Fan],
                history: Some(10),
                ..twin()
            },
            paper: Some(0.8661),
            goal: Some(0.66),
            remark: "as on the S9; an LV06 can be driven so over its own wire",
        },
        Row {
            name: "LV06 late fan",
            model: Model::LuckyMinerLv06,
            request: Train {
                encoding: Preset::Late,
                hold: Some(20.0),
                features: vec![Group::Heat, Group::Power, Group::Fan],
                ..twin()
            },
            paper: None,
            goal: None,
            remark: "as on the S9; an LV06 can be driven so over its own wire",
        },
        Row {
            name: "LV06 pair",
            model: Model::LuckyMinerLv06,
            request: Train {
                encode: vec![
                    Channel::new(Actuator::Voltage, 1.08, 1.3),
                    late(Actuator::Frequency, 50.0, 440.0, 9),
                ],
                hold: Some(20.0),
                nodes: 10,
                average: true,
                features: vec![Group::Power],
                history: Some(20),
                taps: 30,
                ..twin()
            },
            paper: None,
            goal: Some(0.12),
            remark: "V² · f instead of duty · f: a duty made by clean jobs is noisier",
        },
    ]
}

/// Rows that read the share times of an S9.
fn timing() -> Vec<Row> {
    vec![
        Row {
            name: "S9 timing, one share",
            model: Model::AntminerS9,
            request: Train {
                encode: vec![Channel::new(Actuator::LogDifficulty, 7_744.0, 256.0)],
                hold: Some(0.0),
                shares: Some(1),
                features: vec![Group::Waits],
                history: Some(10),
                ..twin()
            },
            paper: Some(0.8661),
            goal: None,
            remark: "the last ten Δt of single shares: the paper's number, with no memory in the device at all",
        },
        Row {
            name: "S9 timing, 64 shares",
            model: Model::AntminerS9,
            request: Train {
                encoding: Preset::Timing,
                hold: Some(0.0),
                shares: Some(64),
                features: vec![Group::Waits],
                history: Some(30),
                ..twin()
            },
            paper: Some(0.8661),
            goal: Some(0.43),
            remark: "the last thirty mean Δt: a noisy copy of the difficulties that the host chose",
        },
    ]
}
