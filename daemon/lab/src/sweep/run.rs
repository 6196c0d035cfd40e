//! The cells of a sweep: twins on all processors, or one unit from point to point.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::substrate::{Discipline, Drive, Pace, Substrate, SubstrateError, Twin};
use anyhow::Result;
use thermine_drivers::interlock::Enforced;
use thermine_sim::device::Device;
use thermine_sim::params::Params;
use thermine_units::model::Model;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::cell::{Cell, Probe, Stopped};
use super::grid::Point;
use super::journal::Journal;
use super::plan::Plan;
use super::report::Report;
use crate::attach::{Driven, Unit};
use crate::config::Config;
use crate::observer::{Bar, Progress};
use crate::session::{Context, Interrupted, Session, with_unit};

/// Time that a unit on its wire is given to become as warm as a new point makes it, s.
const SETTLE_S: f64 = 300.0;

/// Attempts at a cell during which the unit's connection breaks.
const ATTEMPTS: u32 = 3;

/// A sweep with the cells that are finished.
#[derive(Debug)]
pub struct Sweeping {
    plan: Arc<Plan>,
    points: Vec<Point>,
    journal: Journal,
}

impl Sweeping {
    /// Begins the sweep of `plan` in `folder`, which must be there, or continues it from the cells that are finished.
    ///
    /// # Errors
    /// If the folder holds the cells of another sweep, or cannot be written.
    pub fn open(plan: Plan, folder: &Path) -> Result<Sweeping> {
        let points = plan.grid.points();
        Ok(Sweeping {
            journal: Journal::open(folder, &plan.config_hash, points.len())?,
            plan: Arc::new(plan),
            points,
        })
    }

    /// Finished cells and all cells.
    pub fn cells(&self) -> (usize, usize) {
        (self.journal.done.len(), self.points.len())
    }

    /// Measures the cells that are not finished, and reports on all that are: an interruption leaves some unfinished.
    ///
    /// # Errors
    /// If the unit or the journal fails; the finished cells are kept.
    pub async fn run(&mut self, progress: &Progress) -> Result<Report> {
        let left: Vec<usize> = (0..self.points.len())
            .filter(|index| !self.journal.done.contains_key(index))
            .collect();
        if !left.is_empty() {
            let bar = progress.bar("cells", left.len());
            if self.plan.on_twin {
                self.on_twins(&left, &bar, progress.context()).await?;
            } else {
                self.on_unit(&left, &bar, progress).await?;
            }
        }
        Ok(Report::of(&self.plan, &self.journal.done))
    }

    /// Each cell on a twin of its own, as many at once as there are processors.
    async fn on_twins(&mut self, left: &[usize], bar: &Bar, context: &Context) -> Result<()> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let mut left = left.iter().copied();
        let mut running = JoinSet::new();
        loop {
            while running.len() < threads
                && !context.is_stopped()
                && let Some(index) = left.next()
            {
                let (plan, point) = (self.plan.clone(), self.points[index]);
                let handle = Handle::current();
                running.spawn_blocking(move || {
                    let cell = handle.block_on(twin_cell(&plan, point, index));
                    (index, cell)
                });
            }
            let Some(done) = running.join_next().await else {
                return Ok(());
            };
            let (index, cell) = done?;
            self.journal.add(index, cell?)?;
            bar.step();
        }
    }

    /// One cell after the other on the unit of the configuration, through its interlock.
    async fn on_unit(&mut self, left: &[usize], bar: &Bar, progress: &Progress) -> Result<()> {
        let plan = self.plan.clone();
        let session = Session {
            context: progress.context(),
            config: &plan.config,
            seed: plan.settings.seed,
            notices: progress,
        };
        let done = with_unit(session, async |unit| {
            for &index in left {
                let cell = unit_cell(&plan, self.points[index], index, unit).await?;
                self.journal.add(index, cell)?;
                bar.step();
            }
            Ok(())
        });
        match done.await {
            // The report of the finished cells follows.
            Err(error) if error.is::<Interrupted>() => Ok(()),
            done => done,
        }
    }
}

/// Seed of what chance does in a cell.
fn cell_seed(plan: &Plan, index: usize) -> u64 {
    let seed = plan.settings.seed.wrapping_mul(1_000_003);
    seed.wrapping_add(index as u64)
}

