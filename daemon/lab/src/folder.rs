//! The folder of a report: it is made once, and data files go into it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Serialize;

/// Makes the folder of a run: `asked`, which must be empty if it exists, or a new one in `runs`.
///
/// # Errors
/// If it cannot be made, or holds something.
pub fn make(asked: Option<&Path>, name: &str) -> Result<PathBuf> {
    let folder = asked.map_or_else(|| unused(name), Path::to_path_buf);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the report folder {}", folder.display()))?;
    if std::fs::read_dir(&folder)?.next().is_some() {
        bail!(
            "the report folder {} is not empty: name another with --out",
            folder.display()
        );
    }
    Ok(folder)
}

/// Makes a folder as [`make`] does, has `work` fill it, and removes it again if `work` fails and has left nothing in it.
///
/// # Errors
/// As [`make`]; what `work` fails with.
pub async fn filled<T>(
    asked: Option<&Path>,
    name: &str,
    work: impl AsyncFnOnce(&Path) -> Result<T>,
) -> Result<(PathBuf, T)> {
    let folder = make(asked, name)?;
    let done = work(&folder).await.inspect_err(|_| {
        // A folder that holds something stays.
        let _ = std::fs::remove_dir(&folder);
    })?;
    Ok((folder, done))
}

/// A name below `runs` that no folder has.
fn unused(name: &str) -> PathBuf {
    let stamp = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let first = Path::new("runs").join(format!("{name}-{stamp}"));
    let further = (1..).map(|n| Path::new("runs").join(format!("{name}-{stamp}-{n}")));
    std::iter::once(first)
        .chain(further)
        .find(|folder| !folder.exists())
        .unwrap_or_default()
}

/// Writes `value` as JSON under `name`.
///
/// # Errors
/// If the file cannot be written.
pub fn write_json(folder: &Path, name: &str, value: &impl Serialize) -> Result<()> {
    write(folder, name, serde_json::to_string_pretty(value)?)
}

/// Writes `text` under `name`.
///
/// # Errors
/// If the file cannot be written.
pub fn write(folder: &Path, name: &str, text: String) -> Result<()> {
    let path = folder.join(name);
    std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}
