//! One run from plan to report: drive, record, judge, write the data.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::arms::{self, Runs};
use super::judge::{self, Judged};
use super::plan::Plan;
use super::prediction::Registered;
use super::recipe::Recipe;
use super::report::{Report, Series};
use super::report_capacity::CapacityReport;
use super::report_head::Head;
use super::report_scores::{Beside, RunReport};
use super::states_file::{self, Rows};
use super::task::{Named, Problem, Task};
use super::{kept, saved};
use crate::backend::Backend;
use crate::config::Simulated;
use crate::folder;
use crate::observer::Progress;
use crate::recording::{CAPTURE, Captured, run_meta, with_capture};

/// Carries `plan` out and writes its data into `folder`, which has none yet: capture, states, readouts and report, in
/// which `beside` stands too.
///
/// # Errors
/// If it cannot be driven or judged; what was recorded until then is in the folder.
pub(crate) async fn run(
    plan: &Plan,
    folder: &Path,
    beside: Beside,
    progress: &Progress,
) -> Result<(Report, Series)> {
    let problem = problem(plan)?;
    let began = Instant::now();
    let recorded = record(plan, &problem, folder, progress);
    let runs = progress.context().on_notice(recorded).await?;
    let head = head(plan, began.elapsed().as_secs_f64())?;
    let (mut report, series) = if plan.task.is_capacity() {
        let full = plan.task == Task::Named(Named::ProcessingCapacity);
        write_driven(plan, &problem, &runs, folder)?;
        let report = CapacityReport::measure(plan, &problem, &runs, full, head)?;
        (Report::Capacity(Box::new(report)), Series::default())
    } else {
        scored(plan, &problem, runs, folder, head)?
    };
    if let Report::Scores(report) = &mut report {
        report.product = beside.product;
        report.sensitivity = beside.sensitivity;
        report.registration = beside.registered.and_then(|one| kept::kept(one, report));
    }
    folder::write_json(folder, "report.json", &report)?;
    Ok((report, series))
}

/// Drives twins through `plan`, which asks for them, and judges their states; nothing is recorded or written.
///
/// # Errors
/// As [`run`].
pub(crate) async fn on_twins(plan: &Plan, progress: &Progress) -> Result<Vec<Judged>> {
    let problem = problem(plan)?;
    let runs = arms::twins(plan, &problem, None, progress).await?;
    judge::judge(plan, &problem, &runs)
}

/// Judges the capture of `plan`, which replays one, against what was registered; nothing is written.
///
/// # Errors
/// As [`run`].
pub(crate) async fn again(
    plan: &Plan,
    registered: Registered,
    progress: &Progress,
) -> Result<RunReport> {
    let problem = problem(plan)?;
    let replayed = arms::replay(plan, &problem, progress);
    let runs = progress.context().unless_stopped(replayed).await?;
    let judged = judge::judge(plan, &problem, &runs)?;
    let mut report = report_of(plan, &problem, judged, head(plan, 0.0)?);
    report.registration = kept::kept(registered, &report);
    Ok(report)
}

/// The task of `plan`, as long as its steps.
pub(crate) fn problem(plan: &Plan) -> Result<Problem> {
    let known = plan.split.washout + plan.split.train;
    let problem = plan.task.problem(plan.split.total(), known, plan.seed)?;
    plan.task.check(&problem, &plan.split)?;
    Ok(problem)
}

/// Drives the substrate through every part and records what happens in the folder's capture.
///
/// # Errors
/// If it cannot be driven; what was recorded until then is in the folder.
pub(crate) async fn record(
    plan: &Plan,
    problem: &Problem,
    folder: &Path,
    progress: &Progress,
) -> Result<Runs> {
    if plan.backend == Backend::Replay {
        let replayed = arms::replay(plan, problem, progress);
        return progress.context().unless_stopped(replayed).await;
    }
    let place = match &plan.store {
        Some(store) => store.clone(),
        None => folder.join(CAPTURE),
    };
    let recipe = Recipe {
        task: plan.task.pinned()?,
        ..Recipe::of(plan)
    };
    let task = serde_json::to_value(recipe)?;
    let meta = run_meta(&plan.config, plan.backend, plan.seed, task)?;
    let Captured { found, .. } = with_capture(&meta, &place, async |store| {
        if plan.store.is_some() {
            progress.say(&format!("recorded to {}", store.path().display()));
        }
        match plan.backend {
            Backend::Twin => {
                let twins = arms::twins(plan, problem, Some(store), progress);
                progress.context().unless_stopped(twins).await
            }
            _ => arms::on_wires(plan, problem, store, progress).await,
        }
    })
    .await?;
    Ok(found)
}

