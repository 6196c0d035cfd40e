//! What is measured at one operating point, on whatever substrate.

use std::time::Duration;

use crate::substrate::{Drive, Observation, Outcome, Pace, Substrate, SubstrateError};
use serde::{Deserialize, Serialize};
use thermine_drivers::interlock::Enforced;
use thermine_reservoir::bootstrap::{Bootstrap, Estimate};
use thermine_reservoir::capacity::{
    driven_rank, generalisation_inputs, kernel_inputs, memory_capacity, rank_over_inputs,
};
use thermine_reservoir::describe::{DeadTime, DeadTimeTest, Dispersion, Entropy, Resampling};
use thermine_reservoir::evaluate::evaluate;
use thermine_reservoir::left_out::LeftOut;
use thermine_reservoir::split::Split;
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_reservoir::tasks::narma::narma10;
use thermine_units::pow::Difficulty;
use thermine_units::provenance::Provenance;
use thermine_units::unit::{OperatingPoint, Sensor, Telemetry};

use super::grid::Point;
use super::plan::Settings;

/// Bins of the entropy of waits.
const BINS: usize = 16;

/// Mean events of a window of counts.
const EVENTS: usize = 5;

/// Shares that a step of the reservoir should hold, so that it hardly ever waits for one.
const SHARES_PER_STEP: f64 = 10.0;

/// Duty at the largest input.
const DUTY_MIN: f64 = 0.3;

/// Streams of the ranks, and steps of each.
const STREAMS: usize = 10;
const STREAM_STEPS: usize = 12;

/// Steps at the end that the streams of the generalisation rank have in common.
const COMMON_STEPS: usize = 6;

/// Split of NARMA-10, as in the literature.
const NARMA: Split = Split {
    washout: 200,
    train: 2_000,
    test: 1_000,
};

/// A finished cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cell {
    /// Operating point.
    pub point: Point,
    /// Why the cell, or the rest of it, was not measured.
    pub not_run: Option<String>,
    /// Share times at constant drive.
    pub shares: Option<Shares>,
    /// The unit as a reservoir.
    pub reservoir: Option<Reservoir>,
    /// NRMSE of NARMA-10, if it was asked for.
    pub narma: Option<Estimate>,
    /// Hottest reading of each kind, in °C: circuit board, chip.
    pub hottest: [Option<f64>; 2],
    /// Origin of the numbers of a unit on its wires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) provenance: Option<Provenance>,
}

/// The share times of a window at constant drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shares {
    /// Length of the window, s.
    pub(crate) seconds: f64,
    /// First shares of a job: one a job.
    pub n: usize,
    /// Rate of these shares, 1/s.
    pub rate: f64,
    /// Coefficient of variation of Δt, the time from job to share.
    pub cv: Option<Estimate>,
    /// That coefficient against a Poisson process with the dead time of a job switch.
    pub test: Option<DeadTimeTest>,
    /// Dispersion of the counts in equal windows.
    pub dispersion: Option<Dispersion>,
    /// Entropy of Δt in equal bins.
    pub entropy: Option<Entropy>,
}

/// The unit as a reservoir, driven by its duty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reservoir {
    /// Share difficulty of its jobs: the cell's, or one low enough for a few shares a step.
    pub difficulty: f64,
    /// Columns of the state matrix.
    pub(crate) features: usize,
    /// Linear memory capacity, steps.
    pub memory: f64,
    /// Directions in which two runs of one input agree by more than they differ.
    pub driven_rank: usize,
    /// Rank over inputs without anything in common, above the noise.
    pub kernel_rank: usize,
    /// Rank over inputs with a common end, above the noise.
    pub generalisation_rank: usize,
}

impl Cell {
    /// A cell that could not be measured.
    pub(super) fn not_run(point: Point, why: String) -> Cell {
        Cell {
            point,
            not_run: Some(why),
            shares: None,
            reservoir: None,
            narma: None,
            hottest: [None; 2],
            provenance: None,
        }
    }
}

