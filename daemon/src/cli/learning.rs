//! Arguments of `thermine train` and `thermine predict`.

use std::path::PathBuf;

use clap::Args;
use thermine_units::pow::Difficulty;

use super::Unit;
use crate::lab::experiment::Kind;
use crate::lab::experiment::encoding::{Channel, Mask};
use crate::lab::experiment::presets::Preset;
use crate::lab::experiment::quantities::Group;
use crate::lab::experiment::readouts;
use crate::lab::experiment::task::{Named, Task};
use crate::lab::train;

/// `thermine train`.
#[derive(Debug, Args)]
pub struct Train {
    /// The task; not needed with `--data`, and taken from the capture by a replay.
    #[arg(value_enum)]
    pub task: Option<Named>,
    /// A task of your own: a CSV file with a header line, a row a step.
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with = "task",
        requires = "target"
    )]
    pub data: Option<PathBuf>,
    /// Column of `--data` that drives the unit.
    #[arg(long, value_name = "COLUMN", default_value = "u", requires = "data")]
    pub input: String,
    /// Column of `--data` that is to be had from it; may be repeated.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub target: Vec<String>,
    /// Configuration of the unit; without it, a simulated one is started.
    #[arg(short, long, value_name = "FILE", conflicts_with = "unit")]
    pub config: Option<PathBuf>,
    /// Which simulated unit, if no configuration is named.
    #[arg(short, long, value_enum, default_value = "s9")]
    pub unit: Unit,
    /// What is driven.
    #[arg(long, value_enum, default_value = "handshake")]
    pub substrate: Kind,
    /// Capture to replay, with `--substrate replay`.
    #[arg(long, value_name = "FILE", required_if_eq("substrate", "replay"))]
    pub capture: Option<PathBuf>,
    /// Database to record to, as postgres://USER@HOST/DATABASE, instead of a file in the report's folder.
    #[arg(long, value_name = "URL", env = "THERMINE_STORE")]
    pub store: Option<PathBuf>,
    /// How the input drives the unit.
    #[arg(long, value_enum, default_value = "paper", help_heading = "Encoding")]
    pub encoding: Preset,
    /// A way of your own: ACTUATOR=LOW:HIGH or, some steps late, ACTUATOR=LOW:HIGH@LAG, as in
    /// `frequency=400:600@9`; may be repeated. LOW is the value at the smallest input.
    #[arg(
        long,
        value_name = "CHANNEL",
        conflicts_with = "encoding",
        help_heading = "Encoding"
    )]
    pub encode: Vec<Channel>,
    /// Virtual nodes: parts that a step is divided into, each with readings of its own.
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Encoding")]
    pub nodes: usize,
    /// How the virtual nodes differ.
    #[arg(long, value_enum, default_value = "none", help_heading = "Encoding")]
    pub mask: Mask,
    /// Length of a step in seconds, instead of the configuration's.
    #[arg(long, value_name = "SECONDS", help_heading = "Encoding")]
    pub hold: Option<f64>,
    /// Answers that a step needs, instead of the configuration's.
    #[arg(long, value_name = "N", help_heading = "Encoding")]
    pub shares: Option<u32>,
    /// Share difficulty, instead of the configuration's.
    #[arg(long, value_name = "DIFFICULTY", value_parser = difficulty, help_heading = "Encoding")]
    pub difficulty: Option<Difficulty>,
    /// What the readout is given of the device [default: what the model senses].
    #[arg(long, value_enum, value_delimiter = ',', help_heading = "Readout")]
    pub features: Vec<Group>,
    /// Further readouts beside the ridge; may be repeated.
    #[arg(long, value_enum, help_heading = "Readout")]
    pub readout: Vec<readouts::Kind>,
    /// Of how many steps, the present one included [default: 1].
    #[arg(long, value_name = "STEPS", help_heading = "Readout")]
    pub history: Option<usize>,
    /// Average the readings of a step's virtual nodes into one column each.
    #[arg(long, help_heading = "Readout")]
    pub average: bool,
    /// Take a running mean of so many steps from every column, the encoded drive's included.
    #[arg(long, value_name = "STEPS", value_parser = time_constant, help_heading = "Readout")]
    pub high_pass: Option<f64>,
    /// Give the readout the last so many inputs beside the device, and every control too.
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "Readout")]
    pub taps: usize,
    /// Give a twin without a power meter one at the wall.
    #[arg(long, help_heading = "Readout")]
    pub wall_meter: bool,
    /// Seed of the input, the simulated unit and the statistics; a replay takes its capture's
    /// [default: 1].
    #[arg(long)]
    pub seed: Option<u64>,
    /// Run with so many seeds, from the first on, and give mean and spread.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=train::MOST_SEEDS))]
    pub seeds: Option<u64>,
    /// Steps in all, shared out in the usual proportion: a sixteenth for the washout, a third of the rest for the test.
    #[arg(long, value_name = "STEPS", conflicts_with_all = ["washout", "train", "test"])]
    pub steps: Option<usize>,
    /// Steps before training, in which the unit forgets how it began [default: 200].
    #[arg(long, value_name = "STEPS")]
    pub washout: Option<usize>,
    /// Steps to train on [default: 2000].
    #[arg(long, value_name = "STEPS")]
    pub train: Option<usize>,
    /// Steps to test on [default: 1000].
    #[arg(long, value_name = "STEPS")]
    pub test: Option<usize>,
    /// Steps of each of the runs that show whether the unit forgets how it began; 0 for none [default: 200].
    #[arg(long, value_name = "STEPS")]
    pub echo_steps: Option<usize>,
    /// Steps for which the unit is watched without work, as a control; 0 for none [default: 100].
    #[arg(long, value_name = "STEPS")]
    pub off_steps: Option<usize>,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

