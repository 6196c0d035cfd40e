//! Prediction: a trained readout on a unit that is driven with new inputs, step by step.

use std::path::Path;

use crate::substrate::{Replay, Substrate, Twin};
use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use thermine_reservoir::metrics;
use thermine_sim::device::Device;
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;

use crate::backend::Backend;
use crate::config::Config;
use crate::experiment::arms;
use crate::experiment::encoder::Encoder;
use crate::experiment::task::Task;
use crate::experiment::trace::Trace;
use crate::experiment::trained::Readout;
use crate::observer::Progress;
use crate::request::Predict;
use crate::session::{Session, with_unit};
use thermine_capture::Capture;

/// One step's prediction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Number of the step, from 0.
    pub step: usize,
    /// Input of the step.
    pub input: f64,
    /// `None` where the unit's connection broke, and as long as the readout looks back on that.
    pub outputs: Option<Vec<f64>>,
    /// Targets of the step, where they are known.
    pub targets: Vec<f64>,
}

/// What the predictions are worth.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// Steps that were driven.
    pub steps: usize,
    /// Steps without a prediction.
    pub missing: usize,
    /// Steps of washout before the first that is scored.
    pub washout: usize,
    /// The score against each target.
    pub scores: Vec<Score>,
}

/// The error of one output.
#[derive(Debug, Clone, Serialize)]
pub struct Score {
    /// Steps that are scored.
    pub steps: usize,
    /// The NRMSE, or why there is none.
    pub nrmse: Result<f64, String>,
}

/// Takes what a prediction gives, as it comes.
pub trait Sink: Send {
    /// The predictions begin: each has so many outputs, and so many targets.
    ///
    /// # Errors
    /// If they cannot be taken.
    fn begin(&mut self, outputs: usize, targets: usize) -> Result<()>;

    /// The next step.
    ///
    /// # Errors
    /// If it cannot be taken.
    fn row(&mut self, row: &Row) -> Result<()>;
}

/// Carries out `request` on the unit of `config`, or without it on a simulated one of the readout's model. Every step goes
/// to `sink` at once.
///
/// # Errors
/// If the readout cannot be used on this unit, or a step fails.
pub async fn run(
    request: &Predict,
    config: Option<Config>,
    progress: &Progress,
    sink: &mut dyn Sink,
) -> Result<Report> {
    let readout = Readout::load(&request.readout)?;
    let config = configured(request, config, &readout)?;
    let task = task(request, &readout)?;
    let steps = task.length()?.unwrap_or(request.steps);
    let problem = task.problem(steps, steps, request.seed)?;
    let encoder = Encoder::new(readout.encoding.clone(), config.step.clone(), readout.range);
    let targets: Vec<&[f64]> = match task {
        // Without a target of its own, a file's input stands in its place.
        Task::Data { .. } if request.targets.is_empty() => Vec::new(),
        _ => problem.sequence.targets().collect(),
    };
    let mut predicted = Predicted::new(&readout, targets, sink)?;
    let drive = Drive {
        progress,
        request,
        readout: &readout,
        config: &config,
        encoder: &encoder,
        input: &problem.sequence.input,
    };
    progress
        .context()
        .on_notice(drive.run(&mut predicted))
        .await?;
    Ok(predicted.report(request.washout))
}

/// The configuration of the unit, with the readout's step. Refuses one that the readout was not trained for.
fn configured(request: &Predict, config: Option<Config>, readout: &Readout) -> Result<Config> {
    let mut config = match config {
        Some(config) => config,
        None => Config::simulated(readout.model)?,
    };
    if config.unit.model != readout.model {
        bail!(
            "the readout is of a {}, but {} is a {}",
            readout.model,
            config.unit.name,
            config.unit.model
        );
    }
    config.step = readout.step.clone();
    match (request.backend, &config.unit.simulated) {
        // A capture says itself what it is from.
        (Backend::Replay, _) => {}
        (Backend::Twin, _) | (Backend::Wire, Some(_)) => {
            readout.check_provenance(&Provenance::Simulated)?;
        }
        (Backend::Wire, None) => readout.check_is_of_a_device()?,
    }
    Ok(config)
}

/// The task whose inputs drive the unit.
fn task(request: &Predict, readout: &Readout) -> Result<Task> {
    match (&request.data, request.task, &readout.recipe.task) {
        (Some(file), _, _) => Ok(Task::Data {
            file: file.clone(),
            input: request.input.clone(),
            targets: match request.targets.is_empty() {
                true => vec![request.input.clone()],
                false => request.targets.clone(),
            },
            hash: None,
            contents: Default::default(),
        }),
        (None, Some(named), _) => Ok(Task::Named(named)),
        (None, None, Task::Named(named)) => Ok(Task::Named(*named)),
        (None, None, Task::Data { .. }) => {
            bail!("the readout's task is a file: name the new inputs with --data")
        }
    }
}

/// What is driven, and with what.
struct Drive<'a> {
    progress: &'a Progress,
    request: &'a Predict,
    readout: &'a Readout,
    config: &'a Config,
    encoder: &'a Encoder,
    input: &'a [f64],
}

