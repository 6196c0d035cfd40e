//! A command in words as a [`Request`] that may be queued.

use anyhow::{Context, Result, anyhow, bail};
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use super::capture::Record;
use super::sweep::Sweep;
use super::tpf;
use super::train::Train;
use thermine_lab::request::{self, Request};

/// Longest command, in bytes.
const LONGEST: usize = 4096;

/// The commands that can be queued.
#[derive(Debug, Parser)]
#[command(name = "thermine")]
enum Queueable {
    Train(Box<Train>),
    Sweep(Sweep),
    #[command(subcommand)]
    Capture(Capture),
    #[command(subcommand)]
    Tpf(Tpf),
}

#[derive(Debug, Subcommand)]
enum Capture {
    Record(Record),
    Verify {
        file: String,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Tpf {
    Live(tpf::Live),
}

/// Flags that no job may have, and why.
const NOT_IN_A_JOB: [(&str, &str); 7] = [
    (
        "registered",
        "run a registration from the command line, beside its unit",
    ),
    (
        "config",
        "the queue drives the unit that the job is queued for: name it outside the command",
    ),
    (
        "unit",
        "the queue drives the unit that the job is queued for: name it outside the command",
    ),
    (
        "join",
        "a job drives one unit: join units with `thermine train`",
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

/// Flags that a registration does not hold, and why.
const NOT_REGISTERED: [(&str, &str); 13] = [
    ("config", ON_A_UNIT),
    ("unit", ON_A_UNIT),
    ("assume", ON_A_UNIT),
    ("join", "a registration is run on one unit"),
    ("out", "the run of a registration makes its folder"),
    ("store", "the run of a registration records in its folder"),
    ("registered", "it is what is made here"),
    ("backend", "a registration is run on the unit's wire"),
    ("capture", "what has been recorded cannot be predicted"),
    ("data", "a registration names a task of this program"),
    ("seeds", "a prediction is about one run"),
    ("sensitivity", "a unit is run as it is"),
    ("wall-meter", "no meter at the wall is on any wire yet"),
];

const ON_A_UNIT: &str =
    "name the unit when the registration is run, and its model with --unit before the word `train`";

/// Reads the words of a training that is to be registered.
///
/// # Errors
/// If it is no training, or has a flag that no registration holds.
pub(super) fn registrable(words: impl IntoIterator<Item = String>) -> Result<request::Train> {
    let (request, matches) = read(words)?;
    let Request::Train(train) = request else {
        bail!("only a training can be registered: begin with the word `train`");
    };
    refuse_flags(&matches, "a registration", &NOT_REGISTERED)?;
    Ok(*train)
}

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
pub(crate) fn of_words(words: impl IntoIterator<Item = String>) -> Result<Request> {
    let (request, matches) = read(words)?;
    refuse_flags(&matches, "a queued job", &NOT_IN_A_JOB)?;
    Ok(request)
}

fn read(words: impl IntoIterator<Item = String>) -> Result<(Request, ArgMatches)> {
    let words = std::iter::once("thermine".to_string()).chain(words);
    let matches = Queueable::command()
        .try_get_matches_from(words)
        .map_err(|error| why(&error))?;
    let queueable = Queueable::from_arg_matches(&matches).map_err(|error| why(&error))?;
    let request = match queueable {
        Queueable::Train(args) => Request::Train(Box::new(args.request())),
        Queueable::Sweep(args) => Request::Sweep(args.request()),
        Queueable::Capture(Capture::Record(args)) => Request::Record(args.request()),
        Queueable::Capture(Capture::Verify { file, .. }) => {
            Request::Verify(request::Verify { capture: file })
        }
        Queueable::Tpf(Tpf::Live(args)) => Request::FilterTrial(args.request()),
    };
    Ok((request, matches))
}

/// Why a command cannot be queued.
fn why(error: &clap::Error) -> anyhow::Error {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            anyhow!("help and version are no jobs: ask for them on the command line")
        }
        ErrorKind::InvalidSubcommand
        | ErrorKind::MissingSubcommand
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => anyhow!(
            "only `train`, `sweep`, `tpf live`, `capture record` and `capture verify` can be queued"
        ),
        _ => {
            let text = error.to_string();
            // The first paragraph says what is wrong; hints and usage follow.
            let lines = text.lines().take_while(|line| !line.is_empty());
            let first: Vec<&str> = lines.map(str::trim).collect();
            anyhow!("{}", first.join(" ").trim_start_matches("error: "))
        }
    }
}

/// Refuses the flags that `what` may not have. What only the environment has set was not asked for.
fn refuse_flags(matches: &ArgMatches, what: &str, refused: &[(&str, &str)]) -> Result<()> {
    let mut deepest = matches;
    while let Some((_, next)) = deepest.subcommand() {
        deepest = next;
    }
    for (flag, why) in refused {
        let id = flag.replace('-', "_");
        let is_known = deepest.ids().any(|known| known.as_str() == id);
        if is_known && deepest.value_source(&id) == Some(ValueSource::CommandLine) {
            bail!("--{flag} is not for {what}: {why}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