/// One cell on a twin that is warm at its point.
async fn twin_cell(plan: &Plan, point: Point, index: usize) -> Result<Cell> {
    let model = plan.config.unit.model;
    let base = &plan.params;
    let asked = operating_point(model, &point, base);
    let limits = Enforced::of(model.limits());
    // A twin is built for what no wire can set, but never beyond what the hardware takes.
    let voltage = asked.voltage.map_or(base.voltage_v, |v| v.0);
    let (slow, fast) = model.limits().frequency;
    if !(slow.0..=fast.0).contains(&point.frequency) {
        let why = format!("{} MHz is outside the model's limits", point.frequency);
        return Ok(Cell::not_run(point, why));
    }
    let (lowest, highest) = (base.voltage_min_v, base.voltage_max_v);
    if !(lowest - 1e-9..=highest + 1e-9).contains(&voltage) {
        let why =
            format!("{voltage:.3} V a chip is outside the model's {lowest:.3} to {highest:.3} V");
        return Ok(Cell::not_run(point, why));
    }
    let params = Params {
        frequency_mhz: point.frequency,
        voltage_v: voltage.clamp(lowest, highest),
        ..base.clone()
    };
    // The same unit in every cell, with chance of the cell's own.
    let seed = cell_seed(plan, index);
    let device = Device::warm(&params, plan.settings.seed).reseeded(seed);
    let mut twin = Twin::new(
        device,
        model,
        Discipline::Dialogue,
        model.switch_dead_time(),
        seed::stream(seed, "sweep"),
        Recorder::discard(),
    );
    let numbers = (
        f64::midpoint(params.switch_min_s, params.switch_max_s),
        seed,
    );
    let probe = Probe::new(&mut twin, point, &plan.settings, &limits, numbers);
    Ok(probe.measure().await?)
}

/// One cell on the unit, which is set to the cell's point.
async fn unit_cell(plan: &Plan, point: Point, index: usize, unit: &mut Unit) -> Result<Cell> {
    let point_of_unit = operating_point(plan.config.unit.model, &point, &plan.params);
    let applied = unit.set(point_of_unit).await?;
    if let Some(remark) = applied.remarks.first() {
        return Ok(Cell::not_run(point, remark.to_string()));
    }
    unit.connected().await?;
    let mut driven = unit.drive(Discipline::Dialogue, Recorder::discard())?;
    let cell = attempts(plan, point, index, (&unit.name, &mut driven)).await?;
    let cell = Cell {
        provenance: Some(driven.provenance()),
        ..cell
    };
    unit.release(driven).await?;
    Ok(cell)
}

/// Measures a cell. One with a gap in it is no measurement: it is measured again from its beginning.
async fn attempts(
    plan: &Plan,
    point: Point,
    index: usize,
    (unit, driven): (&str, &mut Driven),
) -> Result<Cell> {
    let model = plan.config.unit.model;
    let limits = Enforced::new(model.limits(), &plan.config.interlock)?;
    let numbers = (
        model.switch_dead_time().as_secs_f64(),
        cell_seed(plan, index),
    );
    for attempt in 1..=ATTEMPTS {
        settle(driven, &plan.config).await?;
        let probe = Probe::new(driven, point, &plan.settings, &limits, numbers);
        match probe.measure().await {
            Err(Stopped::Interrupted) if attempt < ATTEMPTS => {
                tracing::warn!(unit, "the connection broke; the cell is measured again");
            }
            Err(Stopped::Interrupted) => break,
            cell => return Ok(cell?),
        }
    }
    let why = format!("the unit's connection broke in each of {ATTEMPTS} attempts");
    Ok(Cell::not_run(point, why))
}

/// Operating point of a unit of `model`: the voltage of an S9 is named by the board, and set by the domain.
fn operating_point(model: Model, point: &Point, params: &Params) -> OperatingPoint {
    let domains = if model.entry().inputs.sweeps_board_voltage {
        params.columns as f64
    } else {
        1.0
    };
    OperatingPoint {
        frequency: Some(MegaHertz(point.frequency)),
        voltage: point.voltage.map(|v| Volts(v / domains)),
        ..OperatingPoint::UNCHANGED
    }
}

/// Full duty until the unit is as warm as its point makes it.
async fn settle(unit: &mut impl Substrate, config: &Config) -> Result<(), SubstrateError> {
    let hold = Duration::from_secs_f64(SETTLE_S / 10.0);
    let drive = Drive {
        word: 0,
        later: 0,
        difficulty: config.step.difficulty,
        duty: 1.0,
        point: OperatingPoint::UNCHANGED,
        pace: Pace {
            shares: 1,
            hold,
            timeout: 2 * hold,
        },
    };
    for _ in 0..10 {
        unit.step(&drive).await?;
    }
    Ok(())
}
