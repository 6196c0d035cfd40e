//! The hash rate that a driven unit should show: what all its chips do at their clock, times the part of the time that
//! they have current work.

use std::collections::VecDeque;
use std::time::Duration;

use thermine_sim::params::Params;
use thermine_units::clock::Nanos;
use thermine_units::model::Model;
use thermine_units::quantity::MegaHertz;
use thermine_units::record::{JobRecord, StepRecord};
use thermine_units::unit::Telemetry;

use thermine_lab::config::{Config, Wires};

/// Steps whose jobs are counted: a step is recorded after the first job of the next has left.
const OPEN: usize = 4;
/// Steps that are remembered at most; with more in a minute the mean is of the newest.
const STEPS: usize = 4096;

/// How a unit was driven over a span.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Driven {
    /// Mean fraction of its time that it had current work.
    pub(super) duty: f64,
    /// Mean clock that its drives asked for, if all did.
    pub(super) clock: Option<MegaHertz>,
}

/// The last steps of a drive.
#[derive(Debug)]
pub(super) struct Drives {
    dead_time: Duration,
    /// Clean jobs by the number of their step.
    clean: VecDeque<(u64, u32)>,
    steps: VecDeque<Stretch>,
}

#[derive(Debug)]
struct Stretch {
    ended: Nanos,
    seconds: f64,
    duty: f64,
    mhz: Option<f64>,
}

impl Drives {
    /// Of a unit that loses `dead_time` of hashing to each clean job.
    pub(super) fn new(dead_time: Duration) -> Drives {
        Drives {
            dead_time,
            clean: VecDeque::new(),
            steps: VecDeque::new(),
        }
    }

    /// A job was sent.
    pub(super) fn job(&mut self, job: &JobRecord) {
        let Some(step) = job.step.filter(|_| job.clean) else {
            return;
        };
        match self.clean.iter_mut().find(|(of, _)| *of == step) {
            Some((_, jobs)) => *jobs += 1,
            None => {
                self.clean.push_back((step, 1));
                if self.clean.len() > OPEN {
                    self.clean.pop_front();
                }
            }
        }
    }

    /// A step has ended. What it cost is taken from the jobs that were sent, as the cadence that was asked for is not
    /// always reached.
    pub(super) fn step(&mut self, step: &StepRecord) {
        let seconds = step.ended.since(step.started).as_secs_f64();
        let clean = self.clean.iter().find(|(of, _)| *of == step.step);
        let jobs = clean.map_or(0, |(_, jobs)| *jobs);
        if seconds <= 0.0 {
            return;
        }
        let asked = step.drive["duty"].as_f64().unwrap_or(1.0);
        let lost = f64::from(jobs) * self.dead_time.as_secs_f64() / seconds;
        self.steps.push_back(Stretch {
            ended: step.ended,
            seconds,
            // A clean job at the beginning of a step at full duty costs its dead time too.
            duty: asked.min(1.0 - lost).clamp(0.0, 1.0),
            mhz: step.drive["point"]["frequency"].as_f64(),
        });
        if self.steps.len() > STEPS {
            self.steps.pop_front();
        }
    }

    pub(super) fn clear(&mut self) {
        self.clean.clear();
        self.steps.clear();
    }

    /// The mean over the last `span` up to `now`, weighted by time; `None` before the first step has ended.
    pub(super) fn over(&mut self, span: Duration, now: Nanos) -> Option<Driven> {
        while self
            .steps
            .front()
            .is_some_and(|step| now.since(step.ended) > span)
        {
            self.steps.pop_front();
        }
        let seconds: f64 = self.steps.iter().map(|step| step.seconds).sum();
        if seconds <= 0.0 {
            return None;
        }
        let mean = |of: fn(&Stretch) -> Option<f64>| -> Option<f64> {
            let sum: Option<f64> = self
                .steps
                .iter()
                .map(|step| Some(of(step)? * step.seconds))
                .sum();
            sum.map(|sum| sum / seconds)
        };
        Some(Driven {
            duty: mean(|step| Some(step.duty))?,
            clock: mean(|step| step.mhz).map(MegaHertz),
        })
    }
}