/// Why a measurement ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stopped {
    #[error(transparent)]
    Substrate(#[from] SubstrateError),
    /// What came back cannot be analysed.
    #[error("{0}")]
    Analysis(String),
    #[error("the unit's connection broke while the cell was measured")]
    Interrupted,
    /// A temperature is at the limit of the model.
    #[error("{sensor} at {celsius} °C: the model's limit is {limit} °C")]
    Hot {
        sensor: &'static str,
        celsius: f64,
        limit: f64,
    },
}

impl Stopped {
    /// Whether only this cell is concerned, so that the next can be tried.
    pub(super) fn is_of_the_cell(&self) -> bool {
        !matches!(
            self,
            Stopped::Interrupted
                | Stopped::Substrate(
                    SubstrateError::Session(_)
                        | SubstrateError::Replaced { .. }
                        | SubstrateError::Gone { .. }
                        | SubstrateError::Chain(_)
                        | SubstrateError::TelemetryLost { .. }
                        | SubstrateError::Interlocked { .. }
                        | SubstrateError::Recorder(_)
                )
        )
    }
}

impl From<thermine_reservoir::capacity::CapacityError> for Stopped {
    fn from(error: thermine_reservoir::capacity::CapacityError) -> Stopped {
        Stopped::Analysis(error.to_string())
    }
}

/// One cell under measurement on a substrate that stands at its point.
pub(super) struct Probe<'a, S> {
    substrate: &'a mut S,
    point: Point,
    settings: &'a Settings,
    limits: &'a Enforced,
    /// What a clean job costs, s.
    dead_time: f64,
    seed: u64,
    hottest: [Option<f64>; 2],
}

