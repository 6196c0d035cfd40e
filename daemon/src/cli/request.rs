//! Between the command line and what may be queued: the flags of a command as a [`Request`], and a [`Request`] as the
//! arguments of the command that carries it out.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use thermine_units::pow::Difficulty;

use super::tpf::Tpf;
use super::{Capture, Cli, Command, Record, Train, Unit};
use crate::lab::request::{self, Request};
use crate::lab::sweep;

/// Longest command, in bytes.
const LONGEST: usize = 4096;

/// Flags that no job may have, and why.
const NOT_IN_A_JOB: [(&str, &str); 5] = [
    (
        "config",
        "the queue drives the unit that the job is queued for: name it outside the command",
    ),
    (
        "unit",
        "the queue drives the unit that the job is queued for: name it outside the command",
    ),
    (
        "out",
        "the queue makes a folder for each job below daemon.data",
    ),
    (
        "store",
        "a job records where the daemon's configuration says",
    ),
    ("json", "a job's report is in its folder"),
];

/// Reads `command`, the program's arguments without its name, as a request.
///
/// # Errors
/// If it is no command that can be queued, or has a flag that no job may have.
pub fn parse(command: &str) -> Result<Request> {
    if command.len() > LONGEST {
        bail!("a command must be at most {LONGEST} bytes long");
    }
    let words = shlex::split(command).context("a quotation mark is not closed")?;
    of_words(words)
}

/// As above, for words that are already split.
///
/// # Errors
/// As [`parse`].
pub fn of_words(words: impl IntoIterator<Item = String>) -> Result<Request> {
    let words = std::iter::once("thermine".to_string()).chain(words);
    let in_words = |error: clap::Error| {
        if matches!(
            error.kind(),
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
        ) {
            return anyhow::anyhow!(
                "help and version are no jobs: ask for them on the command line"
            );
        }
        let text = error.to_string();
        // The first paragraph says what is wrong; hints and usage follow.
        let lines = text.lines().take_while(|line| !line.is_empty());
        let first: Vec<&str> = lines.map(str::trim).collect();
        anyhow::anyhow!("{}", first.join(" ").trim_start_matches("error: "))
    };
    let matches = Cli::command()
        .try_get_matches_from(words)
        .map_err(in_words)?;
    let cli = Cli::from_arg_matches(&matches).map_err(in_words)?;
    let request = match cli.command {
        Command::Train(args) => Request::Train(Box::new(of_train(&args))),
        Command::Sweep(args) => Request::Sweep(of_sweep(&args)),
        Command::Capture(Capture::Record(args)) => Request::Record(of_record(&args)),
        Command::Capture(Capture::Verify { file, .. }) => Request::Verify(request::Verify {
            capture: text(&file),
        }),
        Command::Tpf(Tpf::Live(args)) => Request::FilterTrial(args.request()),
        _ => bail!(
            "only `train`, `sweep`, `tpf live`, `capture record` and `capture verify` can be queued"
        ),
    };
    refuse_flags(&matches)?;
    Ok(request)
}