impl Drive<'_> {
    async fn run(&self, predicted: &mut Predicted<'_>) -> Result<()> {
        let context = self.progress.context();
        match self.request.backend {
            Backend::Twin => context.unless_stopped(self.twin(predicted)).await,
            Backend::Replay => context.unless_stopped(self.replay(predicted)).await,
            Backend::Wire => self.unit(predicted).await,
        }
    }

    async fn twin(&self, predicted: &mut Predicted<'_>) -> Result<()> {
        let model = self.readout.model;
        let mut device = Device::warm(&arms::twin_params(self.config)?, self.request.seed);
        device.set_operating_point(&self.config.point.operating_point());
        let mut twin = Twin::new(
            device,
            model,
            self.encoder.encoding().discipline,
            model.switch_dead_time(),
            seed::stream(self.request.seed, "twin"),
            Recorder::discard(),
        );
        if self.readout.recipe.wall_meter {
            twin = twin.with_meter();
        }
        self.drive(&mut twin, predicted).await
    }

    async fn replay(&self, predicted: &mut Predicted<'_>) -> Result<()> {
        let path = self.request.capture.as_deref().unwrap_or(Path::new(""));
        let capture = Capture::open(path)?;
        let provenance = capture.run()?.provenance;
        let name = &self.encoder.encoding().name;
        let streams = capture.streams()?;
        let stream = streams
            .iter()
            .find(|stream| stream.name == *name)
            .with_context(|| format!("{} holds no stream `{name}`", path.display()))?;
        let steps = Capture::open(path)?.steps(stream)?;
        self.drive(&mut Replay::stored(steps, provenance), predicted)
            .await
    }

    async fn unit(&self, predicted: &mut Predicted<'_>) -> Result<()> {
        let session = Session {
            context: self.progress.context(),
            config: self.config,
            seed: self.request.seed,
            notices: self.progress,
        };
        with_unit(session, async |unit| {
            let discipline = self.encoder.encoding().discipline;
            let mut driven = unit.drive(discipline, Recorder::discard())?;
            self.drive(&mut driven, predicted).await?;
            unit.release(driven).await
        })
        .await
    }

    async fn drive<S: Substrate>(
        &self,
        substrate: &mut S,
        predicted: &mut Predicted<'_>,
    ) -> Result<()> {
        self.readout.check_provenance(&substrate.provenance())?;
        let plan = (&self.readout.recipe.features, self.readout.model);
        let each = |trace: &Trace| {
            let outputs = self
                .readout
                .predict(&trace.features, &self.input[..trace.encoded.len()])?;
            let is_left_out = trace
                .left_out(&self.readout.recipe.features, self.readout.recipe.taps)
                .contains(trace.encoded.len() - 1);
            predicted.push(self.input, (!is_left_out).then_some(outputs))
        };
        let trace = Trace::record(substrate, self.encoder, plan, self.input, each).await?;
        // What was seen on the way may speak against the unit.
        self.readout.check_provenance(&trace.provenance)
    }
}

/// The predictions so far, kept for the score.
struct Predicted<'a> {
    targets: Vec<Vec<f64>>,
    outputs: Vec<Option<Vec<f64>>>,
    sink: &'a mut dyn Sink,
}

impl<'a> Predicted<'a> {
    fn new(
        readout: &Readout,
        targets: Vec<&[f64]>,
        sink: &'a mut dyn Sink,
    ) -> Result<Predicted<'a>> {
        let outputs = readout.saved.weights.len();
        if !targets.is_empty() && targets.len() != outputs {
            bail!(
                "the readout has {outputs} outputs, but {} targets are named",
                targets.len()
            );
        }
        sink.begin(outputs, targets.len())?;
        Ok(Predicted {
            targets: targets.into_iter().map(<[f64]>::to_vec).collect(),
            outputs: Vec::new(),
            sink,
        })
    }

    fn push(&mut self, input: &[f64], outputs: Option<Vec<f64>>) -> Result<()> {
        let step = self.outputs.len();
        let row = Row {
            step,
            input: input[step],
            outputs,
            targets: self.targets.iter().map(|target| target[step]).collect(),
        };
        self.sink.row(&row)?;
        self.outputs.push(row.outputs);
        Ok(())
    }

    /// The NRMSE after `washout` steps.
    fn report(&self, washout: usize) -> Report {
        let washout = washout.min(self.outputs.len());
        let score = |(i, target): (usize, &Vec<f64>)| {
            let scored = self.outputs.iter().zip(target).skip(washout);
            let (predicted, target): (Vec<f64>, Vec<f64>) = scored
                .filter_map(|(row, target)| Some((*row.as_ref()?.get(i)?, *target)))
                .unzip();
            Score {
                steps: predicted.len(),
                nrmse: metrics::nrmse(&predicted, &target).map_err(|error| error.to_string()),
            }
        };
        Report {
            steps: self.outputs.len(),
            missing: self.outputs.iter().filter(|row| row.is_none()).count(),
            washout,
            scores: self.targets.iter().enumerate().map(score).collect(),
        }
    }
}
