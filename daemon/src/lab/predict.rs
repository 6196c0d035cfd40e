//! `thermine predict`: a trained readout on a unit that is driven with new inputs, step by step.

use std::io::Write;
use std::path::Path;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use serde::de::DeserializeOwned;
use thermine_lab::substrate::{Replay, Substrate, Twin};
use thermine_reservoir::metrics;
use thermine_reservoir::readout::SavedReadout;
use thermine_reservoir::state::{Feature, StateMatrix};
use thermine_sim::device::Device;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;

use crate::cli;
use crate::lab::config::{Config, Step};
use crate::lab::experiment::encoder::Encoder;
use crate::lab::experiment::encoding::Encoding;
use crate::lab::experiment::features::Features;
use crate::lab::experiment::recipe::Recipe;
use crate::lab::experiment::saved::{ENCODING, MODEL, PROVENANCE, RANGE, RECIPE, STEP};
use crate::lab::experiment::task::Task;
use crate::lab::experiment::trace::Trace;
use crate::lab::experiment::{Kind, arms};
use crate::lab::session::{Context, Session, with_unit};
use crate::render::stdout;
use crate::runtime;
use thermine_capture::Capture;
use thermine_capture::input_file;
use thermine_capture::tabular;

/// Longest file of a readout, in bytes: a million features.
const LONGEST_FILE: u64 = 256 << 20;

/// Longest time constant of a high pass, in steps.
const LONGEST_MEAN: f64 = 10_000.0;

/// A readout with what it was trained by.
#[derive(Debug)]
pub(crate) struct Readout {
    pub(crate) saved: SavedReadout,
    pub(crate) recipe: Recipe,
    pub(crate) encoding: Encoding,
    pub(crate) step: Step,
    pub(crate) range: (f64, f64),
    pub(crate) model: Model,
}

impl Readout {
    pub(crate) fn load(path: &Path) -> Result<Readout> {
        let at = || format!("{}", path.display());
        let text = input_file::read(path, LONGEST_FILE).with_context(at)?;
        let saved = SavedReadout::from_json(&text).with_context(at)?;
        let readout = Readout {
            recipe: said(&saved, RECIPE).with_context(at)?,
            encoding: said(&saved, ENCODING).with_context(at)?,
            step: said(&saved, STEP).with_context(at)?,
            range: said(&saved, RANGE).with_context(at)?,
            model: model(&saved).with_context(at)?,
            saved,
        };
        readout.check().with_context(at)?;
        Ok(readout)
    }

    /// What the parts of the file do not rule out: a file can ask for more than any run that was trained.
    fn check(&self) -> Result<()> {
        let plan = &self.recipe.features;
        ensure!(
            plan.history <= self.saved.features.len(),
            "features.history = {} is more than the readout has features",
            plan.history
        );
        ensure!(
            self.recipe.taps <= self.saved.features.len(),
            "taps = {} is more than the readout has features",
            self.recipe.taps
        );
        let mean = plan.high_pass.unwrap_or(1.0);
        ensure!(
            (0.0..=LONGEST_MEAN).contains(&mean),
            "features.high_pass = {mean:e} must be between 0 and {LONGEST_MEAN} steps"
        );
        let (low, high) = self.range;
        ensure!(
            low.is_finite() && high.is_finite() && low < high,
            "the range {low:e} to {high:e} holds no inputs"
        );
        let mut config = Config::simulated(self.model)?;
        config.step = self.step.clone();
        config.check(Path::new("its step"))?;
        let params = arms::twin_params(&config).ok();
        // Trained over a wire or on a twin, which allow different drives.
        self.encoding
            .check(self.model, None)
            .or_else(|_| self.encoding.check(self.model, params.as_ref()))
            .map_err(|what| anyhow!("encoding {}: {what}", self.encoding.name))
    }

    /// Refuses a readout of states that no device gave, before a device is driven. Whether the device is verified is seen
    /// only then.
    fn check_is_of_a_device(&self) -> Result<()> {
        let verified = self.check_provenance(&Provenance::Device);
        match self.check_provenance(&Provenance::UnverifiedDevice) {
            Ok(()) => Ok(()),
            Err(_) => verified,
        }
    }

    /// Refuses states of another origin than the readout's. Those of a capture count as what they were.
    pub(crate) fn check_provenance(&self, of: &Provenance) -> Result<()> {
        let trained = self.saved.provenance.get(PROVENANCE);
        let origin = |text: &str| {
            let inner = text.strip_prefix("replayed (").unwrap_or(text);
            inner.trim_end_matches(')').to_string()
        };
        let (trained, here) = (
            trained.map(|text| origin(text)).unwrap_or_default(),
            origin(&of.to_string()),
        );
        if trained != here {
            bail!(
                "the readout was trained on states of provenance `{trained}`, but those here are `{here}`: train one on \
                 this unit"
            );
        }
        Ok(())
    }