impl Train {
    /// Whether a task is asked for by name or file.
    pub fn named_task(&self) -> bool {
        self.task.is_some() || self.data.is_some()
    }

    /// The task.
    ///
    /// # Errors
    /// If none is named.
    pub fn task(&self) -> anyhow::Result<Task> {
        match (&self.data, self.task) {
            (Some(file), _) => Ok(Task::Data {
                file: file.clone(),
                input: self.input.clone(),
                targets: self.target.clone(),
                hash: None,
                contents: Default::default(),
            }),
            (None, Some(named)) => Ok(Task::Named(named)),
            (None, None) => anyhow::bail!(
                "name a task, for example `thermine train narma10`, or a file of your own with --data and \
                 --target"
            ),
        }
    }
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

/// `thermine predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// The readout: a `readout-….json` of a training run.
    pub readout: PathBuf,
    /// Task whose inputs drive the unit, and whose targets the predictions are scored against [default: the
    /// readout's].
    #[arg(value_enum)]
    pub task: Option<Named>,
    /// A CSV file with a header line, a row a step, whose inputs drive the unit.
    #[arg(long, value_name = "FILE", conflicts_with = "task")]
    pub data: Option<PathBuf>,
    /// Column of `--data` that drives the unit.
    #[arg(long, value_name = "COLUMN", default_value = "u", requires = "data")]
    pub input: String,
    /// Columns of `--data` that the predictions are scored against, in the order of the readout's outputs.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub target: Vec<String>,
    /// Configuration of the unit; without it, a simulated one of the readout's model is started.
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// What is driven.
    #[arg(long, value_enum, default_value = "handshake")]
    pub substrate: Kind,
    /// Capture to replay, with `--substrate replay`.
    #[arg(long, value_name = "FILE", required_if_eq("substrate", "replay"))]
    pub capture: Option<PathBuf>,
    /// Steps, of a task.
    #[arg(long, value_name = "STEPS", default_value_t = 300)]
    pub steps: usize,
    /// First steps, in which the unit forgets how it began; they are predicted but not scored.
    #[arg(long, value_name = "STEPS", default_value_t = 100)]
    pub washout: usize,
    /// Seed of the input and of a simulated unit; another than that of the training.
    #[arg(long, default_value_t = 1_000_001)]
    pub seed: u64,
}
