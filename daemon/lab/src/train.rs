//! Training: drives a unit with a task's input, trains a readout on its states, and judges it beside its controls.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use thermine_reservoir::split::Split;
use thermine_units::model::Model;
use thermine_units::pow::Difficulty;

use crate::backend::Backend;
use crate::config::Config;
use crate::experiment::arms;
use crate::experiment::encoding::Encoding;
use crate::experiment::features::FeaturePlan;
use crate::experiment::plan::Plan;
use crate::experiment::presets::Preset;
use crate::experiment::recipe::Recipe;
use crate::experiment::report::{self, Series};
use crate::experiment::report_seeds::SeedsReport;
use crate::experiment::run;
use crate::experiment::steps::{DEFAULT_SPLIT, proportion};
use crate::experiment::task::Task;
use crate::folder;
use crate::observer::Progress;
use crate::request::{Setup, Train};
use thermine_capture::Capture;

/// Steps of the echo runs and without work, where a unit is simulated or real.
const ECHO_STEPS: usize = 200;
const OFF_STEPS: usize = 100;

/// What a training has left.
#[derive(Debug)]
pub struct Report {
    /// The report of the first seed.
    pub first: Option<report::Report>,
    /// What several seeds come to.
    pub seeds: Option<SeedsReport>,
    /// The folder with all reports.
    pub folder: PathBuf,
}

/// One seed's run, which has ended.
#[derive(Debug)]
pub struct Run {
    /// Scores or capacities of the run.
    pub report: report::Report,
    /// States, inputs and targets, step by step.
    pub series: Series,
    /// Its folder, in which its data is.
    pub folder: PathBuf,
}

/// Carries out `request` on what `setup` names. Each run is handed to `finished` when it has ended.
///
/// # Errors
/// If the request contradicts itself or the setup, a run fails, or `finished` does.
pub async fn run(
    request: &Train,
    setup: Setup,
    progress: &Progress,
    finished: &mut (dyn FnMut(&Run) -> Result<()> + Send),
) -> Result<Report> {
    let out = setup.out.clone();
    let plan = plan(request, setup)?;
    let seeds = request.seeds.unwrap_or(1);
    if seeds > 1 && plan.backend == Backend::Replay {
        bail!("--seeds is not for --backend replay: a capture holds one");
    }
    let name = format!("{}-seed{}", plan.task.name(), plan.seed);
    let folder = folder::make(out.as_deref(), &name)?;
    if seeds == 1 {
        let first = run_into(&plan, folder.clone(), progress, finished).await?;
        return Ok(Report {
            first: Some(first),
            seeds: None,
            folder,
        });
    }
    let (mut first, mut figures) = (None, Vec::new());
    for seed in (plan.seed..).take(usize::try_from(seeds)?) {
        let plan = Plan {
            seed,
            ..plan.clone()
        };
        let own = folder.join(format!("seed{seed}"));
        std::fs::create_dir_all(&own).with_context(|| format!("cannot make {}", own.display()))?;
        let report = run_into(&plan, own, progress, finished)
            .await
            .with_context(|| format!("seed {seed}"))?;
        figures.push((seed, report.figures()));
        first.get_or_insert(report);
    }
    let summary = SeedsReport::new(title(&plan), &figures);
    folder::write_json(&folder, "seeds.json", &summary)?;
    Ok(Report {
        first,
        seeds: Some(summary),
        folder,
    })
}

async fn run_into(
    plan: &Plan,
    folder: PathBuf,
    progress: &Progress,
    finished: &mut (dyn FnMut(&Run) -> Result<()> + Send),
) -> Result<report::Report> {
    let (report, series) = run::run(plan, &folder, progress).await?;
    let run = Run {
        report,
        series,
        folder,
    };
    finished(&run)?;
    Ok(run.report)
}

/// What several seeds of `plan` are about.
fn title(plan: &Plan) -> String {
    let arms: Vec<&str> = plan.encodings.iter().map(|e| e.name.as_str()).collect();
    format!(
        "{}, {} on {} by {}",
        plan.task.name(),
        arms.join(", "),
        plan.config.unit.name,
        plan.backend.substrate()
    )
}

