//! `thermine train`.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use thermine_units::pow::Difficulty;

use super::backend::Backend;
use super::unit::{Assume, Unit, configured};
use super::words::words;
use crate::render::progress::shown;
use crate::render::{joined as render_joined, stdout, train as render};
use thermine_lab::config::{Config, rack};
use thermine_lab::experiment::encoding::{Channel, Mask};
use thermine_lab::experiment::presets::Preset;
use thermine_lab::experiment::quantities::Group;
use thermine_lab::experiment::readouts;
use thermine_lab::experiment::steps::MOST_SEEDS;
use thermine_lab::experiment::task::Named;
use thermine_lab::joined;
use thermine_lab::registration;
use thermine_lab::request::{self, Setup};
use thermine_lab::session::Context;
use thermine_lab::train;

/// What decides what is driven and judged: a registration leaves none of it open.
const ANALYSIS: [&str; 30] = [
    "join",
    "task",
    "data",
    "input",
    "target",
    "backend",
    "capture",
    "encoding",
    "encode",
    "nodes",
    "mask",
    "hold",
    "shares",
    "difficulty",
    "features",
    "readout",
    "history",
    "average",
    "high_pass",
    "taps",
    "wall_meter",
    "sensitivity",
    "seed",
    "seeds",
    "steps",
    "washout",
    "train",
    "test",
    "echo_steps",
    "off_steps",
];