    /// Steps that are looked back on for one row of states: the history, or ten time constants of the running
    /// mean, and enough for a reading that is sometimes missing.
    pub(crate) fn look_back(&self) -> usize {
        let plan = &self.recipe.features;
        let mean = plan
            .high_pass
            .map_or(0, |steps| (10.0 * steps).ceil() as usize);
        (plan.history + mean).max(60)
    }

    /// What the readout makes of the newest step of `features`, of which `input` holds the inputs up to that step.
    pub(crate) fn predict(&self, features: &Features, input: &[f64]) -> Result<Vec<f64>> {
        let plan = &self.recipe.features;
        let (states, _) = features.last(self.look_back()).states(plan)?;
        let taps = (0..self.recipe.taps).map(|delay| {
            let past = input.len().checked_sub(delay + 1).map_or(0.0, |t| input[t]);
            (Feature::new(format!("u[t-{delay}]"), "1"), vec![past])
        });
        let newest = states.values().rows(states.rows() - 1, 1).into_owned();
        let device = StateMatrix::from_matrix(states.features().to_vec(), newest)?;
        let row = StateMatrix::from_columns(1, taps.collect())?.beside(&device)?;
        let readout = self.saved.for_features(row.features())?;
        let predicted: Vec<f64> = readout.predict(&row, 0..1)?.iter().copied().collect();
        ensure!(
            predicted.iter().all(|value| value.is_finite()),
            "the readout's weights are too large: a prediction is not finite; train it again"
        );
        Ok(predicted)
    }
}

/// What the readout says under `key`.
fn said<T: DeserializeOwned>(saved: &SavedReadout, key: &str) -> Result<T> {
    let text = saved.provenance.get(key).with_context(|| {
        format!("the readout does not say its {key}: it was not written by `thermine train`")
    })?;
    serde_json::from_str(text).with_context(|| format!("the readout's {key} cannot be read"))
}

fn model(saved: &SavedReadout) -> Result<Model> {
    let name = saved.provenance.get(MODEL).map_or("", String::as_str);
    Model::ALL
        .into_iter()
        .find(|model| model.name() == name)
        .with_context(|| format!("the readout's model `{name}` is not known"))
}

