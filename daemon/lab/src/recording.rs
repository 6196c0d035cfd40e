//! The one way to keep a capture: it is opened before the work, and finished however the work ends.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result};
use thermine_units::provenance::Provenance;

use super::backend::Backend;
use super::config::Config;
use super::session::Interrupted;
use thermine_capture::error_chain::chain;
use thermine_capture::{Capture, RunMeta, Store};

/// Name of the capture in a report folder.
pub const CAPTURE: &str = "capture.sqlite";

/// What work has found, and the capture that recorded it.
#[derive(Debug)]
pub(crate) struct Captured<T> {
    /// The result of the work.
    pub(crate) found: T,
    /// File of the capture, or URL of the database with the number of the run.
    pub(crate) place: PathBuf,
    /// Origin of the numbers, by all that was seen of the unit.
    pub(crate) provenance: Provenance,
}

/// The head of a run of `task` on the unit of `config`.
///
/// # Errors
/// If the configuration cannot be written as TOML.
pub(crate) fn run_meta(
    config: &Config,
    backend: Backend,
    seed: u64,
    task: serde_json::Value,
) -> Result<RunMeta> {
    let (text, config_hash) = config.fingerprint()?;
    Ok(RunMeta {
        seed,
        config: text,
        config_hash,
        task,
        provenance: config.provenance(backend == Backend::Twin),
    })
}

/// Opens a capture at `place`, does `work` with it and finishes it. The capture says how the work ended and stays
/// readable after an error or an interruption.
///
/// # Errors
/// If the capture cannot be made or finished; what `work` fails with, with the place of the capture.
pub(crate) async fn with_capture<T>(
    meta: &RunMeta,
    place: &Path,
    work: impl AsyncFnOnce(&Store) -> Result<T>,
) -> Result<Captured<T>> {
    let store = Store::create(place, meta)?;
    let place = store.path().to_path_buf();
    let done = work(&store).await;
    let state = ending(&done);
    let finished = tokio::task::spawn_blocking(move || store.finish(&state)).await?;
    let found = done.map_err(|error| kept(error, &place))?;
    finished?;
    let provenance = Capture::open(&place)?.run()?.provenance;
    Ok(Captured {
        found,
        place,
        provenance,
    })
}

/// How a run ended, in the words that its capture keeps.
fn ending<T>(result: &Result<T>) -> String {
    match result {
        Ok(_) => "finished".to_string(),
        Err(error) if error.is::<Interrupted>() => "interrupted".to_string(),
        Err(error) => format!("failed: {}", chain(error)),
    }
}

/// The error of a run whose records are kept at `capture`.
fn kept(error: Error, capture: &Path) -> Error {
    let how = if error.is::<Interrupted>() {
        "interrupted"
    } else {
        "the run failed"
    };
    error.context(format!(
        "{how}; what was recorded until then is kept in {}",
        capture.display()
    ))
}
