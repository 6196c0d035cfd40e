//! Where a capture is: a file, or a database on a server; and which of its runs is meant.

use std::path::{Path, PathBuf};

use super::error::StoreError;
use super::server::check_url;

/// A place as the user names it.
///
/// - `capture.sqlite`: a file; `capture.sqlite#2`: its second run, where several were merged into it;
/// - `postgres://user@host/db`: a database; `postgres://user@host/db#7`: its run 7.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A SQLite file on this machine.
    File {
        /// Path of the file.
        path: PathBuf,
        /// Number of the run that is meant; `None` for all.
        run: Option<i64>,
    },
    /// A database on a server.
    Server {
        /// Its URL, which holds no password.
        url: String,
        /// Number of the run that is meant; `None` for all.
        run: Option<i64>,
    },
}

impl Place {
    /// Reads a place from what stands on the command line.
    ///
    /// # Errors
    /// If it is the URL of a database and cannot be understood, or holds a password.
    pub fn of(name: &Path) -> Result<Place, StoreError> {
        let text = name.to_string_lossy();
        if !is_url(&text) {
            // A file may have such a name itself.
            let numbered = match split(&text) {
                (file, Some(run)) if !name.exists() => Some((PathBuf::from(file), Some(run))),
                _ => None,
            };
            let (path, run) = numbered.unwrap_or_else(|| (name.to_path_buf(), None));
            return Ok(Place::File { path, run });
        }
        let (url, run) = split(&text);
        let wrong = |what: String| StoreError::Content {
            path: PathBuf::from(masked(&text)),
            what,
        };
        check_url(url).map_err(wrong)?;
        Ok(Place::Server {
            url: url.to_string(),
            run,
        })
    }

    /// Whether it is on a server.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Place::Server { .. })
    }

    /// Its name as the user would write it, for run `run` of it if that is not its only one.
    pub(crate) fn name(&self, run: Option<i64>) -> PathBuf {
        let base = match self {
            Place::File { path, .. } => path.to_string_lossy().into_owned(),
            Place::Server { url, .. } => url.clone(),
        };
        PathBuf::from(match run {
            Some(run) => format!("{base}#{run}"),
            None => base,
        })
    }
}

/// Whether it is the URL of a database.
pub fn is_url(text: &str) -> bool {
    text.starts_with("postgres://") || text.starts_with("postgresql://")
}

/// The name before the last `#`, and the number after it; all of the name if none is there.
fn split(text: &str) -> (&str, Option<i64>) {
    match text.rsplit_once('#') {
        Some((name, number)) => match number.parse() {
            Ok(run) if run > 0 => (name, Some(run)),
            _ => (text, None),
        },
        None => (text, None),
    }
}

/// A URL without anything that could be a password.
fn masked(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("postgres", url));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let rest = rest.split('?').next().unwrap_or_default();
    format!("{scheme}://{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_told_apart_and_runs_are_numbered() {
        let place = |text: &str| Place::of(Path::new(text)).expect("a place");
        assert_eq!(
            place("runs/a.sqlite#3"),
            Place::File {
                path: "runs/a.sqlite".into(),
                run: Some(3)
            }
        );
        assert_eq!(
            place("a#b"),
            Place::File {
                path: "a#b".into(),
                run: None
            }
        );
        if !cfg!(feature = "postgres") {
            return;
        }
        let server = place("postgres://u@127.0.0.1:5433/db#12");
        assert!(server.is_server());
        assert_eq!(
            server.name(Some(12)),
            Path::new("postgres://u@127.0.0.1:5433/db#12")
        );
    }

    #[test]
    fn a_password_in_a_url_is_refused_and_not_repeated() {
        for url in [
            "postgres://u:hunter2@h/db",
            "postgres://u@h/db?password=hunter2",
            "postgres://u:hunter2@h:noport/db",
            "postgresql://u:hun@hunter2@h/db?x=hunter2",
        ] {
            let error = Place::of(Path::new(url)).expect_err("refused").to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
