//! `thermine train`: drives a unit with a task's input, trains a readout on its states, and judges it beside its
//! controls.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use thermine_reservoir::split::Split;

use crate::cli;
use crate::lab::config::Config;
use crate::lab::experiment::encoding::Encoding;
use crate::lab::experiment::features::FeaturePlan;
use crate::lab::experiment::presets::Preset;
use crate::lab::experiment::recipe::Recipe;
use crate::lab::experiment::run::{self, Report};
use crate::lab::experiment::{Kind, Plan, arms};
use crate::lab::observer::Progress;
use crate::lab::session::Context;
use crate::render::folder;
use crate::render::seeds::SeedsReport;
use crate::render::stdout;
use thermine_capture::Capture;

/// The protocol of the literature: seeds and comparisons elsewhere rest on it.
pub(crate) const DEFAULT_SPLIT: Split = Split {
    washout: 200,
    train: 2_000,
    test: 1_000,
};

/// Steps of the echo runs and without work, where a unit is simulated or real.
const ECHO_STEPS: usize = 200;
const OFF_STEPS: usize = 100;

/// Most seeds of one command.
pub(crate) const MOST_SEEDS: u64 = 1000;

/// Runs the subcommand.
pub(crate) fn run(args: &cli::Train, context: &Context) -> Result<()> {
    let done = carry_out(args, &crate::render::progress::shown(context))?;
    stdout::text(done.said)?;
    stdout::line(done.folder.display())?;
    Ok(())
}

/// What a training run has left.
pub(crate) struct Done {
    /// What is to be said.
    pub(crate) said: String,
    /// The first report.
    pub(crate) first: Option<Report>,
    /// The folder with all of them.
    pub(crate) folder: PathBuf,
}

/// Carries out what `args` ask for.
pub(crate) fn carry_out(args: &cli::Train, progress: &Progress) -> Result<Done> {
    let plan = plan(args)?;
    let seeds = args.seeds.unwrap_or(1);
    if seeds > 1 && plan.kind == Kind::Replay {
        bail!("--seeds is not for --substrate replay: a capture holds one");
    }
    let name = format!("{}-seed{}", plan.task.name(), plan.seed);
    let folder = folder::make(args.out.as_deref(), &name)?;
    if seeds == 1 {
        let report = run::run(&plan, &folder, progress)?;
        return Ok(Done {
            said: report.render(),
            first: Some(report),
            folder,
        });
    }
    let (reports, summary) = over_seeds(&plan, seeds, &folder, progress)?;
    let first = reports.into_iter().next();
    let said = first.as_ref().map_or(String::new(), Report::render) + &summary.render();
    Ok(Done {
        said,
        first,
        folder,
    })
}

/// The same plan with `seeds` seeds from its own on, each in a folder of its own, and what they come to.
pub(crate) fn over_seeds(
    plan: &Plan,
    seeds: u64,
    out: &Path,
    progress: &Progress,
) -> Result<(Vec<Report>, SeedsReport)> {
    let mut reports = Vec::new();
    let mut figures = Vec::new();
    for seed in (plan.seed..).take(usize::try_from(seeds)?) {
        let plan = Plan {
            seed,
            ..plan.clone()
        };
        let folder = out.join(format!("seed{seed}"));
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make {}", folder.display()))?;
        let report = run::run(&plan, &folder, progress).with_context(|| format!("seed {seed}"))?;
        figures.push((seed, report.figures()));
        reports.push(report);
    }
    let arms: Vec<&str> = plan.encodings.iter().map(|e| e.name.as_str()).collect();
    let what = format!(
        "{}, {} on {} by {}",
        plan.task.name(),
        arms.join(", "),
        plan.config.unit.name,
        plan.kind.name()
    );
    let summary = SeedsReport::new(what, &figures);
    folder::write_json(out, "seeds.json", &summary)?;
    Ok((reports, summary))
}

/// Completes what the command line leaves open: from the capture for a replay, else from the defaults.
pub(crate) fn plan(args: &cli::Train) -> Result<Plan> {
    if args.capture.is_some() && args.substrate != Kind::Replay {
        bail!("--capture is for --substrate replay only");
    }
    if let (Kind::Replay, Some(path)) = (args.substrate, &args.capture) {
        return replayed(args, path);
    }
    let mut config = match &args.config {
        Some(path) => Config::load(path)?,
        None => Config::simulated(args.unit.model())?,
    };
    step(&mut config, args)?;
    let twin = args.substrate == Kind::Twin;
    if twin && config.unit.simulated.is_none() {
        bail!(
            "--substrate twin is a simulation, but {} is not configured as a simulated unit",
            config.unit.name
        );
    }
    let model = config.unit.model;
    // Before a folder is made for a run that cannot be.
    let params = if twin {
        Some(arms::twin_params(&config)?)
    } else {
        None
    };
    if args.wall_meter && !twin {
        bail!("--wall-meter is for --substrate twin: no meter at the wall is on any wire yet");
    }
    let off_steps = match (args.off_steps, model.is_bare()) {
        (None | Some(0), true) => 0,
        (Some(_), true) => {
            bail!("--off-steps: bare chips tell nothing of themselves without work")
        }
        (asked, false) => asked.unwrap_or(OFF_STEPS),
    };
    let encodings = encodings(args, &config)?;
    for encoding in &encodings {
        let checked = encoding.check(model, params.as_ref());
        checked.map_err(|what| anyhow::anyhow!("encoding {}: {what}", encoding.name))?;
    }
    let task = args.task()?;
    let defaults = match args
        .steps
        .map_or_else(|| task.length(), |steps| Ok(Some(steps)))?
    {
        None => DEFAULT_SPLIT,
        Some(rows) => proportion(rows),
    };
    let plan = Plan {
        task,
        kind: args.substrate,
        features: features(args, FeaturePlan::of(model)),
        encodings,
        readouts: args.readout.clone(),
        taps: args.taps,
        wall_meter: args.wall_meter,
        echo_steps: args.echo_steps.unwrap_or(ECHO_STEPS),
        off_steps,
        seed: args.seed.unwrap_or(1),
        split: split(args, defaults),
        capture: None,
        store: args.store.clone(),
        undriven: false,
        config,
    };
    check(&plan)?;
    Ok(plan)
}

