//! `thermine predict`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::backend::Backend;
use super::words::words;
use crate::render::progress::shown;
use crate::render::stdout::complain;
use thermine_capture::tabular::float;
use thermine_lab::config::Config;
use thermine_lab::experiment::task::Named;
use thermine_lab::predict::{self, Report, Row, Sink};
use thermine_lab::request;
use thermine_lab::session::Context;

/// `thermine predict`.
#[derive(Debug, Args)]
pub struct Predict {
    /// The readout: a `readout-….json` of a training run.
    pub(crate) readout: PathBuf,
    /// Task whose inputs drive the unit, and whose targets the predictions are scored against [default: the
    /// readout's].
    #[arg(value_parser = words::<Named>())]
    pub(crate) task: Option<Named>,
    /// A CSV file with a header line, a row a step, whose inputs drive the unit.
    #[arg(long, value_name = "FILE", conflicts_with = "task")]
    pub(crate) data: Option<PathBuf>,
    /// Column of `--data` that drives the unit.
    #[arg(long, value_name = "COLUMN", default_value = "u", requires = "data")]
    pub(crate) input: String,
    /// Columns of `--data` that the predictions are scored against, in the order of the readout's outputs.
    #[arg(long, value_name = "COLUMN", requires = "data")]
    pub(crate) target: Vec<String>,
    /// Configuration of the unit; without it, a simulated one of the readout's model is started.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// What is driven.
    #[arg(long, alias = "substrate", value_enum, default_value = "wire")]
    pub(crate) backend: Backend,
    /// Capture to replay, with `--backend replay`.
    #[arg(long, value_name = "FILE", required_if_eq("backend", "replay"))]
    pub(crate) capture: Option<PathBuf>,
    /// Steps, of a task.
    #[arg(long, value_name = "STEPS", default_value_t = 300)]
    pub(crate) steps: usize,
    /// First steps, in which the unit forgets how it began; they are predicted but not scored.
    #[arg(long, value_name = "STEPS", default_value_t = 100)]
    pub(crate) washout: usize,
    /// Seed of the input and of a simulated unit; another than that of the training.
    #[arg(long, default_value_t = 1_000_001)]
    pub(crate) seed: u64,
}

impl Predict {
    fn request(self) -> request::Predict {
        request::Predict {
            readout: self.readout,
            task: self.task,
            data: self.data,
            input: self.input,
            targets: self.target,
            backend: self.backend.into(),
            capture: self.capture,
            steps: self.steps,
            washout: self.washout,
            seed: self.seed,
        }
    }
}

/// Runs the subcommand.
pub(super) async fn run(args: Predict, context: &Context) -> Result<()> {
    let config = args.config.as_deref().map(Config::load).transpose()?;
    let report = predict::run(
        &args.request(),
        config,
        &shown(context),
        &mut Csv { outputs: 0 },
    )
    .await?;
    say(&report);
    Ok(())
}

/// Prints predictions as CSV, each as it comes: a reader wants it at once.
struct Csv {
    outputs: usize,
}

impl Sink for Csv {
    fn begin(&mut self, outputs: usize, targets: usize) -> Result<()> {
        self.outputs = outputs;
        let mut header = vec!["step".to_string(), "input".into()];
        header.extend((0..outputs).map(|i| format!("prediction{i}")));
        header.extend((0..targets).map(|i| format!("target{i}")));
        line(&header)
    }

    fn row(&mut self, row: &Row) -> Result<()> {
        let mut cells = vec![row.step.to_string(), float(row.input)];
        match &row.outputs {
            Some(outputs) => cells.extend(outputs.iter().copied().map(float)),
            None => cells.extend(std::iter::repeat_n(String::new(), self.outputs)),
        }
        cells.extend(row.targets.iter().copied().map(float));
        line(&cells)
    }
}

fn line(cells: &[String]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", cells.join(","))?;
    Ok(out.flush()?)
}

/// Says the scores on standard error: standard output is the predictions.
fn say(report: &Report) {
    if report.missing > 0 {
        complain(format_args!(
            "the unit's connection broke: {} of {} steps have no prediction and are not scored",
            report.missing, report.steps
        ));
    }
    for (i, score) in report.scores.iter().enumerate() {
        match &score.nrmse {
            Ok(nrmse) => complain(format_args!(
                "NRMSE of prediction{i}: {nrmse:.3} over {} steps after {} of washout",
                score.steps, report.washout
            )),
            Err(error) => complain(format_args!("prediction{i} cannot be scored: {error}")),
        }
    }
}
