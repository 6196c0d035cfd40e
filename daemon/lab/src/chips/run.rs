//! Captures and units, measured one after the other.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use serde::Serialize;
use thermine_sim::Params;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

use super::clock::Times;
use super::counts::Tally;
use super::demand::Demand;
use super::fit::Fit;
use super::measure::measure;
use super::measured::{Measured, Source, StreamFacts};
use super::request::ChipsRequest;
use super::table::Table;
use crate::config::{Config, rack};
use crate::driven;
use crate::observer::Progress;
use crate::record;
use crate::record::request::Record;
use crate::recording::CAPTURE;
use crate::threads::computed;
use crate::tpf::evidence::imported;
use thermine_capture::Capture;
use thermine_capture::reader::{Run, Stream};

/// Shares whose times are looked at; all are counted.
const MOST_TIMED: u32 = 20_000;

/// Most units at once: each is driven in turn.
const MOST_UNITS: usize = 64;

/// A capture or a unit.
#[derive(Debug)]
pub enum Input {
    /// A capture, or a CSV file of shares.
    Capture(PathBuf),
    /// A unit, which is driven.
    Unit(Box<Config>),
}

/// The report of all units.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Version of the program.
    pub(crate) version: &'static str,
    /// Measurements of each unit, in the order of the inputs.
    pub(crate) units: Vec<Measured>,
}

/// The captures and units that `request` names. Each is checked before the first is driven for hours.
///
/// # Errors
/// If one of them cannot be measured.
pub fn inputs(request: &ChipsRequest, table: &Table) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in &request.inputs {
        ensure!(
            path.exists(),
            "there is no file {}; to drive a simulated unit, name it with --unit",
            path.display()
        );
        if has_extension(path, "toml") {
            let units = rack::load(path)?.into_iter().map(Box::new);
            inputs.extend(units.map(Input::Unit));
        } else {
            if !has_extension(path, "csv") {
                Capture::open(path)?;
            }
            inputs.push(Input::Capture(path.clone()));
        }
    }
    if request.inputs.is_empty() {
        let config = Config::simulated(request.model.unwrap_or(Model::AntminerS9))?;
        inputs.push(Input::Unit(Box::new(config)));
    }
    ensure!(
        inputs.len() <= MOST_UNITS,
        "{} units and captures: at most {MOST_UNITS} at once",
        inputs.len()
    );
    for input in &inputs {
        if let Input::Unit(config) = input {
            table.layout(config.unit.model, None, request.layout.as_deref())?;
            driven::check(config, request.backend)?;
        }
    }
    Ok(inputs)
}

/// Measures each of `inputs` as `request` asks for, and shows `each` what it measures, with the folder for its files:
/// `folder`, or one of its own there if there are several.
///
/// # Errors
/// If a unit fails, or a capture holds no nonce that can be read.
pub async fn run(
    request: &ChipsRequest,
    (inputs, table): (&[Input], &Table),
    folder: &Path,
    progress: &Progress,
    each: &mut dyn FnMut(&Measured, &Path) -> Result<()>,
) -> Result<Report> {
    let is_alone = inputs.len() == 1;
    let mut units = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let own = match is_alone {
            true => folder.to_path_buf(),
            false => folder.join(format!("{}-{}", number + 1, input.name())),
        };
        std::fs::create_dir_all(&own)
            .with_context(|| format!("cannot make the folder {}", own.display()))?;
        let (path, driven) = input.capture(request, &own, progress).await?;
        let (request, table) = (request.clone(), table.clone());
        let measured = computed(progress.context(), move || {
            of_capture(&path, &request, &table, driven).with_context(|| path.display().to_string())
        })
        .await?;
        each(&measured, &own)?;
        units.push(measured);
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        units,
    })
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