/// A replay takes from its capture what the command line leaves open.
fn replayed(args: &cli::Train, path: &Path) -> Result<Plan> {
    if args.config.is_some() {
        bail!(
            "--config is not for --substrate replay: a capture holds the configuration that it was made with"
        );
    }
    let capture = Capture::open(path)?;
    let run = capture.run()?;
    let config: Option<Config> = toml::from_str(&run.config).ok();
    let recipe = config
        .as_ref()
        .and_then(|config| Recipe::read(&run.task, config));
    let plan = match (recipe, config) {
        (Some(recipe), Some(config)) => Plan {
            kind: Kind::Replay,
            features: features(args, recipe.features),
            task: match args.named_task() {
                true => args.task()?,
                false => recipe.task,
            },
            encodings: recipe.encodings,
            readouts: args.readout.clone(),
            taps: args.taps.max(recipe.taps),
            wall_meter: recipe.wall_meter,
            echo_steps: recipe.echo_steps,
            off_steps: recipe.off_steps,
            seed: args.seed.unwrap_or(run.seed),
            split: split(args, args.steps.map_or(recipe.split, proportion)),
            capture: Some(path.to_path_buf()),
            store: None,
            undriven: false,
            config,
        },
        (None, Some(_)) if !is_foreign(&run.task) => bail!(
            "the capture {} was made by another version, whose task is not known here",
            path.display()
        ),
        _ => {
            // Recorded by another program: as many steps as there are, in the usual proportion.
            let streams = capture.streams()?;
            let steps = streams.iter().map(|s| s.jobs).max().unwrap_or(0);
            let config = Config::simulated(args.unit.model())?;
            let model = config.unit.model;
            let mut encodings = Encoding::of(Preset::Paper, model, &config.step);
            encodings.truncate(1);
            Plan {
                task: args.task()?,
                kind: Kind::Replay,
                encodings,
                features: features(args, FeaturePlan::of(model)),
                readouts: args.readout.clone(),
                taps: args.taps,
                wall_meter: false,
                echo_steps: 0,
                off_steps: 0,
                seed: args.seed.unwrap_or(run.seed),
                split: split(
                    args,
                    proportion(args.steps.unwrap_or(usize::try_from(steps)?)),
                ),
                capture: Some(path.to_path_buf()),
                store: None,
                undriven: true,
                config,
            }
        }
    };
    check(&plan)?;
    Ok(plan)
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

/// The washout, training and test steps of a record of `rows`, in the usual proportion.
pub(crate) fn proportion(rows: usize) -> Split {
    let washout = rows / 16;
    let test = (rows - washout) / 3;
    Split {
        washout,
        train: rows - washout - test,
        test,
    }
}

fn split(args: &cli::Train, default: Split) -> Split {
    Split {
        washout: args.washout.unwrap_or(default.washout),
        train: args.train.unwrap_or(default.train),
        test: args.test.unwrap_or(default.test),
    }
}

/// The step as configured, with what the command line changes.
fn step(config: &mut Config, args: &cli::Train) -> Result<()> {
    let step = &mut config.step;
    step.hold_seconds = args.hold.unwrap_or(step.hold_seconds);
    step.shares = args.shares.unwrap_or(step.shares);
    step.difficulty = args.difficulty.unwrap_or(step.difficulty);
    step.timeout_seconds = step.timeout_seconds.max(2.0 * step.hold_seconds);
    config.check(
        args.config
            .as_deref()
            .unwrap_or(Path::new("the command line")),
    )?;
    Ok(())
}

fn encodings(args: &cli::Train, config: &Config) -> Result<Vec<Encoding>> {
    let mut encodings = if args.encode.is_empty() {
        Encoding::of(args.encoding, config.unit.model, &config.step)
    } else {
        vec![Encoding::new("custom", args.encode.clone())]
    };
    for encoding in &mut encodings {
        encoding.nodes = args.nodes;
        encoding.mask = args.mask;
    }
    Ok(encodings)
}

fn features(args: &cli::Train, default: FeaturePlan) -> FeaturePlan {
    FeaturePlan {
        groups: if args.features.is_empty() {
            default.groups
        } else {
            args.features.clone()
        },
        history: args.history.unwrap_or(default.history),
        average: args.average || default.average,
        high_pass: args.high_pass.or(default.high_pass),
    }
}
