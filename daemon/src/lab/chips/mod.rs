//! `thermine chips`: which chip and core found each share, what that says of them, and what it cannot say yet.
//!
//! - [`table`]: the layouts of nonces, which a file can extend; [`layout`]: how one takes a nonce apart; [`counts`]: shares
//!   counted as they stream;
//! - [`clock`]: the chips' clock by two routes; [`mod@measure`]: all that is measured of a unit; [`cells`]: cores of single chips;
//! - [`map`]: boards and cores as maps; `render`: the text; `files`: the report folder.

pub mod cells;
pub mod clock;
pub mod counts;
mod files;
pub mod layout;
pub mod map;
pub mod measure;
mod render;
pub mod table;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Args as Arguments, ValueEnum};
use serde::Serialize;
use thermine_sim::Params;
use thermine_units::model::Model;
use thermine_units::provenance::Provenance;

use self::clock::Times;
use self::counts::Tally;
use self::measure::{Context, Demand, Measured, Source, measure};
use self::table::Table;
use crate::capture::record;
use crate::cli::Unit;
use crate::lab::config::{Config, rack};
use crate::lab::experiment::arms::twin_of;
use crate::lab::session;
use crate::lab::tpf::evidence;
use crate::render::folder;
use crate::render::stdout;
use thermine_capture::Capture;
use thermine_capture::reader::{Run, Stream};

/// Answers whose times are looked at; all are counted.
const MOST_TIMED: u32 = 20_000;

/// Most units at once: each is driven in turn.
const MOST_UNITS: usize = 64;

/// Name of a capture in the report folder.
const CAPTURE: &str = "capture.sqlite";

/// `thermine chips`.
#[derive(Debug, Arguments)]
pub struct Args {
    /// Captures, CSV files of shares, or configurations (`.toml`) of units or racks, which are then driven; without
    /// any, a simulated unit is driven.
    #[arg(value_name = "CAPTURE|CONFIG")]
    pub inputs: Vec<PathBuf>,
    /// Which simulated unit is driven if nothing is named [default: s9]; or of which unit a capture is that does not
    /// say so.
    #[arg(short, long, value_enum)]
    pub unit: Option<Unit>,
    /// Answers that a driven unit gives.
    #[arg(short = 'n', long, default_value_t = 5_000)]
    pub shares: u64,
    /// How a unit is driven.
    #[arg(long, value_enum, default_value = "handshake")]
    pub substrate: By,
    /// Expected part of false findings among the chips, and among the cores, that are said to differ.
    #[arg(long, default_value_t = 0.05, value_parser = probability)]
    pub level: f64,
    /// Power at which the shares needed are counted.
    #[arg(long, default_value_t = 0.95, value_parser = probability)]
    pub power: f64,
    /// Table of layouts that is added to the program's own.
    #[arg(long, value_name = "FILE")]
    pub layouts: Option<PathBuf>,
    /// Kind of chip by whose layout nonces are read [default: that of the unit].
    #[arg(long, value_name = "NAME")]
    pub layout: Option<String>,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    pub stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    #[arg(long, default_value_t = 256.0)]
    pub difficulty: f64,
    /// Seed of a simulated unit and of resampled intervals.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// How a unit is driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// On its wire.
    Handshake,
    /// The simulator's physics, in process.
    Twin,
}

fn probability(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number > 0.0 && number < 1.0 => Ok(number),
        _ => Err("must be a number between 0 and 1".into()),
    }
}

/// What is looked at.
#[derive(Debug)]
enum Input {
    Capture(PathBuf),
    Unit(Box<Config>),
}

#[derive(Debug, Serialize)]
struct Report<'a> {
    version: &'static str,
    units: &'a [Measured],
}

/// Runs the subcommand.
pub(crate) fn run(args: &Args, context: &session::Context) -> Result<()> {
    let table = Table::load(args.layouts.as_deref())?;
    let inputs = inputs(args, &table)?;
    let folder = folder::make(args.out.as_deref(), "chips")?;
    let units = reported(&inputs, args, &table, &folder, context).inspect_err(|_| {
        // Goes only if nothing is in it: what a unit was driven for is kept.
        let _ = std::fs::remove_dir(&folder);
    })?;
    let report = Report {
        version: env!("CARGO_PKG_VERSION"),
        units: &units,
    };
    folder::write_json(&folder, "report.json", &report)?;
    stdout::line(folder.display())?;
    Ok(())
}

/// Measures each of `inputs`, prints it and leaves its maps and tables in `folder`, or in a folder of its own there if
/// there are several.
fn reported(
    inputs: &[Input],
    args: &Args,
    table: &Table,
    folder: &Path,
    context: &session::Context,
) -> Result<Vec<Measured>> {
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let alone = inputs.len() == 1;
    let mut units = Vec::new();
    for (number, input) in inputs.iter().enumerate() {
        let own = match alone {
            true => folder.to_path_buf(),
            false => folder.join(format!("{}-{}", number + 1, input.name())),
        };
        std::fs::create_dir_all(&own)
            .with_context(|| format!("cannot make the folder {}", own.display()))?;
        let measured = input.measure(args, table, &own, context)?;
        files::write(&measured, &own)?;
        stdout::coloured(&render::text(&measured, colour))?;
        units.push(measured);
    }
    Ok(units)
}

