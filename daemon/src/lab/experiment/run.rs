//! One run from plan to report: drive, record, judge, write.

use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::arms::{self, Runs};
use super::judge::{self, Judged};
use super::recipe::Recipe;
use super::task::{Named, Problem, Task};
use super::{Kind, Plan, saved};
use crate::causes::{ending, kept};
use crate::lab::config::Simulated;
use crate::lab::observer::Progress;
use crate::render::capacity::CapacityReport;
use crate::render::folder;
use crate::render::run::RunReport;
use crate::runtime;
use thermine_capture::{RunMeta, Store};

/// Name of the capture in the report folder.
pub(crate) const CAPTURE: &str = "capture.sqlite";

/// What a run has to say.
#[derive(Debug)]
pub(crate) enum Report {
    /// Of a task.
    Scores(Box<RunReport>),
    /// Of a capacity.
    Capacity(Box<CapacityReport>),
}

impl Report {
    /// As text.
    pub(crate) fn render(&self) -> String {
        match self {
            Report::Scores(report) => report.render(),
            Report::Capacity(report) => report.render(),
        }
    }

    /// Its figures by name, for the same over several seeds.
    pub(crate) fn figures(&self) -> Vec<(String, f64)> {
        match self {
            Report::Scores(report) => report.figures(),
            Report::Capacity(report) => report.figures(),
        }
    }
}

/// Carries `plan` out and writes its report into `folder`, which is empty.
///
/// # Errors
/// If it cannot be driven or judged; what was recorded until then is in the folder.
pub(crate) fn run(plan: &Plan, folder: &Path, progress: &Progress) -> Result<Report> {
    let problem = problem(plan)?;
    let began = Instant::now();
    let recorded = record(plan, &problem, folder, progress);
    let runs = runtime::run(progress.context(), recorded)??;
    let wall_seconds = began.elapsed().as_secs_f64();
    if plan.task.is_capacity() {
        let full = plan.task == Task::Named(Named::ProcessingCapacity);
        let report =
            CapacityReport::measure(plan, &problem, &runs, full, head(plan, wall_seconds)?)?;
        report.write(folder)?;
        return Ok(Report::Capacity(Box::new(report)));
    }
    let judged = judge::judge(plan, &problem, &runs)?;
    let report = written(plan, &problem, &runs, judged, folder, wall_seconds)?;
    Ok(Report::Scores(Box::new(report)))
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

/// The task of `plan`, as long as its steps.
pub(crate) fn problem(plan: &Plan) -> Result<Problem> {
    let known = plan.split.washout + plan.split.train;
    let problem = plan.task.problem(plan.split.total(), known, plan.seed)?;
    plan.task.check(&problem, &plan.split)?;
    Ok(problem)
}

/// Drives the substrate through every part and records what happens in the folder's capture.
async fn record(
    plan: &Plan,
    problem: &Problem,
    folder: &Path,
    progress: &Progress,
) -> Result<Runs> {
    if plan.kind == Kind::Replay {
        let replayed = arms::replay(plan, problem, progress);
        return progress.context().unless_stopped(replayed).await;
    }
    let (config, config_hash) = plan.config.fingerprint()?;
    let recipe = Recipe {
        task: plan.task.pinned()?,
        ..Recipe::of(plan)
    };
    let meta = RunMeta {
        seed: plan.seed,
        config,
        config_hash,
        task: serde_json::to_value(recipe)?,
        provenance: plan.config.provenance(plan.kind == Kind::Twin),
    };
    let capture = match &plan.store {
        Some(store) => store.clone(),
        None => folder.join(CAPTURE),
    };
    let store = Store::create(&capture, &meta)?;
    let capture = store.path().to_path_buf();
    if plan.store.is_some() {
        progress.say(&format!("recorded to {}", capture.display()));
    }
    let runs = match plan.kind {
        Kind::Twin => {
            let twins = arms::twins(plan, problem, Some(&store), progress);
            progress.context().unless_stopped(twins).await
        }
        _ => arms::on_wires(plan, problem, &store, progress).await,
    };
    // Whatever happened, what is recorded stays readable, and says how the run ended.
    let state = ending(&runs);
    let finished = tokio::task::spawn_blocking(move || store.finish(&state)).await?;
    let runs = runs.map_err(|error| kept(error, &capture))?;
    finished?;
    Ok(runs)
}

/// What stands at the head of a report.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Head {
    /// Version of the program.
    pub version: &'static str,
    /// The unit.
    pub unit: String,
    /// What was driven: `handshake`, `twin` or `replay`.
    pub substrate: &'static str,
    /// Which time the steps were taken in.
    pub time: String,
    /// Seed of input, simulated unit and statistics.
    pub seed: u64,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub config_hash: String,
    /// Wall time of the driving, in seconds.
    pub wall_seconds: f64,
}

fn head(plan: &Plan, wall_seconds: f64) -> Result<Head> {
    Ok(Head {
        version: env!("CARGO_PKG_VERSION"),
        unit: plan.config.unit.name.clone(),
        substrate: plan.kind.name(),
        time: time(plan),
        seed: plan.seed,
        config_hash: plan.config.fingerprint()?.1,
        wall_seconds,
    })
}

/// Which time the steps of a run are taken in.
fn time(plan: &Plan) -> String {
    match (plan.kind, &plan.config.unit.simulated) {
        (Kind::Replay, _) => "time as recorded".into(),
        (Kind::Handshake, None) => "wall time".into(),
        (
            Kind::Handshake,
            Some(Simulated {
                speed: Some(speed), ..
            }),
        ) => {
            format!("{speed} × wall time")
        }
        _ => "virtual time".into(),
    }
}

/// Writes the report folder.
fn written(
    plan: &Plan,
    problem: &Problem,
    runs: &Runs,
    judged: Vec<Judged>,
    folder: &Path,
    wall_seconds: f64,
) -> Result<RunReport> {
    let sequence = &problem.sequence;
    for judged in &judged {
        folder::write_states(
            folder,
            &judged.arm.name,
            &sequence.input,
            &sequence.target,
            (&judged.encoded, &judged.states),
            (plan.split, &judged.left_out),
            &judged.arm.verdict.device.predictions,
        )?;
        saved::write(plan, problem, judged, folder)?;
    }
    let left_out = judged
        .first()
        .map(|judged| judged.left_out.clone())
        .unwrap_or_default();
    let report = RunReport {
        head: head(plan, wall_seconds)?,
        task: problem.name.clone(),
        is_narma10: plan.task == Task::Named(Named::Narma10),
        split: plan.split,
        rejected_draws: sequence.rejected_draws,
        arms: judged.into_iter().map(|judged| judged.arm).collect(),
    };
    folder::write_report(folder, &report)?;
    let Some(arm) = report.arms.first() else {
        return Ok(report);
    };
    let unit = &report.head.unit;
    let rows = left_out.split(plan.split).test_rows();
    folder::plot_predictions(
        folder,
        &format!(
            "{}, {} on {unit} ({})",
            problem.name, arm.name, arm.provenance
        ),
        rows.start,
        &left_out.values(&sequence.target)[rows],
        &arm.verdict.device.predictions,
        &arm.verdict.device.nrmse,
    )?;
    let waits: Vec<(&str, &[f64])> = runs
        .arms
        .iter()
        .map(|trace| (trace.encoding.name.as_str(), trace.waits_ms.as_slice()))
        .collect();
    let title = format!("Δt on {unit} ({})", arm.provenance);
    folder::plot_waits(folder, &title, &waits)?;
    Ok(report)
}
