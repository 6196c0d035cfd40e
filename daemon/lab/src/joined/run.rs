//! Several units as one reservoir, from request to report.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::drive;
use super::members::plans;
use super::report::{Joined, Joining, Member};
use super::states;
use crate::config::Config;
use crate::experiment::judge::{self, Judged};
use crate::experiment::plan::Plan;
use crate::experiment::report_head::Head;
use crate::experiment::report_seeds::SeedsReport;
use crate::experiment::run::{head, problem, written};
use crate::experiment::task::Problem;
use crate::folder;
use crate::observer::Progress;
use crate::request::{Setup, Train};
use crate::threads::{computed, on_all_cores};

/// What a run of joined units has left.
#[derive(Debug)]
pub struct Report {
    /// The report of the first seed.
    pub first: Joined,
    /// What several seeds come to.
    pub seeds: Option<SeedsReport>,
    /// The folder with all reports.
    pub folder: PathBuf,
}

/// Carries out `request` on all of `units` at once, and judges their states together.
///
/// # Errors
/// If the request contradicts itself or the units, or a unit fails: then all have come to their safe end.
pub async fn run(
    request: &Train,
    setup: &Setup,
    units: &[Config],
    progress: &Progress,
) -> Result<Report> {
    let plans = plans(request, setup, units)?;
    let seed = request.seed.unwrap_or(1);
    let name = match plans.first() {
        Some(plan) => format!("{}-joined-seed{seed}", plan.task.name()),
        None => String::new(),
    };
    let folder = folder::make(setup.out.as_deref(), &name)?;
    let seeds = request.seeds.unwrap_or(1);
    let first = one(&plans, &folder_of(&folder, seed, seeds)?, progress).await?;
    if seeds == 1 {
        return Ok(Report {
            first,
            seeds: None,
            folder,
        });
    }
    let mut figures = vec![(seed, first.figures())];
    for seed in (seed + 1..).take(usize::try_from(seeds - 1)?) {
        let plan = |plan: &Plan| Plan {
            seed,
            ..plan.clone()
        };
        let plans: Vec<Plan> = plans.iter().map(plan).collect();
        let own = folder_of(&folder, seed, seeds)?;
        let report = one(&plans, &own, progress)
            .await
            .with_context(|| format!("seed {seed}"))?;
        figures.push((seed, report.figures()));
    }
    let what = format!("{}, {}", first.report.task, first.report.head.unit);
    let summary = SeedsReport::new(what, &figures);
    folder::write_json(&folder, "seeds.json", &summary)?;
    Ok(Report {
        first,
        seeds: Some(summary),
        folder,
    })
}

/// The folder of a seed, below that of all if there are several.
fn folder_of(folder: &Path, seed: u64, seeds: u64) -> Result<PathBuf> {
    let own = match seeds {
        1 => folder.to_path_buf(),
        _ => folder.join(format!("seed{seed}")),
    };
    std::fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
    Ok(own)
}

/// One seed: drives all units, judges each alone and all together, and writes all of it into `folder`.
async fn one(plans: &[Plan], folder: &Path, progress: &Progress) -> Result<Joined> {
    let Some(first) = plans.first() else {
        anyhow::bail!("no units to join");
    };
    let problem = problem(first)?;
    for plan in plans {
        let own = folder.join(&plan.config.unit.name);
        std::fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
    }
    let began = Instant::now();
    let driven = drive::all(plans, &problem, folder, progress);
    let runs = progress.context().on_notice(driven).await?;
    let wall_seconds = began.elapsed().as_secs_f64();
    let (plans, folder) = (plans.to_vec(), folder.to_path_buf());
    let work = move || {
        let runs = states::aligned(runs);
        let alone = on_all_cores(plans.len(), |i| alone(&plans[i], &problem, &runs[i]));
        let alone: Vec<Judged> = alone.into_iter().collect::<Result<_>>()?;
        let joined = states::judge(&plans, &problem, &runs, &alone)?;
        report(&plans, &problem, (joined, alone), &folder, wall_seconds)
    };
    computed(progress.context(), work).await
}

/// One unit, judged by itself.
fn alone(plan: &Plan, problem: &Problem, runs: &crate::experiment::arms::Runs) -> Result<Judged> {
    let name = || plan.config.unit.name.clone();
    let judged = judge::judge(plan, problem, runs).with_context(name)?;
    let first = judged.into_iter().next();
    first.context("the unit was not driven").with_context(name)
}

/// Writes states, readouts and reports, of all in `folder` and of each unit in its own below.
fn report(
    plans: &[Plan],
    problem: &Problem,
    (joined, alone): (Judged, Vec<Judged>),
    folder: &Path,
    wall_seconds: f64,
) -> Result<Joined> {
    let [first, ..] = plans else {
        anyhow::bail!("no units to join");
    };
    let names: Vec<String> = plans.iter().map(|p| p.config.unit.name.clone()).collect();
    let left_out = &joined.left_out;
    let rows = left_out.split(first.split).test_rows();
    let target = left_out.values(&problem.sequence.target);
    let score = |judged: &Judged| judged.arm.verdict.device.nrmse.value;
    let best = (plans.iter().zip(&alone)).min_by(|a, b| score(a.1).total_cmp(&score(b.1)));
    let (plan, best) = best.context("no units to join")?;
    let joining = Joining::of(
        &joined.arm.verdict,
        plans.len(),
        (
            &plan.config.unit.name,
            &best.arm.verdict.device,
            states::repeated(plan, problem, best, plans.len())?,
        ),
        (target.get(rows).unwrap_or_default(), first.seed),
    );
    let mut units = Vec::new();
    for (number, (plan, judged)) in plans.iter().zip(alone).enumerate() {
        let own = folder.join(&plan.config.unit.name);
        let head = head(plan, wall_seconds)?;
        let report = written(plan, problem, (vec![judged], &[]), &own, head)?;
        folder::write_json(&own, "report.json", &report)?;
        units.push(Member {
            model: plan.config.unit.model.to_string(),
            number,
            report,
        });
    }
    let hashes: Vec<&str> = units
        .iter()
        .map(|unit| unit.report.head.config_hash.as_str())
        .collect();
    let head = Head {
        unit: names.join(" + "),
        config_hash: hashes.join(" + "),
        ..head(first, wall_seconds)?
    };
    let report = written(first, problem, (vec![joined], &names), folder, head)?;
    let joined = Joined {
        report,
        joining,
        units,
    };
    folder::write_json(folder, "report.json", &joined)?;
    Ok(joined)
}
