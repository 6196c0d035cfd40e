//! `thermine capture`: verify, import, info, record, compare.
//!
//! - [`mod@record`]: a share log at a constant drive;
//! - [`stream`]: the answers of a capture, each as new, late or a copy; [`quantities`] and [`layout`]: what they
//!   measure;
//! - [`compare`]: the same of two captures, side by side.

mod compare;
mod layout;
mod quantities;
pub(crate) mod record;
mod stream;

use std::path::Path;

use anyhow::{Context, Result, bail};
use thermine_drivers::pow::Difficulty;

use crate::cli;
use crate::report::progress::Progress;
use crate::report::table::table;
use crate::store::{Capture, import, verify};

/// Runs the subcommand.
#[expect(clippy::print_stdout, reason = "its output is what it is for")]
pub(crate) fn run(command: cli::Capture) -> Result<()> {
    match command {
        cli::Capture::Verify { file, json } => {
            let report = verify::verify(&file)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&report)?);
            } else {
                print!("{}", report.render());
            }
            if report.contradictions > 0 {
                bail!(
                    "{} shares of {} contradict their record: the capture is damaged",
                    report.contradictions,
                    file.display()
                );
            }
        }
        cli::Capture::Import {
            csv,
            out,
            difficulty,
        } => {
            let out = out.unwrap_or_else(|| csv.with_extension("sqlite"));
            let difficulty = Difficulty::new(difficulty).context("--difficulty")?;
            let runtime = tokio::runtime::Builder::new_current_thread().build()?;
            let imported = runtime.block_on(import::import(&csv, &out, difficulty))?;
            println!(
                "{} shares of {} jobs, {} of them sent twice",
                imported.shares, imported.jobs, imported.duplicates
            );
            println!("{}", imported.capture.display());
        }
        cli::Capture::Record(args) => {
            let (file, said) = record::record(&args, &Progress::default())?;
            println!("{said}");
            println!("{}", file.display());
        }
        cli::Capture::Compare { a, b, json } => {
            let comparison = compare::compare(&a, &b)?;
            if json {
                println!("{}", serde_json::to_string_pretty(&comparison)?);
            } else {
                print!("{}", comparison.render());
            }
        }
        cli::Capture::Info { file } => print!("{}", info(&file)?),
    }
    Ok(())
}

fn info(file: &Path) -> Result<String> {
    let capture = Capture::open(file)?;
    let run = capture.run()?;
    let created = jiff::Timestamp::from_second(run.created_unix_s)?;
    let mut streams = table(
        &["stream", "unit", "jobs", "shares", "readings", "steps"],
        &[2, 3, 4, 5],
    );
    for stream in capture.streams()? {
        let model = stream.identity.and_then(|identity| identity.model);
        streams.add_row([
            stream.name,
            model.unwrap_or_else(|| "not reported".into()),
            stream.jobs.to_string(),
            stream.shares.to_string(),
            stream.readings.to_string(),
            stream.steps.to_string(),
        ]);
    }
    let state = match run.state.as_str() {
        "running" => "not finished: still running, or killed",
        state => state,
    };
    Ok(format!(
        "{}: {}, {state}\nbegun {created} by version {}, seed {}, configuration {}\ntask {}\n{streams}\n",
        file.display(),
        run.provenance,
        run.version,
        run.seed,
        run.config_hash,
        run.task,
    ))
}
