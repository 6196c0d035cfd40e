//! `thermine capture`: verify, import, info, record, compare, merge, export, replay.
//!
//! - [`info`]: what a capture holds; [`replay`]: its experiment judged again;
//! - [`mod@record`]: a share log at a constant drive;
//! - [`stream`]: the answers of a capture, each as new, late or a copy; [`quantities`] and [`layout`]: what they
//!   measure;
//! - [`compare`]: the same of two captures, side by side.

mod compare;
mod info;
pub(crate) mod layout;
mod quantities;
pub(crate) mod record;
pub(crate) mod replay;
mod stream;

use anyhow::{Context as _, Result, bail};
use thermine_units::pow::Difficulty;

use crate::cli;
use crate::export;
use crate::lab::session::Context;
use crate::render::stdout;
use thermine_capture::{import, merge, verify};

pub(crate) use self::replay::Replay;

/// Runs the subcommand.
pub(crate) fn run(command: cli::Capture, context: &Context) -> Result<()> {
    match command {
        cli::Capture::Verify { file, json } => {
            let report = verify::verify(&file)?;
            if json {
                stdout::line(serde_json::to_string_pretty(&report)?)?;
            } else {
                stdout::text(crate::render::verify::text(&report))?;
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
            stdout::line(format_args!(
                "{} shares of {} jobs, {} of them sent twice",
                imported.shares, imported.jobs, imported.duplicates
            ))?;
            for note in &imported.notes {
                stdout::line(note)?;
            }
            stdout::line(imported.capture.display())?;
        }
        cli::Capture::Record(args) => {
            let (file, said) = record::record(&args, &crate::render::progress::shown(context))?;
            stdout::line(said)?;
            stdout::line(file.display())?;
        }
        cli::Capture::Compare { a, b, json } => {
            let comparison = compare::compare(&a, &b)?;
            if json {
                stdout::line(serde_json::to_string_pretty(&comparison)?)?;
            } else {
                stdout::text(comparison.render())?;
            }
        }
        cli::Capture::Info { file } => stdout::text(info::info(&file)?)?,
        cli::Capture::Merge { files, out } => {
            for run in merge::merge(&files, &out)? {
                stdout::line(format_args!(
                    "run {} of {}: {} records, now run {}",
                    run.was,
                    run.source.display(),
                    run.rows,
                    run.is
                ))?;
            }
            stdout::line(out.display())?;
        }
        cli::Capture::Export {
            file,
            format,
            what,
            stream,
            out,
        } => {
            let exported = export::export(&file, what, format, stream.as_deref(), out.as_deref())?;
            stdout::line(format_args!(
                "{} rows of {} columns",
                exported.rows, exported.columns
            ))?;
            stdout::line(exported.file.display())?;
        }
        cli::Capture::Replay(args) => replay::run(&args, context)?,
    }
    Ok(())
}