pub(crate) fn head(plan: &Plan, wall_seconds: f64) -> Result<Head> {
    Ok(Head {
        version: env!("CARGO_PKG_VERSION"),
        unit: plan.config.unit.name.clone(),
        substrate: plan.backend.substrate(),
        time: time(plan),
        seed: plan.seed,
        config_hash: plan.config.fingerprint()?.1,
        wall_seconds,
    })
}

/// Which time the steps of a run are taken in.
fn time(plan: &Plan) -> String {
    match (plan.backend, &plan.config.unit.simulated) {
        (Backend::Replay, _) => "time as recorded".into(),
        (Backend::Wire, None) => "wall time".into(),
        (
            Backend::Wire,
            Some(Simulated {
                speed: Some(speed), ..
            }),
        ) => format!("{speed} × wall time"),
        _ => "virtual time".into(),
    }
}

/// Writes the states of every arm of `runs`, which nothing was trained on, into the folder.
fn write_driven(plan: &Plan, problem: &Problem, runs: &Runs, folder: &Path) -> Result<()> {
    for trace in &runs.arms {
        let rows = Rows {
            name: &trace.encoding.name,
            encoded: &trace.encoded_states(&plan.features)?,
            states: &trace.states(&plan.features)?.0,
            left_out: &trace.left_out(&plan.features, plan.taps),
            predictions: None,
        };
        states_file::write(folder, problem, plan.split, &rows)?;
    }
    Ok(())
}

/// Judges the states of `runs`, and writes them and their readouts into the folder.
fn scored(
    plan: &Plan,
    problem: &Problem,
    runs: Runs,
    folder: &Path,
    head: Head,
) -> Result<(Report, Series)> {
    let judged = judge::judge(plan, problem, &runs)?;
    let left_out = judged.first().map(|judged| judged.left_out.clone());
    let left_out = left_out.unwrap_or_default();
    let rows = left_out.split(plan.split).test_rows();
    let target = left_out.values(&problem.sequence.target);
    let series = Series {
        first_test_step: rows.start,
        target: target.get(rows).unwrap_or_default().to_vec(),
        waits_ms: (runs.arms.into_iter())
            .map(|trace| (trace.encoding.name, trace.waits_ms))
            .collect(),
    };
    let report = written(plan, problem, (judged, &[]), folder, head)?;
    Ok((Report::Scores(Box::new(report)), series))
}

/// Writes what was `judged`, of one unit or of those that are `joined`, into the folder, states and readouts, and gives
/// the report of it.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn written(
    plan: &Plan,
    problem: &Problem,
    (judged, joined): (Vec<Judged>, &[String]),
    folder: &Path,
    head: Head,
) -> Result<RunReport> {
    for judged in &judged {
        let rows = Rows {
            name: &judged.arm.name,
            encoded: &judged.encoded,
            states: &judged.states,
            left_out: &judged.left_out,
            predictions: Some(&judged.arm.verdict.device.predictions),
        };
        states_file::write(folder, problem, plan.split, &rows)?;
        saved::write(plan, problem, (judged, joined), folder)?;
    }
    Ok(report_of(plan, problem, judged, head))
}

fn report_of(plan: &Plan, problem: &Problem, judged: Vec<Judged>, head: Head) -> RunReport {
    RunReport {
        head,
        task: problem.name.clone(),
        is_narma10: plan.task == Task::Named(Named::Narma10),
        split: plan.split,
        rejected_draws: problem.sequence.rejected_draws,
        arms: judged.into_iter().map(|judged| judged.arm).collect(),
        product: None,
        sensitivity: None,
        registration: None,
    }
}