/// `thermine train`.
#[derive(Debug, Args)]
pub struct Train {
    /// The task; not needed with `--data`, and taken from the capture by a replay.
    #[arg(value_parser = words::<Named>())]
    pub(crate) task: Option<Named>,
    /// A task of your own: a CSV file with a header line, a row a step.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "task",
        requires = "target"
    )]
    pub(crate) data: Option<PathBuf>,
    /// Column of `--data` that drives the unit.
    #[arg(long, value_name = "COLUMN", default_value = "u", requires = "data")]
    pub(crate) input: String,
    /// Target column of `--data`; may be repeated.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub(crate) target: Vec<String>,
    /// Carry out a registration (see `thermine register`) on the unit, and say which of its predictions came true. Only
    /// the unit and the folder may be named beside it.
    #[arg(long, value_name = "FILE", conflicts_with_all = ANALYSIS)]
    pub(crate) registered: Option<PathBuf>,
    /// Configuration of the unit, or of a rack whose units are joined; without it, a simulated one is started.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    pub(crate) config: Option<PathBuf>,
    /// Join simulated units to one reservoir, 2 to 8: `--join s9 --join lv06`. All are driven at the same time.
    #[arg(long, value_name = "UNIT", value_enum, conflicts_with_all = ["unit", "config", "capture"])]
    pub(crate) join: Vec<Unit>,
    /// Which simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    pub(crate) unit: Unit,
    #[command(flatten)]
    pub(crate) assume: Assume,
    /// What is driven.
    #[arg(long, alias = "substrate", value_enum, default_value = "wire")]
    pub(crate) backend: Backend,
    /// Capture to replay, with `--backend replay`.
    #[arg(long, value_name = "FILE", required_if_eq("backend", "replay"))]
    pub(crate) capture: Option<PathBuf>,
    /// Database to record to, as postgres://USER@HOST/DATABASE, instead of a file in the report's folder.
    #[arg(long, value_name = "URL", env = "THERMINE_STORE")]
    pub(crate) store: Option<PathBuf>,
    /// How the input drives the unit.
    #[arg(long, value_parser = words::<Preset>(), default_value = "paper", help_heading = "Encoding")]
    pub(crate) encoding: Preset,
    /// A way of your own: ACTUATOR=LOW:HIGH or, some steps late, ACTUATOR=LOW:HIGH@LAG, as in
    /// `frequency=400:600@9`; may be repeated. LOW is the value at the smallest input.
    #[arg(
        long,
        value_name = "CHANNEL",
        conflicts_with = "encoding",
        help_heading = "Encoding"
    )]
    pub(crate) encode: Vec<Channel>,
    /// Virtual nodes: parts that a step is divided into, each with readings of its own.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Encoding")]
    pub(crate) nodes: usize,
    /// How the virtual nodes differ, and joined units, each of which has a mask of its own [default: none; mirror where
    /// units are joined].
    #[arg(long, value_parser = words::<Mask>(), help_heading = "Encoding")]
    pub(crate) mask: Option<Mask>,
    /// Length of a step in seconds, instead of the configuration's.
    #[arg(long, value_name = "SECONDS", help_heading = "Encoding")]
    pub(crate) hold: Option<f64>,
    /// Shares that a step needs, instead of the configuration's: with 0 all steps are equally long. Times between
    /// shares as features need at least 1.
    #[arg(long, value_name = "N", help_heading = "Encoding")]
    pub(crate) shares: Option<u32>,
    /// Share difficulty, instead of the configuration's.
    #[arg(long, value_name = "DIFFICULTY", value_parser = difficulty, help_heading = "Encoding")]
    pub(crate) difficulty: Option<Difficulty>,
    /// What the readout is given of the device [default: what the model senses].
    #[arg(long, value_parser = words::<Group>(), value_delimiter = ',', help_heading = "Readout")]
    pub(crate) features: Vec<Group>,
    /// Further readouts beside the ridge; may be repeated.
    #[arg(long, value_parser = words::<readouts::Kind>(), help_heading = "Readout")]
    pub(crate) readout: Vec<readouts::Kind>,
    /// Steps of device features given to the readout, including the current one [default: 1].
    #[arg(long, value_name = "STEPS", help_heading = "Readout")]
    pub(crate) history: Option<usize>,
    /// Average the readings of a step's virtual nodes into one column each.
    #[arg(long, help_heading = "Readout")]
    pub(crate) average: bool,
    /// Take a running mean of so many steps from every column, the encoded drive's included.
    #[arg(long, value_name = "STEPS", value_parser = time_constant, help_heading = "Readout")]
    pub(crate) high_pass: Option<f64>,
    /// Give the readout the last so many inputs beside the device, and every control too.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Readout")]
    pub(crate) taps: usize,
    /// Give a twin without a power meter one at the wall.
    #[arg(long, help_heading = "Readout")]
    pub(crate) wall_meter: bool,
    /// Score every row with each assumption of the simulated unit's physics at either end of its range, on twins: takes
    /// 17 times a run on a twin.
    #[arg(long)]
    pub(crate) sensitivity: bool,
    /// Seed of the input, the simulated unit and the statistics; a replay takes its capture's
    /// [default: 1].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// Run with so many seeds, from the first on, and give mean and spread.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=MOST_SEEDS))]
    pub(crate) seeds: Option<u64>,
    /// Steps in all, shared out in the usual proportion: a sixteenth for the washout, a third of the rest for the test.
    #[arg(long, value_name = "STEPS", conflicts_with_all = ["washout", "train", "test"])]
    pub(crate) steps: Option<usize>,
    /// Steps before training, in which the unit forgets how it began [default: 200].
    #[arg(long, value_name = "STEPS")]
    pub(crate) washout: Option<usize>,
    /// Steps to train on [default: 2000].
    #[arg(long, value_name = "STEPS")]
    pub(crate) train: Option<usize>,
    /// Steps to test on [default: 1000].
    #[arg(long, value_name = "STEPS")]
    pub(crate) test: Option<usize>,
    /// Steps of each of the runs that show whether the unit forgets how it began; 0 for none [default: 200].
    #[arg(long, value_name = "STEPS")]
    pub(crate) echo_steps: Option<usize>,
    /// Steps for which the unit is watched without work, as a control; 0 for none [default: 100].
    #[arg(long, value_name = "STEPS")]
    pub(crate) off_steps: Option<usize>,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