/// What the arguments name, each of which can be looked at.
fn inputs(args: &Args, table: &Table) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for path in &args.inputs {
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
    if args.inputs.is_empty() {
        let config = Config::simulated(args.unit.unwrap_or(Unit::S9).model())?;
        inputs.push(Input::Unit(Box::new(config)));
    }
    ensure!(
        inputs.len() <= MOST_UNITS,
        "{} units and captures: at most {MOST_UNITS} at once",
        inputs.len()
    );
    for input in &inputs {
        let Input::Unit(config) = input else { continue };
        // Before it is driven for hours.
        table.layout(config.unit.model, None, args.layout.as_deref())?;
        if args.substrate == By::Twin {
            ensure!(
                config.unit.simulated.is_some(),
                "--substrate twin is a simulation, but {} is not configured as a simulated unit",
                config.unit.name
            );
            twin_of(config.unit.model)?;
        }
    }
    Ok(inputs)
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

impl Input {
    /// A name for its folder.
    fn name(&self) -> String {
        let name = match self {
            Input::Capture(path) => path.file_stem().unwrap_or_default().to_string_lossy(),
            Input::Unit(config) => config.unit.name.as_str().into(),
        };
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        name.chars().take(60).map(plain).collect()
    }

    /// Drives it if it is a unit, and measures its capture; what has to be kept goes into `folder`.
    fn measure(
        &self,
        args: &Args,
        table: &Table,
        folder: &Path,
        context: &session::Context,
    ) -> Result<Measured> {
        let (path, driven) = match self {
            Input::Capture(file) => {
                let make = || Ok(folder.to_path_buf());
                (evidence::capture_of(file, args.difficulty, make)?.0, None)
            }
            Input::Unit(config) => {
                let path = folder.join(CAPTURE);
                let plan = record::Plan {
                    config,
                    shares: args.shares,
                    seed: args.seed,
                    on_twin: args.substrate == By::Twin,
                };
                let (_, _, provenance) =
                    record::to_file(&plan, &path, &crate::render::progress::shown(context))?;
                (path, Some(provenance))
            }
        };
        of_capture(&path, args, table, driven).with_context(|| path.display().to_string())
    }
}

/// Measures the capture at `path`, whose nonces are read by `table`; `driven` says where its numbers are from if its
/// unit was just driven.
///
/// # Errors
/// If it cannot be read, or holds no nonce that could be.
pub fn of_capture(
    path: &Path,
    args: &Args,
    table: &Table,
    driven: Option<Provenance>,
) -> Result<Measured> {
    let capture = Capture::open(path)?;
    let run = capture.run()?;
    let stream = match &args.stream {
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
    let config = toml::from_str::<Config>(&run.config).ok();
    let mut notes = Vec::new();
    let model = model(config.as_ref(), args.unit, &mut notes)?;
    let on_board = config.as_ref().and_then(|config| config.serial.as_ref());
    let on_board = on_board.map(|serial| usize::from(serial.chips));
    let layout = table.layout(model, on_board, args.layout.as_deref())?;
    let mut tally = Tally::new(layout);
    capture.for_each_answer(&stream, |answer| tally.add(&answer))?;
    ensure!(
        tally.n > 0,
        "none of the {} answers in stream `{}` is a valid share",
        tally.answers(),
        stream.name
    );
    ensure!(
        !tally.has_no_nonces(),
        "the {} shares of stream `{}` all have one nonce: whoever recorded them wrote none, so nothing tells which \
         chip found what",
        tally.n + tally.repeated,
        stream.name
    );
    let context = context(&capture, &stream, &run, (config.as_ref(), model))?;
    notes.extend(remarks(&run, &stream, &tally));
    let source = Source {
        name: config.map_or_else(
            || {
                path.file_stem()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .into_owned()
            },
            |config| config.unit.name,
        ),
        capture: path.display().to_string(),
        stream: stream.name,
        provenance: driven.unwrap_or_else(|| Provenance::Replayed(Box::new(run.provenance))),
        model,
        seed: run.seed,
        config_hash: run.config_hash,
        notes,
    };
    let demand = Demand {
        level: args.level,
        power: args.power,
        seed: args.seed,
    };
    Ok(measure(source, &tally, &context, demand))
}

/// The unit that a capture is of: by its configuration, else as asked, else an S9.
fn model(config: Option<&Config>, asked: Option<Unit>, notes: &mut Vec<String>) -> Result<Model> {
    match (config, asked.map(Unit::model)) {
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
fn context(
    capture: &Capture,
    stream: &Stream,
    run: &Run,
    (config, model): (Option<&Config>, Model),
) -> Result<Context> {
    let answers = capture.timed_answers(stream, MOST_TIMED)?;
    let until = answers.last().map(|timed| timed.answer.arrived);
    let sent = capture.first_sendings(stream, until.unwrap_or_default(), 4 * MOST_TIMED)?;
    let foreign = run.task.get("imported").is_some();
    let mut difficulties = capture.difficulties(stream)?;
    if difficulties.is_empty() {
        // A twin's stream holds no jobs; it works at its floor if less is asked of it.
        let floor = Params::of(model).map_or(0.0, |params| params.difficulty_floor);
        difficulties.extend(config.map(|config| config.step.difficulty.get().max(floor)));
    }
    let errors = capture
        .first_and_last_reading(stream)?
        .and_then(|(first, last)| {
            let count = last.hardware_errors?.checked_sub(first.hardware_errors?)?;
            Some((count, last.taken.since(first.taken).as_secs_f64()))
        });
    Ok(Context {
        difficulties,
        timed: answers.len(),
        times: Times::of(&answers, &sent, foreign),
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