/// Refuses the flags that no job may have. What only the environment has set was not asked for.
fn refuse_flags(matches: &ArgMatches) -> Result<()> {
    let mut deepest = matches;
    while let Some((_, next)) = deepest.subcommand() {
        deepest = next;
    }
    for (flag, why) in NOT_IN_A_JOB {
        let is_known = deepest.ids().any(|id| id.as_str() == flag);
        if is_known && deepest.value_source(flag) == Some(ValueSource::CommandLine) {
            bail!("--{flag} is not for a queued job: {why}");
        }
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn of_train(args: &Train) -> request::Train {
    request::Train {
        task: args.task,
        data: args.data.as_ref().map(|file| request::DataFile {
            file: text(file),
            input: args.input.clone(),
            targets: args.target.clone(),
        }),
        substrate: args.substrate,
        capture: args.capture.as_deref().map(text),
        encoding: args.encoding,
        encode: args.encode.clone(),
        nodes: args.nodes,
        mask: args.mask,
        hold: args.hold,
        shares: args.shares,
        difficulty: args.difficulty.map(Difficulty::get),
        features: args.features.clone(),
        readouts: args.readout.clone(),
        history: args.history,
        average: args.average,
        high_pass: args.high_pass,
        taps: args.taps,
        wall_meter: args.wall_meter,
        seed: args.seed,
        seeds: args.seeds,
        steps: args.steps,
        washout: args.washout,
        train: args.train,
        test: args.test,
        echo_steps: args.echo_steps,
        off_steps: args.off_steps,
    }
}

/// The files of a job that trains a readout.
#[derive(Debug, Default)]
pub(crate) struct TrainFiles {
    /// The unit's configuration.
    pub(crate) config: Option<PathBuf>,
    /// The data file.
    pub(crate) data: Option<PathBuf>,
    /// The capture.
    pub(crate) capture: Option<PathBuf>,
    /// Database to record to.
    pub(crate) store: Option<PathBuf>,
    /// Folder of the report.
    pub(crate) out: PathBuf,
}

/// The arguments that carry `asked` out.
///
/// # Errors
/// If a number is none that the command takes.
pub(crate) fn train(asked: &request::Train, files: TrainFiles) -> Result<Train> {
    let named = asked.data.clone();
    let (input, target) = named.map_or(("u".into(), Vec::new()), |data| (data.input, data.targets));
    Ok(Train {
        task: asked.task,
        data: files.data,
        input,
        target,
        config: files.config,
        unit: Unit::S9,
        substrate: asked.substrate,
        capture: files.capture,
        store: files.store,
        encoding: asked.encoding,
        encode: asked.encode.clone(),
        nodes: asked.nodes,
        mask: asked.mask,
        hold: asked.hold,
        shares: asked.shares,
        difficulty: asked.difficulty.map(Difficulty::new).transpose()?,
        features: asked.features.clone(),
        readout: asked.readouts.clone(),
        history: asked.history,
        average: asked.average,
        high_pass: asked.high_pass,
        taps: asked.taps,
        wall_meter: asked.wall_meter,
        seed: asked.seed,
        seeds: asked.seeds,
        steps: asked.steps,
        washout: asked.washout,
        train: asked.train,
        test: asked.test,
        echo_steps: asked.echo_steps,
        off_steps: asked.off_steps,
        out: Some(files.out),
    })
}

fn of_sweep(args: &sweep::Sweep) -> request::Sweep {
    request::Sweep {
        voltage: args.voltage,
        frequency: args.frequency,
        difficulty: args.difficulty,
        window: args.window,
        shares: args.shares,
        hold: args.hold,
        train: args.train,
        narma: args.narma,
        feasibility: args.feasibility,
        seed: args.seed,
    }
}

/// The arguments that carry `asked` out on the unit of the file `config`, into `out`.
pub(crate) fn sweep(asked: &request::Sweep, config: PathBuf, out: PathBuf) -> sweep::Sweep {
    sweep::Sweep {
        config: Some(config),
        unit: Unit::S9,
        voltage: asked.voltage,
        frequency: asked.frequency,
        difficulty: asked.difficulty,
        window: asked.window,
        shares: asked.shares,
        hold: asked.hold,
        train: asked.train,
        narma: asked.narma,
        feasibility: asked.feasibility,
        seed: asked.seed,
        out: Some(out),
    }
}

fn of_record(args: &Record) -> request::Record {
    request::Record {
        shares: args.shares,
        difficulty: args.difficulty,
        frequency: args.frequency,
        voltage: args.voltage,
        fan: args.fan,
        seed: args.seed,
    }
}

/// The arguments that carry `asked` out on the unit of the file `config`, into the capture `out`.
pub(crate) fn record(asked: &request::Record, config: PathBuf, out: PathBuf) -> Record {
    Record {
        config: Some(config),
        unit: Unit::S9,
        shares: asked.shares,
        difficulty: asked.difficulty,
        frequency: asked.frequency,
        voltage: asked.voltage,
        fan: asked.fan,
        seed: asked.seed,
        out: Some(out),
        store: None,
    }
}