impl Train {
    /// What is asked for; the files are named as they were given.
    pub(super) fn request(&self) -> request::Train {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        request::Train {
            task: self.task,
            data: self.data.as_ref().map(|file| request::DataFile {
                file: text(file),
                input: self.input.clone(),
                targets: self.target.clone(),
            }),
            backend: self.backend.into(),
            capture: self.capture.as_ref().map(text),
            encoding: self.encoding,
            encode: self.encode.clone(),
            nodes: self.nodes,
            mask: self.mask.unwrap_or_default(),
            hold: self.hold,
            shares: self.shares,
            difficulty: self.difficulty.map(Difficulty::get),
            features: self.features.clone(),
            readouts: self.readout.clone(),
            history: self.history,
            average: self.average,
            high_pass: self.high_pass,
            taps: self.taps,
            wall_meter: self.wall_meter,
            sensitivity: self.sensitivity,
            seed: self.seed,
            seeds: self.seeds,
            steps: self.steps,
            washout: self.washout,
            train: self.train,
            test: self.test,
            echo_steps: self.echo_steps,
            off_steps: self.off_steps,
        }
    }

    fn setup(&self) -> Result<Setup> {
        Ok(Setup {
            config: match (&self.config, self.assume.assume.is_empty()) {
                (None, true) => None,
                (config, _) => Some(configured(config.as_deref(), self.unit, &self.assume)?),
            },
            model: self.unit.model(),
            data: self.data.clone(),
            capture: self.capture.clone(),
            store: self.store.clone(),
            out: self.out.clone(),
        })
    }

    /// The units that are joined: those of `--join`, or of a rack with several.
    fn joined(&self) -> Result<Option<Vec<Config>>> {
        let units = match &self.config {
            _ if !self.join.is_empty() => {
                let models: Vec<_> = self.join.iter().map(|unit| unit.model()).collect();
                Some(joined::named(&models)?)
            }
            Some(path) => rack::driven(path)?,
            None => None,
        };
        let assuming = |unit: Config| unit.assuming(&self.assume.assume);
        let units = units.map(|units| units.into_iter().map(assuming).collect());
        Ok(units.transpose()?)
    }
}

/// Runs the subcommand.
pub(super) async fn run(args: Train, context: &Context) -> Result<()> {
    if let Some(file) = &args.registered {
        return registered(file, &args, context).await;
    }
    let Some(units) = args.joined()? else {
        return carry_out(&args.request(), args.setup()?, context).await;
    };
    let setup = Setup {
        config: None,
        model: args.unit.model(),
        data: args.data.clone(),
        capture: args.capture.clone(),
        store: args.store.clone(),
        out: args.out.clone(),
    };
    let request = request::Train {
        mask: args.mask.unwrap_or(Mask::Mirror),
        ..args.request()
    };
    let report = joined::run(&request, &setup, &units, &shown(context)).await?;
    stdout::text(render_joined::training(&report))?;
    stdout::line(report.folder.display())
}

/// Carries out the registration in `file`, and prints what became of its predictions.
async fn registered(file: &Path, args: &Train, context: &Context) -> Result<()> {
    let (setup, progress) = (args.setup()?, shown(context));
    let report = registration::run(file, setup, &progress, &mut render::plots).await?;
    stdout::text(render::training(&report))?;
    stdout::line(format_args!(
        "Send this folder; anyone can check it with `thermine capture verify`:\n{}",
        report.folder.display()
    ))
}

/// Trains as `request` asks, and prints and draws what comes of it.
pub(super) async fn carry_out(
    request: &request::Train,
    setup: Setup,
    context: &Context,
) -> Result<()> {
    let report = train::run(request, setup, &shown(context), &mut render::plots).await?;
    stdout::text(render::training(&report))?;
    stdout::line(report.folder.display())
}

fn difficulty(text: &str) -> Result<Difficulty, String> {
    let number = text.parse::<f64>().map_err(|error| error.to_string())?;
    Difficulty::new(number).map_err(|error| error.to_string())
}

fn time_constant(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if (1.0..=1e6).contains(&number) => Ok(number),
        _ => Err("must be between 1 and 1000000 steps".into()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[test]
    fn a_registration_leaves_no_argument_open_but_the_unit_and_the_folder() {
        let command = Train::augment_args(clap::Command::new("train"));
        let open = ["registered", "config", "unit", "assume", "store", "out"];
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            assert!(
                open.contains(&id) != ANALYSIS.contains(&id),
                "{id}: may a registered run have it?"
            );
        }
    }
}