impl<'a, S: Substrate> Probe<'a, S> {
    pub(super) fn new(
        substrate: &'a mut S,
        point: Point,
        settings: &'a Settings,
        limits: &'a Enforced,
        (dead_time, seed): (f64, u64),
    ) -> Probe<'a, S> {
        Probe {
            substrate,
            point,
            settings,
            limits,
            dead_time,
            seed,
            hottest: [None; 2],
        }
    }

    /// Measures all that is asked for. The cell says what ended it early, if that concerns no other cell.
    ///
    /// # Errors
    /// If the substrate is gone.
    pub(super) async fn measure(mut self) -> Result<Cell, Stopped> {
        let mut cell = Cell::not_run(self.point, String::new());
        cell.not_run = None;
        let result = self.fill(&mut cell).await;
        cell.hottest = self.hottest;
        match result {
            Err(stopped) if !stopped.is_of_the_cell() => return Err(stopped),
            Err(stopped) => cell.not_run = Some(stopped.to_string()),
            Ok(()) => {}
        }
        Ok(cell)
    }

    async fn fill(&mut self, cell: &mut Cell) -> Result<(), Stopped> {
        let shares = self.window().await?;
        let rate = shares.rate;
        cell.shares = Some(shares);
        if rate <= 0.0 {
            return Err(Stopped::Analysis("no share in the window".into()));
        }
        // Heat does not know the difficulty; a step without a share would last longer than the others.
        let hold = self.settings.hold_seconds;
        let most = self.point.difficulty * rate * hold / SHARES_PER_STEP;
        let difficulty = most.min(self.point.difficulty);
        cell.reservoir = Some(self.reservoir(difficulty).await?);
        if self.settings.narma {
            cell.narma = Some(self.narma(difficulty).await?);
        }
        Ok(())
    }

    /// Share times at full duty: one job, its first answer, the next job.
    async fn window(&mut self) -> Result<Shares, Stopped> {
        let window = self.settings.window_seconds;
        let pace = Pace {
            shares: 1,
            hold: Duration::ZERO,
            timeout: Duration::from_secs_f64(window),
        };
        let mut waits = Vec::new();
        let mut times = Vec::new();
        let mut began = None;
        loop {
            let drive = self.drive(0.0, self.point.difficulty, pace)?;
            let seen = self.step(&drive).await?;
            let began = *began.get_or_insert(seen.started);
            let seconds = seen.ended.since(began).as_secs_f64();
            if seconds > window {
                break;
            }
            for share in &seen.shares {
                waits.push(share.since_job.as_secs_f64());
                times.push(seconds);
            }
        }
        let resampling = Resampling {
            block: 1,
            resamples: 1_000,
            seed: self.seed,
        };
        let windows = (times.len() / EVENTS).max(1);
        let mut counts = vec![0; windows];
        for time in &times {
            counts[((time / window * windows as f64) as usize).min(windows - 1)] += 1;
        }
        Ok(Shares {
            seconds: window,
            n: waits.len(),
            rate: waits.len() as f64 / window,
            cv: (waits.len() > 2)
                .then(|| resampling.estimate(waits.len(), |places| variation(&waits, places)))
                .flatten(),
            test: DeadTimeTest::of(&waits, DeadTime::Known(self.dead_time)),
            dispersion: Dispersion::of(&counts),
            entropy: Entropy::of_values(&waits, BINS),
        })
    }

    /// Memory and ranks, with the duty driven by an input that is independent from step to step.
    async fn reservoir(&mut self, difficulty: f64) -> Result<Reservoir, Stopped> {
        let split = self.settings.split;
        let inputs = kernel_inputs(1, split.total(), self.seed);
        let input = inputs.first().map_or(&[][..], Vec::as_slice);
        let first = self.states(input, difficulty).await?;
        let second = self.states(input, difficulty).await?;
        let memory = memory_capacity(
            &first,
            input,
            split.washout.min(self.settings.delays),
            &split,
            &LeftOut::default(),
        )?;
        let settled = |states: &StateMatrix| tail(states, split.washout);
        let (a, b) = (settled(&first)?, settled(&second)?);
        let driven = driven_rank(&a, &b)?;
        // In units of the noise between the two runs, the singular values of noise alone hardly exceed √n + √m.
        let noise = noise(&a, &b);
        let features = first.columns();
        let tolerance = (STREAMS as f64).sqrt() + (features as f64).sqrt();
        let mut ranks = [0; 2];
        let streams = [
            kernel_inputs(STREAMS, STREAM_STEPS, self.seed),
            generalisation_inputs(STREAMS, STREAM_STEPS, COMMON_STEPS, self.seed),
        ];
        for (rank, streams) in ranks.iter_mut().zip(streams) {
            let mut ends = Vec::new();
            for stream in &streams {
                let states = self.states(stream, difficulty).await?;
                let last = states.values().row(STREAM_STEPS - 1);
                ends.push(
                    last.iter()
                        .zip(&noise)
                        .map(|(x, s)| x / s)
                        .collect::<Vec<f64>>(),
                );
            }
            let mut ends = ends.into_iter();
            let next =
                |_: &[f64]| -> Result<Vec<f64>, Stopped> { Ok(ends.next().unwrap_or_default()) };
            *rank = rank_over_inputs(&streams, tolerance, next)?.rank;
        }
        Ok(Reservoir {
            difficulty,
            features,
            memory: memory.total,
            driven_rank: driven.rank,
            kernel_rank: ranks[0],
            generalisation_rank: ranks[1],
        })
    }

    /// NRMSE of NARMA-10 with the current states alone.
    async fn narma(&mut self, difficulty: f64) -> Result<Estimate, Stopped> {
        let task = narma10(NARMA.total(), self.seed);
        let states = self.states(&task.input, difficulty).await?;
        let bootstrap = Bootstrap::new(NARMA.test, self.seed);
        let score = evaluate(&states, &task.target, &NARMA, &bootstrap);
        Ok(score
            .map_err(|error| Stopped::Analysis(error.to_string()))?
            .nrmse)
    }

    /// Drives the duty by `input` and gives the sensed states, a row a step.
    async fn states(&mut self, input: &[f64], difficulty: f64) -> Result<StateMatrix, Stopped> {
        let hold = Duration::from_secs_f64(self.settings.hold_seconds);
        let pace = Pace {
            shares: 1,
            hold,
            timeout: 6 * hold,
        };
        let mut columns: Vec<(Feature, Vec<f64>)> = Vec::new();
        for u in input {
            let drive = self.drive(*u, difficulty, pace)?;
            let seen = self.step(&drive).await?;
            let span = seen.ended.since(seen.started).as_secs_f64();
            let mut row = seen.telemetry.as_ref().map_or_else(Vec::new, sensed);
            row.push((
                Feature::new("share_rate", "1/s"),
                seen.shares.len() as f64 / span,
            ));
            if columns.is_empty() {
                columns = row
                    .into_iter()
                    .map(|(name, value)| (name, vec![value]))
                    .collect();
                continue;
            }
            for (feature, values) in &mut columns {
                // A reading that is missing stays as it was.
                let value = row.iter().find(|(name, _)| name == feature);
                let last = values.last().copied().unwrap_or(0.0);
                values.push(value.map_or(last, |(_, value)| *value));
            }
        }
        StateMatrix::from_columns(input.len(), columns)
            .map_err(|error| Stopped::Analysis(error.to_string()))
    }

    fn drive(&self, u: f64, difficulty: f64, pace: Pace) -> Result<Drive, Stopped> {
        Ok(Drive {
            word: (u * f64::from(u32::MAX)) as u32,
            later: 0,
            difficulty: Difficulty::new(difficulty)
                .map_err(|error| Stopped::Analysis(error.to_string()))?,
            duty: 1.0 - (1.0 - DUTY_MIN) * u / 0.5,
            point: OperatingPoint::UNCHANGED,
            pace,
        })
    }

    /// One step, and a look at the temperatures.
    async fn step(&mut self, drive: &Drive) -> Result<Observation, Stopped> {
        let seen = self.substrate.step(drive).await?;
        if seen.outcome == Outcome::Interrupted {
            return Err(Stopped::Interrupted);
        }
        for board in seen
            .telemetry
            .iter()
            .flat_map(|telemetry| &telemetry.boards)
        {
            let sensors = [
                (Sensor::Board, "circuit board", board.pcb_temp),
                (Sensor::Chip, "chip", board.chip_temp),
                (Sensor::Regulator, "regulator", board.regulator_temp),
            ];
            for (place, (kind, sensor, reading)) in sensors.into_iter().enumerate() {
                let Some(reading) = reading else { continue };
                if let Some(hottest) = self.hottest.get_mut(place) {
                    *hottest = Some(hottest.map_or(reading.0, |before| before.max(reading.0)));
                }
                if let Some(limit) = self.limits.stop(kind).filter(|limit| reading >= *limit) {
                    return Err(Stopped::Hot {
                        sensor,
                        celsius: reading.0,
                        limit: limit.0,
                    });
                }
            }
        }
        Ok(seen)
    }
}

