//! `thermine capture replay`: the experiment of a capture, judged again from what was recorded.

use std::path::PathBuf;

use anyhow::Result;

use super::train;
use super::words::words;
use thermine_lab::backend::Backend;
use thermine_lab::experiment::task::Named;
use thermine_lab::request::{self, Setup};
use thermine_lab::session::Context;

/// `thermine capture replay`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  thermine capture replay runs/demo/capture.sqlite
  thermine capture replay shares.sqlite narma10 -o runs/again")]
pub struct Replay {
    /// The capture: a file, or the URL of a database with the number of a run.
    pub(crate) file: PathBuf,
    /// Another task than the recorded one; needed for the shares of another program.
    #[arg(value_parser = words::<Named>())]
    pub(crate) task: Option<Named>,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) out: Option<PathBuf>,
}

/// Runs the subcommand.
pub(crate) async fn run(args: Replay, context: &Context) -> Result<()> {
    let request = request::Train {
        task: args.task,
        backend: Backend::Replay,
        ..request::Train::default()
    };
    let setup = Setup {
        capture: Some(args.file),
        out: args.out,
        ..Setup::default()
    };
    train::carry_out(&request, setup, context).await
}
