//! Training: drives a unit with a task's input, trains a readout on its states, and judges it beside its controls.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use thermine_reservoir::split::Split;
use thermine_units::model::Model;
use thermine_units::pow::Difficulty;
use tokio::runtime::Handle;

use crate::backend::Backend;
use crate::config::Config;
use crate::experiment::arms;
use crate::experiment::encoding::Encoding;
use crate::experiment::features::FeaturePlan;
use crate::experiment::plan::Plan;
use crate::experiment::presets::Preset;
use crate::experiment::quantities::Group;
use crate::experiment::recipe::Recipe;
use crate::experiment::report::{self, Series};
use crate::experiment::report_scores::Beside;
use crate::experiment::report_seeds::SeedsReport;
use crate::experiment::run;
use crate::experiment::sensitivity;
use crate::experiment::steps::{DEFAULT_SPLIT, proportion};
use crate::experiment::task::{Named, Task};
use crate::folder;
use crate::observer::Progress;
use crate::request::{Setup, Train};
use crate::threads::computed;
use thermine_capture::Capture;

/// Folder of the product's run, below that of the paper's rows.
const PRODUCT: &str = "product";

/// Steps of the product beside the paper's rows, and their length, s: some 130,000 shares and 400,000 jobs of an S9, half
/// a minute of this machine. The full protocol is the preset itself.
const PRODUCT_SPLIT: Split = Split {
    washout: 50,
    train: 450,
    test: 500,
};
const PRODUCT_HOLD: f64 = 30.0;

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
    let product = product(request, &setup)?;
    let plan = plan(request, setup)?;
    let wanted = wanted(request, &plan, product)?;
    let seeds = request.seeds.unwrap_or(1);
    if seeds > 1 && plan.backend == Backend::Replay {
        bail!("--seeds is not for --backend replay: a capture holds one");
    }
    let name = format!("{}-seed{}", plan.task.name(), plan.seed);
    let folder = folder::make(out.as_deref(), &name)?;
    if seeds == 1 {
        let first = run_into((&plan, &wanted), folder.clone(), progress, finished).await?;
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
        let report = run_into((&plan, &wanted.of_seed(seed)), own, progress, finished)
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

/// What is measured beside a run, in runs of its own.
struct Wanted {
    /// The product's plan.
    product: Option<Plan>,
    /// Plans whose scores are measured over the assumed ranges.
    assumed: Vec<Plan>,
}

impl Wanted {
    fn of_seed(&self, seed: u64) -> Wanted {
        let plan = |plan: &Plan| Plan {
            seed,
            ..plan.clone()
        };
        Wanted {
            product: self.product.as_ref().map(plan),
            assumed: self.assumed.iter().map(plan).collect(),
        }
    }

    /// Measures it, the product below `folder`.
    async fn measured(&self, folder: &Path, progress: &Progress) -> Result<Beside> {
        let mut beside = Beside::default();
        if let Some(plan) = &self.product {
            let own = folder.join(PRODUCT);
            std::fs::create_dir_all(&own)
                .with_context(|| format!("cannot make {}", own.display()))?;
            let run = run::run(plan, &own, Beside::default(), progress).await?;
            if let (report::Report::Scores(report), _) = run {
                beside.product = Some(report);
            }
        }
        for plan in &self.assumed {
            let name = plan.encodings.first().map_or("", |e| e.name.as_str());
            progress.say(&format!(
                "{name}: {} runs on twins, every assumption at either end of its range",
                sensitivity::runs()
            ));
            let (plan, handle) = (plan.clone(), Handle::current());
            let work = move || sensitivity::measure(&plan, &handle);
            let measured = computed(progress.context(), work).await?;
            match &mut beside.sensitivity {
                Some(sensitivity) => sensitivity.rows.extend(measured.rows),
                none => *none = Some(measured),
            }
        }
        Ok(beside)
    }
}

/// Carries `plan` out, after what is to stand beside it.
async fn run_into(
    (plan, wanted): (&Plan, &Wanted),
    folder: PathBuf,
    progress: &Progress,
    finished: &mut (dyn FnMut(&Run) -> Result<()> + Send),
) -> Result<report::Report> {
    let beside = wanted.measured(&folder, progress).await?;
    let (report, series) = run::run(plan, &folder, beside, progress).await?;
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

/// The product that stands beside the paper's rows on NARMA-10, where nothing but these is asked for and the unit is
/// simulated: on a real one it would take a day.
fn product(request: &Train, setup: &Setup) -> Result<Option<Plan>> {
    let plain = Train {
        task: Some(Named::Narma10),
        backend: request.backend,
        seed: request.seed,
        seeds: request.seeds,
        steps: request.steps,
        washout: request.washout,
        train: request.train,
        test: request.test,
        echo_steps: request.echo_steps,
        off_steps: request.off_steps,
        readouts: request.readouts.clone(),
        ..Train::default()
    };
    if *request != plain || request.backend == Backend::Replay {
        return Ok(None);
    }
    let config = setup.clone().config()?;
    if config.unit.simulated.is_none() || config.unit.model.is_bare() {
        return Ok(None);
    }
    let asked = [request.steps, request.washout, request.train, request.test] != [None; 4];
    let rows = match asked {
        true => split(request, request.steps.map_or(DEFAULT_SPLIT, proportion)),
        false => PRODUCT_SPLIT,
    };
    let product = Train {
        encoding: Preset::Product,
        hold: Some(PRODUCT_HOLD),
        echo_steps: Some(0),
        off_steps: Some(0),
        steps: None,
        // Its readout looks back further than that of the paper's rows.
        washout: Some(rows.washout.max(PRODUCT_SPLIT.washout)),
        train: Some(rows.train),
        test: Some(rows.test),
        ..plain
    };
    let setup = Setup {
        out: None,
        store: None,
        ..setup.clone()
    };
    plan(&product, setup).map(Some)
}

/// What `request` wants beside the run of `plan`: the assumed ranges at full length where it asks for them, else of the
/// main job's first row and of the product, in short runs.
fn wanted(request: &Train, plan: &Plan, product: Option<Plan>) -> Result<Wanted> {
    let assumed = if request.sensitivity {
        if !sensitivity::applies(plan) || plan.task.is_capacity() {
            bail!("--sensitivity is for a simulated unit that has a twin, and a task with a score");
        }
        vec![plan.clone()]
    } else if product.is_some() && sensitivity::applies(plan) {
        let first = product.iter().map(|product| Plan {
            encodings: plan.encodings.iter().take(1).cloned().collect(),
            split: product.split,
            ..plan.clone()
        });
        product.iter().cloned().chain(first).collect()
    } else {
        Vec::new()
    };
    Ok(Wanted { product, assumed })
}

/// `request` with what its preset asks for beside the encoding.
fn completed(request: &Train) -> Train {
    let mut request = request.clone();
    let usual = request.encoding.usual();
    if let Some(usual) = usual.filter(|_| request.encode.is_empty()) {
        request.hold.get_or_insert(usual.hold_seconds);
        request.history.get_or_insert(usual.history);
        if request.features.is_empty() {
            request.features = usual.features.to_vec();
        }
        if request.taps == 0 {
            request.taps = usual.taps;
        }
    }
    request
}

/// A run that drives a unit or its twin.
fn driven(request: &Train, setup: Setup) -> Result<Plan> {
    let request = &completed(request);
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
    // Times between shares are no features of a step without shares, and a step needs an end.
    let of_times = |group: &Group| matches!(group, Group::Waits | Group::Timescales);
    if request.shares.is_none()
        && (request.features.iter().any(of_times) || step.hold_seconds == 0.0)
    {
        step.shares = step.shares.max(1);
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn product_of(request: &Train) -> Option<Plan> {
        product(request, &Setup::default()).expect("a plan")
    }

    #[test]
    fn the_product_stands_beside_the_papers_rows_and_beside_nothing_else() {
        let main = Train {
            task: Some(Named::Narma10),
            ..Train::default()
        };
        let plan = product_of(&main).expect("a product");
        assert_eq!((plan.split, plan.taps), (PRODUCT_SPLIT, 30));
        assert_eq!(plan.features.history, 20);
        assert_eq!(plan.config.step.hold_seconds, PRODUCT_HOLD);
        for other in [
            Train {
                task: Some(Named::Xor),
                ..main.clone()
            },
            Train {
                taps: 5,
                ..main.clone()
            },
            Train {
                encoding: Preset::Duty,
                ..main.clone()
            },
        ] {
            assert!(product_of(&other).is_none(), "{other:?}");
        }
        let mut real = Config::simulated(Model::AntminerS9).expect("the default");
        real.unit.simulated = None;
        let setup = Setup {
            config: Some(real),
            ..Setup::default()
        };
        assert!(product(&main, &setup).expect("no plan").is_none());
    }

    #[test]
    fn steps_are_equally_long_unless_times_between_shares_are_features() {
        let shares = |features: Vec<Group>, hold: Option<f64>, shares: Option<u32>| {
            let request = Train {
                task: Some(Named::Narma10),
                features,
                hold,
                shares,
                ..Train::default()
            };
            let plan = plan(&request, Setup::default()).expect("a plan");
            plan.config.step.shares
        };
        assert_eq!(shares(vec![Group::Heat], None, None), 0);
        assert_eq!(shares(vec![Group::Waits], None, None), 1);
        assert_eq!(shares(vec![Group::Timescales], None, None), 1);
        assert_eq!(shares(vec![Group::Heat], Some(0.0), None), 1);
        assert_eq!(shares(vec![Group::Heat], None, Some(3)), 3);
    }
}