/// Hashes of the unit of `config` in a cycle of its clock, all chips together.
fn hashes_per_cycle(config: &Config) -> f64 {
    let whole = |params: Params| {
        (params.boards * params.columns * params.chips) as f64 * params.hashes_per_cycle
    };
    let chips = match config.wires() {
        Ok(Wires::Serial(serial)) => f64::from(serial.chips),
        _ => 1.0,
    };
    match config.unit.model {
        Model::Bm1387 => chips * Params::s9().hashes_per_cycle,
        Model::Bm1366 => chips * Params::lv06().hashes_per_cycle,
        model => whole((model.entry().physics)(0)),
    }
}

/// What the unit of `config` should show in GH/s when it is `driven` so and reads `telemetry`; `None` where its clock
/// is not known.
pub(super) fn ghs(config: &Config, driven: Driven, telemetry: Option<&Telemetry>) -> Option<f64> {
    let read = telemetry.and_then(|reading| {
        let clocks: Option<Vec<f64>> = reading
            .boards
            .iter()
            .map(|board| board.frequency.map(|clock| clock.0))
            .collect();
        let clocks = clocks.filter(|clocks| !clocks.is_empty())?;
        Some(clocks.iter().sum::<f64>() / clocks.len() as f64)
    });
    let set = match config.wires() {
        Ok(Wires::Serial(serial)) => Some(serial.frequency_mhz),
        _ => None,
    };
    let mhz = driven.clock.map(|clock| clock.0).or(read).or(set)?;
    Some(hashes_per_cycle(config) * mhz * driven.duty * 1e-3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn step(number: u64, seconds: (f64, f64), drive: serde_json::Value) -> StepRecord {
        StepRecord {
            step: number,
            drive,
            observation: json!({}),
            started: Nanos::from_seconds(seconds.0),
            ended: Nanos::from_seconds(seconds.1),
        }
    }

    #[test]
    fn the_duty_is_the_mean_of_the_last_minute_s_steps_by_their_length() {
        let mut drives = Drives::new(Duration::ZERO);
        assert_eq!(drives.over(Duration::from_secs(60), Nanos::ZERO), None);
        drives.step(&step(0, (0.0, 10.0), json!({"duty": 0.1})));
        drives.step(&step(1, (80.0, 90.0), json!({"duty": 0.4})));
        drives.step(&step(2, (90.0, 120.0), json!({"duty": 0.8})));
        let seen = drives.over(Duration::from_secs(60), Nanos::from_seconds(120.0));
        let seen = seen.expect("steps");
        assert!(
            (seen.duty - 0.7).abs() < 1e-12 && seen.clock.is_none(),
            "{seen:?}"
        );
    }

    #[test]
    fn a_clock_that_only_some_steps_ask_for_is_not_the_mean_of_all() {
        let mut drives = Drives::new(Duration::ZERO);
        let at = |mhz: f64| json!({"duty": 1.0, "point": {"frequency": mhz}});
        drives.step(&step(0, (0.0, 10.0), at(500.0)));
        drives.step(&step(1, (10.0, 20.0), at(600.0)));
        let mut over = |now| drives.over(Duration::from_secs(60), Nanos::from_seconds(now));
        assert_eq!(over(20.0).expect("steps").clock, Some(MegaHertz(550.0)));
        drives.step(&step(2, (20.0, 30.0), json!({"duty": 1.0})));
        let mut over = |now| drives.over(Duration::from_secs(60), Nanos::from_seconds(now));
        assert_eq!(over(30.0).expect("steps").clock, None);
    }

    #[test]
    fn a_whole_unit_at_its_clock_is_expected_to_do_what_its_maker_says() {
        let full = Driven {
            duty: 1.0,
            clock: Some(MegaHertz(650.0)),
        };
        let s9 = Config::simulated(Model::AntminerS9).expect("sound");
        let rate = ghs(&s9, full, None).expect("a clock");
        assert!((rate - 14_005.0).abs() < 1.0, "{rate}");
        let half = Driven {
            duty: 0.5,
            clock: Some(MegaHertz(485.0)),
        };
        let lv06 = Config::simulated(Model::LuckyMinerLv06).expect("sound");
        let rate = ghs(&lv06, half, None).expect("a clock");
        assert!((rate - 250.0).abs() < 0.1, "{rate}");
        let unclocked = Driven {
            duty: 0.5,
            clock: None,
        };
        assert_eq!(ghs(&lv06, unclocked, None), None);
    }
}