/// The readings that move with the unit's heat.
fn sensed(telemetry: &Telemetry) -> Vec<(Feature, f64)> {
    let mut row = Vec::new();
    for board in &telemetry.boards {
        for (name, reading) in [
            ("pcb_temp", board.pcb_temp),
            ("chip_temp", board.chip_temp),
            ("regulator_temp", board.regulator_temp),
        ] {
            if let Some(reading) = reading {
                row.push((
                    Feature::new(format!("board{}.{name}", board.slot), "°C"),
                    reading.0,
                ));
            }
        }
    }
    if let Some(power) = telemetry.power {
        row.push((Feature::new("power", "W"), power.0));
    }
    row
}

/// The rows from `first` on.
fn tail(states: &StateMatrix, first: usize) -> Result<StateMatrix, Stopped> {
    let rows = states.rows().saturating_sub(first);
    let values = states.values().rows(first, rows).into_owned();
    StateMatrix::from_matrix(states.features().to_vec(), values)
        .map_err(|error| Stopped::Analysis(error.to_string()))
}

/// Standard deviation of the noise of each feature, from two runs of one input; what does not move counts as 1.
fn noise(a: &StateMatrix, b: &StateMatrix) -> Vec<f64> {
    let difference = a.values() - b.values();
    difference
        .column_iter()
        .map(|column| (column.variance() / 2.0).sqrt())
        .map(|sd| if sd > 0.0 { sd } else { 1.0 })
        .collect()
}

/// Coefficient of variation of the waits at `places`.
fn variation(waits: &[f64], places: &[usize]) -> f64 {
    let n = places.len() as f64;
    let mean = places.iter().map(|i| waits[*i]).sum::<f64>() / n;
    let squares: f64 = places.iter().map(|i| (waits[*i] - mean).powi(2)).sum();
    (squares / (n - 1.0)).sqrt() / mean
}
