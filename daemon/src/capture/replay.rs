//! `thermine capture replay`: the experiment of a capture, judged again from what was recorded.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Parser;

use crate::cli::Train;
use crate::lab::experiment::Plan;
use crate::lab::experiment::task::Named;
use crate::lab::session::Context;
use crate::lab::train;

/// `thermine capture replay`.
#[derive(Debug, clap::Args)]
pub struct Replay {
    /// The capture: a file, or the URL of a database with the number of a run.
    pub file: PathBuf,
    /// Another task than that which was recorded; needed for the shares of another program.
    #[arg(value_enum)]
    pub task: Option<Named>,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub out: Option<PathBuf>,
}

/// `thermine train` as it stands alone, so that its defaults are stated once.
#[derive(Debug, Parser)]
struct Alone {
    #[command(flatten)]
    train: Train,
}

/// What `thermine train --substrate replay` is given for the capture at `path`.
fn arguments(path: &Path, task: Option<Named>) -> Result<Train> {
    let mut words: Vec<OsString> = ["train", "--substrate", "replay", "--capture"]
        .map(OsString::from)
        .to_vec();
    words.push(path.into());
    let mut train = Alone::try_parse_from(words)?.train;
    train.task = task;
    Ok(train)
}

/// The plan of the experiment in the capture at `path`.
pub(crate) fn plan(path: &Path, task: Option<Named>) -> Result<Plan> {
    train::plan(&arguments(path, task)?)
}

/// Runs the subcommand.
pub(super) fn run(args: &Replay, context: &Context) -> Result<()> {
    let train = Train {
        out: args.out.clone(),
        ..arguments(&args.file, args.task)?
    };
    train::run(&train, context)
}
