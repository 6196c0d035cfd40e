//! `thermine queue`: the queue's file, which the daemon looks at every second.

use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use comfy_table::Table;

use super::request;
use crate::queue::{Entry, Queue as Jobs};
use crate::render::stdout;
use crate::render::table::table;
use crate::run::wall::now_ms;
use thermine_lab::config::overrides::Overrides;
use thermine_lab::config::rack::Rack;
use thermine_lab::request::Request;

/// `thermine queue`.
#[derive(Debug, Args)]
pub struct Queue {
    /// The configuration that the daemon runs with, for its data folder.
    #[arg(short, long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do with the queue.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Add an experiment, which begins when its unit is free and it is due.
    Add {
        /// Unit that it is for, by its name in the configuration; not needed to verify a capture.
        #[arg(short, long, value_name = "NAME")]
        unit: Option<String>,
        /// When it is due, such as 2026-01-31T22:00:00Z [default: at once].
        #[arg(long, value_name = "TIME")]
        due: Option<jiff::Timestamp>,
        /// The command, as it would be given to the program: `train narma10 --seed 2`, `sweep ...`,
        /// `capture record ...`, `capture verify FILE`.
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Show the experiments that run, wait or have lately ended.
    List {
        /// Print JSON instead of a table, one line a job.
        #[arg(long)]
        json: bool,
    },
    /// Take an experiment out; one that runs is ended, and its unit left safe.
    Cancel {
        /// Its number.
        id: u64,
    },
}

/// Runs the subcommand.
pub(super) fn run(args: Queue) -> Result<()> {
    let overrides = Overrides::from_environment()?;
    let rack = match &args.config {
        Some(path) => Rack::load(path, &overrides)?,
        None => Rack::newcomer(&overrides)?,
    };
    let queue = Jobs::open(&rack.daemon.data, request::parse)?;
    match args.command {
        Command::Add { unit, due, command } => {
            let mut request = request::of_words(command)?;
            absolute(&mut request);
            let names: Vec<&str> = rack.all().map(|unit| unit.unit.name.as_str()).collect();
            let due_ms = due.map(|due| u64::try_from(due.as_millisecond()).unwrap_or(0));
            let id = queue.add(
                &names,
                &request,
                &rack.daemon.folders(),
                unit.as_deref(),
                due_ms,
                now_ms(),
            )?;
            stdout::line(id)?;
        }
        Command::List { json } => {
            let all = queue.list()?;
            if json {
                for entry in &all {
                    stdout::line(serde_json::to_string(&entry.job)?)?;
                }
            } else {
                stdout::line(render(&all))?;
            }
        }
        Command::Cancel { id } => stdout::line(queue.cancel(id)?)?,
    }
    Ok(())
}

/// Files are named from where the command is given: names of files that are there are made whole. Other names are
/// relative to the folders of the configuration.
fn absolute(request: &mut Request) {
    let name = match request {
        Request::Verify(verify) => &mut verify.capture,
        Request::Train(train) => match (&mut train.data, &mut train.capture) {
            (Some(data), _) => &mut data.file,
            (None, Some(capture)) => capture,
            (None, None) => return,
        },
        Request::Sweep(_) | Request::Record(_) | Request::FilterTrial(_) => return,
    };
    if let Ok(path) = std::path::absolute(&*name)
        && path.is_file()
    {
        *name = path.to_string_lossy().into_owned();
    }
}

fn render(all: &[Entry]) -> Table {
    let mut rows = table(
        &[
            "id", "unit", "command", "progress", "attempts", "due", "outcome",
        ],
        &[0, 4],
    );
    for Entry { job, attempts, .. } in all {
        let due = job.due_ms.and_then(|due| i64::try_from(due).ok());
        let due = due.and_then(|due| jiff::Timestamp::from_millisecond(due).ok());
        rows.add_row([
            job.id.to_string(),
            job.unit.clone(),
            job.command.clone(),
            format!("{:?}", job.progress).to_lowercase(),
            attempts.to_string(),
            due.map_or_else(|| "at once".into(), |due| due.to_string()),
            job.outcome.clone().unwrap_or_default(),
        ]);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::store::LATEST_MS;
    use thermine_lab::config::daemon::Daemon;

    #[test]
    fn the_latest_time_that_a_job_can_be_due_is_shown() {
        let dir = tempfile::tempdir().expect("a folder");
        let queue = Jobs::open(dir.path(), request::parse).expect("a queue");
        let folders = Daemon::default().folders();
        let job = request::parse("train narma10").expect("a job");
        let added = queue.add(&["a"], &job, &folders, None, Some(LATEST_MS), 0);
        added.expect("added");
        let shown = render(&queue.list().expect("read")).to_string();
        assert!(shown.contains("9999-12-30"), "{shown}");
    }
}