/// Completes what `request` leaves open: from the capture for a replay, else from the defaults.
pub(crate) fn plan(request: &Train, setup: Setup) -> Result<Plan> {
    let plan = match (request.backend, &setup.capture) {
        (Backend::Replay, Some(path)) => replayed(request, &setup, path)?,
        (Backend::Replay, None) => bail!("--backend replay needs --capture"),
        (_, Some(_)) => bail!("--capture is for --backend replay only"),
        (_, None) => driven(request, setup)?,
    };
    check(&plan)?;
    Ok(plan)
}

/// A run that drives a unit or its twin.
fn driven(request: &Train, setup: Setup) -> Result<Plan> {
    let task = task(request, &setup)?;
    let store = setup.store.clone();
    let mut config = setup.config()?;
    step(&mut config, request)?;
    let twin = request.backend == Backend::Twin;
    if twin && config.unit.simulated.is_none() {
        bail!(
            "--backend twin is a simulation, but {} is not configured as a simulated unit",
            config.unit.name
        );
    }
    let model = config.unit.model;
    // Before a folder is made for a run that cannot be.
    let params = twin.then(|| arms::twin_params(&config)).transpose()?;
    if request.wall_meter && !twin {
        bail!("--wall-meter is for --backend twin: no meter at the wall is on any wire yet");
    }
    let encodings = encodings(request, &config)?;
    for encoding in &encodings {
        let checked = encoding.check(model, params.as_ref());
        checked.map_err(|what| anyhow::anyhow!("encoding {}: {what}", encoding.name))?;
    }
    let task = task.context(
        "name a task, for example `thermine train narma10`, or a file of your own with --data and --target",
    )?;
    let rows = match request.steps {
        Some(steps) => Some(steps),
        None => task.length()?,
    };
    Ok(Plan {
        task,
        backend: request.backend,
        features: features(request, FeaturePlan::of(model)),
        encodings,
        readouts: request.readouts.clone(),
        taps: request.taps,
        wall_meter: request.wall_meter,
        echo_steps: request.echo_steps.unwrap_or(ECHO_STEPS),
        off_steps: off_steps(request, model)?,
        seed: request.seed.unwrap_or(1),
        split: split(request, rows.map_or(DEFAULT_SPLIT, proportion)),
        capture: None,
        store,
        undriven: false,
        config,
    })
}

fn off_steps(request: &Train, model: Model) -> Result<usize> {
    match (request.off_steps, model.is_bare()) {
        (None | Some(0), true) => Ok(0),
        (Some(_), true) => {
            bail!("--off-steps: bare chips tell nothing of themselves without work")
        }
        (asked, false) => Ok(asked.unwrap_or(OFF_STEPS)),
    }
}

/// The task that is asked for, if one is.
fn task(request: &Train, setup: &Setup) -> Result<Option<Task>> {
    Ok(match (&request.data, request.task) {
        (Some(data), _) => Some(Task::Data {
            file: match &setup.data {
                Some(file) => file.clone(),
                None => PathBuf::from(&data.file),
            },
            input: data.input.clone(),
            targets: data.targets.clone(),
            hash: None,
            contents: Default::default(),
        }),
        (None, Some(named)) => Some(Task::Named(named)),
        (None, None) => None,
    })
}

