//! The one way to keep a capture: it is completed however the work ends, and says how.

use std::path::{Path, PathBuf};

use anyhow::{Error, Result};

use super::context::Interrupted;
use crate::causes::chain;
use crate::store::Store;

/// Has `work` recorded in `store`, and completes the capture whatever comes of it. Returns what `work` gives, and where
/// the capture is.
///
/// # Errors
/// What `work` fails with, naming the capture that keeps what was recorded until then; if the capture cannot be completed.
pub(crate) async fn with_capture<T>(
    store: Store,
    work: impl AsyncFnOnce(&Store) -> Result<T>,
) -> Result<(T, PathBuf)> {
    let path = store.path().to_path_buf();
    let done = work(&store).await;
    // Whatever happened, what is recorded stays readable.
    let state = ending(&done);
    let finished = tokio::task::spawn_blocking(move || store.finish(&state)).await?;
    let done = done.map_err(|error| kept(error, &path))?;
    Ok((done, finished?))
}

/// How a run ended, in the words that its capture keeps.
pub(crate) fn ending<T>(result: &Result<T>) -> String {
    match result {
        Ok(_) => "finished".to_string(),
        Err(error) if error.is::<Interrupted>() => "interrupted".to_string(),
        Err(error) => format!("failed: {}", chain(error)),
    }
}

/// The error of a run whose records are kept at `capture`.
pub(crate) fn kept(error: Error, capture: &Path) -> Error {
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
