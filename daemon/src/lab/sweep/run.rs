//! The cells of a sweep: twins on all processors, or one unit from point to point.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Result, anyhow};
use thermine_drivers::interlock::Enforced;
use thermine_lab::substrate::{Discipline, Drive, Pace, Substrate, Twin};
use thermine_sim::device::Device;
use thermine_sim::params::Params;
use thermine_units::model::Model;
use thermine_units::quantity::{MegaHertz, Volts};
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;

use super::Plan;
use super::cell::{Cell, Probe, Stopped};
use super::grid::Point;
use super::journal::Journal;
use crate::lab::attach::Unit;
use crate::lab::observer::{Bar, Progress};
use crate::lab::session::{Context, Interrupted, Session, with_unit};
use crate::runtime;

/// Time that a unit on its wire is given to become as warm as a new point makes it, s.
const SETTLE_S: f64 = 300.0;

/// Runs the cells that are not in `journal` yet, and returns when all are, or the user interrupts.
pub(super) fn cells(
    plan: &Plan,
    points: &[Point],
    journal: &mut Journal,
    progress: &Progress,
) -> Result<()> {
    let left: Vec<usize> = (0..points.len())
        .filter(|index| !journal.done.contains_key(index))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    let bar = progress.bar("cells", left.len());
    let context = progress.context();
    if plan.on_twin {
        let _heeding = context.heed();
        return on_twins(plan, points, &left, journal, &bar, context);
    }
    let driven = on_unit(plan, points, &left, journal, (&bar, progress));
    runtime::run(context, driven)?
}

/// Attempts at a cell during which the unit's connection breaks.
const ATTEMPTS: u32 = 3;

/// Each cell on a twin of its own, as many at once as there are processors.
fn on_twins(
    plan: &Plan,
    points: &[Point],
    left: &[usize],
    journal: &mut Journal,
    bar: &Bar,
    context: &Context,
) -> Result<()> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let journal = Mutex::new(journal);
    std::thread::scope(|scope| {
        let work = || -> Result<()> {
            while !context.is_stopped() {
                let Some(&index) = left.get(next.fetch_add(1, Ordering::Relaxed)) else {
                    break;
                };
                let cell = twin_cell(plan, points[index], index)?;
                let mut journal = journal
                    .lock()
                    .map_err(|_| anyhow!("another cell has failed"))?;
                journal.add(index, cell)?;
                bar.step();
            }
            Ok(())
        };
        let running: Vec<_> = (0..threads.min(left.len()))
            .map(|_| scope.spawn(work))
            .collect();
        for thread in running {
            thread
                .join()
                .map_err(|_| anyhow!("a cell has failed: its thread ended"))??;
        }
        Ok(())
    })
}

/// One cell on a twin that is warm at its point.
fn twin_cell(plan: &Plan, point: Point, index: usize) -> Result<Cell> {
    let model = plan.config.unit.model;
    let base = &plan.params;
    let asked = operating_point(model, &point, base);
    let limits = Enforced::of(model.limits());
    // What no wire can set a twin is built with, but never beyond what its hardware takes.
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
    // The same unit in every cell; what chance does to it is the cell's own.
    let cell_seed = plan
        .settings
        .seed
        .wrapping_mul(1_000_003)
        .wrapping_add(index as u64);
    let device = Device::warm(&params, plan.settings.seed).reseeded(cell_seed);
    let mut twin = Twin::new(
        device,
        model,
        Discipline::Dialogue,
        model.switch_dead_time(),
        seed::stream(cell_seed, "sweep"),
        Recorder::discard(),
    );
    let dead_time = f64::midpoint(params.switch_min_s, params.switch_max_s);
    let probe = Probe::new(
        &mut twin,
        point,
        &plan.settings,
        &limits,
        (dead_time, cell_seed),
    );
    Ok(runtime::run_here(probe.measure())??)
}

/// Where a unit of `model` is to run: the voltage of some models is named by the board, and set by the domain.
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

/// One cell after the other on the unit of the configuration, through its interlock.
async fn on_unit(
    plan: &Plan,
    points: &[Point],
    left: &[usize],
    journal: &mut Journal,
    (bar, progress): (&Bar, &Progress),
) -> Result<()> {
    let session = Session {
        context: progress.context(),
        config: &plan.config,
        seed: plan.settings.seed,
        notices: progress,
    };
    let done = with_unit(session, async |unit| {
        unit_cells(plan, points, left, journal, unit, bar).await
    });
    match done.await {
        // The report of the finished cells follows.
        Err(error) if error.is::<Interrupted>() => Ok(()),
        done => done,
    }
}

async fn unit_cells(
    plan: &Plan,
    points: &[Point],
    left: &[usize],
    journal: &mut Journal,
    unit: &mut Unit,
    bar: &Bar,
) -> Result<()> {
    let model = plan.config.unit.model;
    let limits = Enforced::new(model.limits(), &plan.config.interlock)?;
    for &index in left {
        let point = points[index];
        let applied = unit
            .set(operating_point(model, &point, &plan.params))
            .await?;
        if let Some(remark) = applied.remarks.first() {
            journal.add(index, Cell::not_run(point, remark.to_string()))?;
            bar.step();
            continue;
        }
        unit.connected().await?;
        let mut driven = unit.drive(Discipline::Dialogue, Recorder::discard())?;
        let seed = plan
            .settings
            .seed
            .wrapping_mul(1_000_003)
            .wrapping_add(index as u64);
        let dead_time = model.switch_dead_time().as_secs_f64();
        let mut left = ATTEMPTS;
        let cell = loop {
            left -= 1;
            settle(&mut driven, &plan.config).await?;
            let numbers = (dead_time, seed);
            let cell = Probe::new(&mut driven, point, &plan.settings, &limits, numbers)
                .measure()
                .await;
            match cell {
                // A cell with a gap in it is no measurement: it is measured again from its beginning.
                Err(Stopped::Interrupted) if left > 0 => {
                    tracing::warn!(
                        unit = unit.name,
                        "the connection broke; the cell is measured again"
                    );
                }
                Err(Stopped::Interrupted) => {
                    let why = format!("the unit's connection broke in each of {ATTEMPTS} attempts");
                    break Cell::not_run(point, why);
                }
                cell => break cell?,
            }
        };
        let cell = Cell {
            provenance: Some(driven.provenance()),
            ..cell
        };
        journal.add(index, cell)?;
        unit.release(driven).await?;
        bar.step();
    }
    Ok(())
}

/// Full duty until the unit is as warm as its point makes it.
async fn settle(
    unit: &mut impl Substrate,
    config: &crate::lab::config::Config,
) -> Result<(), thermine_lab::substrate::SubstrateError> {
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