/// A replay takes from its capture what the request leaves open.
fn replayed(request: &Train, setup: &Setup, path: &Path) -> Result<Plan> {
    if setup.config.is_some() {
        bail!(
            "--config is not for --backend replay: a capture holds the configuration that it was made with"
        );
    }
    let capture = Capture::open(path)?;
    let run = capture.run()?;
    let config: Option<Config> = toml::from_str(&run.config).ok();
    let recipe = config
        .as_ref()
        .and_then(|config| Recipe::read(&run.task, config));
    let task = task(request, setup)?;
    let (recipe, config, undriven) = match (recipe, config) {
        (Some(recipe), Some(config)) => {
            let task = task.unwrap_or(recipe.task);
            (Recipe { task, ..recipe }, config, false)
        }
        (None, Some(_)) if !is_foreign(&run.task) => bail!(
            "the capture {} was made by another version, whose task is not known here",
            path.display()
        ),
        _ => {
            let task = task.context(
                "name a task, for example `thermine train narma10`, or a file of your own with --data and --target",
            )?;
            let config = Config::simulated(setup.model)?;
            (foreign(task, &capture, &config)?, config, true)
        }
    };
    Ok(Plan {
        task: recipe.task,
        backend: Backend::Replay,
        features: features(request, recipe.features),
        encodings: recipe.encodings,
        readouts: request.readouts.clone(),
        taps: request.taps.max(recipe.taps),
        wall_meter: recipe.wall_meter,
        echo_steps: recipe.echo_steps,
        off_steps: recipe.off_steps,
        seed: request.seed.unwrap_or(run.seed),
        split: split(request, request.steps.map_or(recipe.split, proportion)),
        capture: Some(path.to_path_buf()),
        store: None,
        undriven,
        config,
    })
}

/// What a capture of another program is judged by: as many steps as there are, in the usual proportion.
fn foreign(task: Task, capture: &Capture, config: &Config) -> Result<Recipe> {
    let streams = capture.streams()?;
    let steps = streams.iter().map(|s| s.jobs).max().unwrap_or(0);
    let model = config.unit.model;
    let mut encodings = Encoding::of(Preset::Paper, model, &config.step);
    encodings.truncate(1);
    Ok(Recipe {
        task,
        split: proportion(usize::try_from(steps)?),
        encodings,
        features: FeaturePlan::of(model),
        taps: 0,
        wall_meter: false,
        echo_steps: 0,
        off_steps: 0,
    })
}

/// Whether a capture's task is not of this program.
pub(crate) fn is_foreign(task: &serde_json::Value) -> bool {
    task.get("split").is_none()
}

fn check(plan: &Plan) -> Result<()> {
    plan.split.check(plan.split.total())?;
    if let Some(rows) = plan.task.length()? {
        plan.split.check(rows)?;
    }
    if plan.features.history == 0 || plan.features.history > plan.split.washout.max(1) {
        bail!(
            "--history {}: must be at least 1, and no longer than the {} washout steps",
            plan.features.history,
            plan.split.washout
        );
    }
    if plan.taps > plan.split.washout {
        bail!(
            "--taps {}: more than the {} washout steps, so that the first would be unknown",
            plan.taps,
            plan.split.washout
        );
    }
    Ok(())
}

fn split(request: &Train, default: Split) -> Split {
    Split {
        washout: request.washout.unwrap_or(default.washout),
        train: request.train.unwrap_or(default.train),
        test: request.test.unwrap_or(default.test),
    }
}

/// The step as configured, with what the request changes.
fn step(config: &mut Config, request: &Train) -> Result<()> {
    let step = &mut config.step;
    step.hold_seconds = request.hold.unwrap_or(step.hold_seconds);
    step.shares = request.shares.unwrap_or(step.shares);
    if let Some(difficulty) = request.difficulty {
        step.difficulty = Difficulty::new(difficulty)?;
    }
    step.timeout_seconds = step.timeout_seconds.max(2.0 * step.hold_seconds);
    config.check(Path::new("the request"))?;
    Ok(())
}

fn encodings(request: &Train, config: &Config) -> Result<Vec<Encoding>> {
    let mut encodings = if request.encode.is_empty() {
        Encoding::of(request.encoding, config.unit.model, &config.step)
    } else {
        vec![Encoding::new("custom", request.encode.clone())]
    };
    for encoding in &mut encodings {
        encoding.nodes = request.nodes;
        encoding.mask = request.mask;
    }
    Ok(encodings)
}

fn features(request: &Train, default: FeaturePlan) -> FeaturePlan {
    FeaturePlan {
        groups: if request.features.is_empty() {
            default.groups
        } else {
            request.features.clone()
        },
        history: request.history.unwrap_or(default.history),
        average: request.average || default.average,
        high_pass: request.high_pass.or(default.high_pass),
    }
}