/// Runs the subcommand.
pub(crate) fn run(args: &cli::Predict, context: &Context) -> Result<()> {
    let readout = Readout::load(&args.readout)?;
    let mut config = match &args.config {
        Some(path) => Config::load(path)?,
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
    let (twin, simulated) = (args.substrate == Kind::Twin, &config.unit.simulated);
    match args.substrate {
        // What a capture is from, it says itself.
        Kind::Replay => {}
        _ if twin || simulated.is_some() => readout.check_provenance(&Provenance::Simulated)?,
        _ => readout.check_is_of_a_device()?,
    }
    let task = task(args, &readout)?;
    let steps = task.length()?.unwrap_or(args.steps);
    let problem = task.problem(steps, steps, args.seed)?;
    let encoder = Encoder::new(readout.encoding.clone(), config.step.clone(), readout.range);
    let input = &problem.sequence.input;
    let targets: Vec<&[f64]> = match task {
        // Without a target of its own, a file's input stands in its place.
        Task::Data { .. } if args.target.is_empty() => Vec::new(),
        _ => problem.sequence.targets().collect(),
    };
    let mut said = Said::new(&readout, targets)?;
    let drive = Drive {
        context,
        args,
        readout: &readout,
        config: &config,
        encoder: &encoder,
        input,
    };
    runtime::run(context, drive.run(&mut said))??;
    said.score(args.washout);
    Ok(())
}

/// Whose inputs drive the unit.
fn task(args: &cli::Predict, readout: &Readout) -> Result<Task> {
    match (&args.data, args.task, &readout.recipe.task) {
        (Some(file), _, _) => Ok(Task::Data {
            file: file.clone(),
            input: args.input.clone(),
            targets: match args.target.is_empty() {
                true => vec![args.input.clone()],
                false => args.target.clone(),
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
    context: &'a Context,
    args: &'a cli::Predict,
    readout: &'a Readout,
    config: &'a Config,
    encoder: &'a Encoder,
    input: &'a [f64],
}

impl Drive<'_> {
    async fn run(&self, said: &mut Said) -> Result<()> {
        match self.args.substrate {
            Kind::Twin => self.context.unless_stopped(self.twin(said)).await,
            Kind::Replay => self.context.unless_stopped(self.replay(said)).await,
            Kind::Handshake => self.unit(said).await,
        }
    }

    async fn twin(&self, said: &mut Said) -> Result<()> {
        let model = self.readout.model;
        let mut device = Device::warm(&arms::twin_params(self.config)?, self.args.seed);
        device.set_operating_point(&self.config.point.operating_point());
        let mut twin = Twin::new(
            device,
            model,
            self.encoder.encoding().discipline,
            model.switch_dead_time(),
            seed::stream(self.args.seed, "twin"),
            Recorder::discard(),
        );
        if self.readout.recipe.wall_meter {
            twin = twin.with_meter();
        }
        self.drive(&mut twin, said).await
    }

    async fn replay(&self, said: &mut Said) -> Result<()> {
        let path = self.args.capture.as_deref().unwrap_or(Path::new(""));
        let capture = Capture::open(path)?;
        let provenance = capture.run()?.provenance;
        let name = &self.encoder.encoding().name;
        let streams = capture.streams()?;
        let stream = streams
            .iter()
            .find(|stream| stream.name == *name)
            .with_context(|| format!("{} holds no stream `{name}`", path.display()))?;
        let steps = Capture::open(path)?.steps(stream)?;
        self.drive(&mut Replay::stored(steps, provenance), said)
            .await
    }

    async fn unit(&self, said: &mut Said) -> Result<()> {
        let session = Session {
            context: self.context,
            config: self.config,
            seed: self.args.seed,
            notices: &crate::render::progress::shown(self.context),
        };
        with_unit(session, async |unit| {
            let discipline = self.encoder.encoding().discipline;
            let mut driven = unit.drive(discipline, Recorder::discard())?;
            self.drive(&mut driven, said).await?;
            unit.release(driven).await
        })
        .await
    }

    async fn drive<S: Substrate>(&self, substrate: &mut S, said: &mut Said) -> Result<()> {
        self.readout.check_provenance(&substrate.provenance())?;
        let plan = (&self.readout.recipe.features, self.readout.model);
        let each = |trace: &Trace| {
            let outputs = self
                .readout
                .predict(&trace.features, &self.input[..trace.encoded.len()])?;
            let is_left_out = trace
                .left_out(&self.readout.recipe.features, self.readout.recipe.taps)
                .contains(trace.encoded.len() - 1);
            said.say(self.input, (!is_left_out).then_some(outputs))
        };
        let trace = Trace::record(substrate, self.encoder, plan, self.input, each).await?;
        // What was seen on the way may speak against the unit.
        self.readout.check_provenance(&trace.provenance)
    }
}

/// What is said, as CSV on standard output, and kept for the score.
struct Said {
    targets: Vec<Vec<f64>>,
    /// Outputs of the readout.
    width: usize,
    /// `None` where the unit's connection broke, and as long as the readout looks back on that.
    outputs: Vec<Option<Vec<f64>>>,
}

impl Said {
    fn new(readout: &Readout, targets: Vec<&[f64]>) -> Result<Said> {
        let outputs = readout.saved.weights.len();
        if !targets.is_empty() && targets.len() != outputs {
            bail!(
                "the readout has {outputs} outputs, but {} targets are named",
                targets.len()
            );
        }
        let mut header = vec!["step".to_string(), "input".into()];
        header.extend((0..outputs).map(|i| format!("prediction{i}")));
        header.extend((0..targets.len()).map(|i| format!("target{i}")));
        line(&header)?;
        Ok(Said {
            targets: targets.into_iter().map(<[f64]>::to_vec).collect(),
            width: outputs,
            outputs: Vec::new(),
        })
    }

    fn say(&mut self, input: &[f64], outputs: Option<Vec<f64>>) -> Result<()> {
        let step = self.outputs.len();
        let mut cells = vec![step.to_string(), tabular::float(input[step])];
        cells.extend(match &outputs {
            Some(outputs) => outputs.iter().copied().map(tabular::float).collect(),
            None => vec![String::new(); self.width],
        });
        cells.extend((self.targets.iter()).map(|target| tabular::float(target[step])));
        self.outputs.push(outputs);
        line(&cells)
    }

    /// The NRMSE after the washout, on standard error: standard output is the predictions.
    fn score(&self, washout: usize) {
        match self.outputs.iter().filter(|row| row.is_none()).count() {
            0 => {}
            rows => stdout::complain(format_args!(
                "the unit's connection broke: {rows} of {} steps have no prediction and are not scored",
                self.outputs.len()
            )),
        }
        for (i, target) in self.targets.iter().enumerate() {
            let from = washout.min(self.outputs.len());
            let scored = self.outputs.iter().zip(target).skip(from);
            let (predicted, target): (Vec<f64>, Vec<f64>) = scored
                .filter_map(|(row, target)| Some((*row.as_ref()?.get(i)?, *target)))
                .unzip();
            match metrics::nrmse(&predicted, &target) {
                Ok(nrmse) => stdout::complain(format_args!(
                    "NRMSE of prediction{i}: {nrmse:.3} over {} steps after {from} of washout",
                    predicted.len()
                )),
                Err(error) => {
                    stdout::complain(format_args!("prediction{i} cannot be scored: {error}"))
                }
            }
        }
    }
}

/// A line of CSV, at once: whoever reads on wants it now.
fn line(cells: &[String]) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", cells.join(","))?;
    Ok(out.flush()?)
}