impl Input {
    /// A name for a folder.
    fn name(&self) -> String {
        let name = match self {
            Input::Capture(path) => path.file_stem().unwrap_or_default().to_string_lossy(),
            Input::Unit(config) => config.unit.name.as_str().into(),
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        name.chars().take(60).map(plain).collect()
    }

    /// The capture, and the origin of its numbers if a unit was driven for it into `folder`.
    async fn capture(
        &self,
        request: &ChipsRequest,
        folder: &Path,
        progress: &Progress,
    ) -> Result<(PathBuf, Option<Provenance>)> {
        let config = match self {
            Input::Capture(file) => {
                let make = || Ok(folder.to_path_buf());
                let (capture, _) = imported(file, request.difficulty, make).await?;
                return Ok((capture, None));
            }
            Input::Unit(config) => config.as_ref().clone(),
        };
        let wanted = Record {
            shares: request.shares,
            seed: request.seed,
            ..Record::default()
        };
        let place = folder.join(CAPTURE);
        let recorded = record::run(&wanted, config, request.backend, &place, progress).await?;
        Ok((recorded.capture, Some(recorded.provenance)))
    }
}

/// Measures the capture at `path`, whose nonces are read by `table`. `driven` is the origin of its numbers if its unit
/// was just driven.
///
/// # Errors
/// If the capture cannot be read, or holds no nonce that can be.
pub fn of_capture(
    path: &Path,
    request: &ChipsRequest,
    table: &Table,
    driven: Option<Provenance>,
) -> Result<Measured> {
    let capture = Capture::open(path)?;
    let run = capture.run()?;
    let stream = stream(&capture, request)?;
    let config = toml::from_str::<Config>(&run.config).ok();
    let mut notes = Vec::new();
    let model = model(config.as_ref(), request.model, &mut notes)?;
    let on_board = config.as_ref().and_then(|config| config.serial.as_ref());
    let on_board = on_board.map(|serial| usize::from(serial.chips));
    let layout = table.layout(model, on_board, request.layout.as_deref())?;
    let mut tally = Tally::new(layout);
    capture.for_each_answer(&stream, |answer| tally.add(&answer))?;
    check(&tally, &stream)?;
    let mut fit = Fit::of(&tally);
    if let Some(fit) = fit.as_mut().filter(|fit| !fit.fits()) {
        for layout in table.others(model, on_board, &tally.layout().name) {
            let mut other = Tally::new(layout);
            capture.for_each_answer(&stream, |answer| other.add(&answer))?;
            if let Some(found) = Fit::of(&other).filter(Fit::fits) {
                fit.others.push((other.layout().name.clone(), found.p));
            }
        }
    }
    let facts = facts(&capture, &stream, &run, (config.as_ref(), model))?;
    notes.extend(remarks(&run, &stream, &tally));
    let file_name = || path.file_stem().unwrap_or_default().to_string_lossy();
    let source = Source {
        name: config.map_or_else(|| file_name().into_owned(), |config| config.unit.name),
        capture: path.display().to_string(),
        stream: stream.name,
        provenance: driven.unwrap_or_else(|| Provenance::Replayed(Box::new(run.provenance))),
        model,
        seed: run.seed,
        config_hash: run.config_hash,
        notes,
    };
    let demand = Demand {
        level: request.level,
        power: request.power,
        seed: request.seed,
    };
    Ok(measure(source, (&tally, fit), &facts, demand))
}

/// The stream that is asked for, or the one with most shares.
fn stream(capture: &Capture, request: &ChipsRequest) -> Result<Stream> {
    let stream = match &request.stream {
        Some(name) => capture.stream(name)?,
        None => {
            let streams = capture.streams()?.into_iter();
            let most = streams.max_by_key(|stream| stream.shares);
            most.context("holds no stream: nothing was recorded")?
        }
    };
    ensure!(
        stream.shares > 0,
        "stream `{}` holds {} steps and no share, so there is no nonce to read: `thermine capture record` and \
         `thermine train` keep shares",
        stream.name,
        stream.steps
    );
    Ok(stream)
}

/// Checks that there are nonces.
fn check(tally: &Tally, stream: &Stream) -> Result<()> {
    ensure!(
        tally.n > 0,
        "none of the {} answers in stream `{}` is a valid share",
        tally.answers(),
        stream.name
    );
    ensure!(
        !tally.has_no_nonces(),
        "the {} shares of stream `{}` all have one nonce: the program that recorded them wrote none, so nothing tells \
         which chip found what",
        tally.n + tally.repeated,
        stream.name
    );
    Ok(())
}

/// The model of a capture's unit: by its configuration, else as asked, else an S9.
fn model(config: Option<&Config>, asked: Option<Model>, notes: &mut Vec<String>) -> Result<Model> {
    match (config, asked) {
        (Some(config), Some(asked)) if config.unit.model != asked => bail!(
            "--unit says {asked}, but the capture is of a unit of model {}",
            config.unit.model
        ),
        (Some(config), _) => Ok(config.unit.model),
        (None, Some(asked)) => Ok(asked),
        (None, None) => {
            notes.push(
                "the capture does not say of which unit it is: taken to be an antminer-s9 (--unit names another)"
                    .into(),
            );
            Ok(Model::AntminerS9)
        }
    }
}

/// Times, difficulties and errors of the stream.
fn facts(
    capture: &Capture,
    stream: &Stream,
    run: &Run,
    (config, model): (Option<&Config>, Model),
) -> Result<StreamFacts> {
    let answers = capture.timed_answers(stream, MOST_TIMED)?;
    let until = answers.last().map(|timed| timed.answer.arrived);
    let sent = capture.first_sendings(stream, until.unwrap_or_default(), 4 * MOST_TIMED)?;
    let is_foreign = run.task.get("imported").is_some();
    let mut difficulties = capture.difficulties(stream)?;
    if difficulties.is_empty() {
        // A twin's stream holds no jobs; the twin works at its floor if less is asked of it.
        let floor = Params::of(model).map_or(0.0, |params| params.difficulty_floor);
        difficulties.extend(config.map(|config| config.step.difficulty.get().max(floor)));
    }
    let errors = capture
        .first_and_last_reading(stream)?
        .and_then(|(first, last)| {
            let count = last.hardware_errors?.checked_sub(first.hardware_errors?)?;
            Some((count, last.taken.since(first.taken).as_secs_f64()))
        });
    Ok(StreamFacts {
        difficulties,
        timed: answers.len(),
        times: Times::of(&answers, &sent, is_foreign),
        errors,
    })
}

/// What a reader should know of the stream.
fn remarks(run: &Run, stream: &Stream, tally: &Tally) -> Vec<String> {
    let mut remarks = Vec::new();
    if run.state == "running" {
        remarks.push("the run has not finished: it goes on, or was killed".into());
    }
    if stream.jobs == 0 {
        remarks.push(
            "its shares were drawn by a twin and carry no header: nothing here can be hashed again"
                .into(),
        );
    }
    if 20 * tally.strange > tally.n {
        remarks.push(format!(
            "{} of {} nonces name no known chip or core: is `{}` the layout of these chips? (--layout, --layouts)",
            tally.strange,
            tally.n,
            tally.layout().name
        ));
    }
    remarks
}
