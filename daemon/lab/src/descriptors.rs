//! File descriptors: how many connections the system lets us have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors that are asked for: more than the most connections that can be configured.
const WANTED: u64 = 262_144;

/// Raises this program's limit of open files as far as the system allows, up to what it can use. A shell's default of
/// 1,024 is not enough for a thousand units.
pub fn raise() {
    let limit = getrlimit(Resource::Nofile);
    let most = limit.maximum.unwrap_or(WANTED).min(WANTED);
    if limit.current.is_some_and(|current| current < most) {
        let raised = Rlimit {
            current: Some(most),
            ..limit
        };
        if let Err(error) = setrlimit(Resource::Nofile, raised) {
            tracing::debug!(%error, "cannot raise the limit of open files");
        }
    }
}

/// Connections as configured by `key`, but at most one descriptor in `part`: the rest is for the readings of the units,
/// the page and the files.
pub(crate) fn at_most(asked: usize, part: u64, key: &str) -> usize {
    let current = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let allowed = usize::try_from(current / part).unwrap_or(usize::MAX).max(1);
    if allowed < asked {
        tracing::warn!(
            key,
            asked,
            allowed,
            "the system's limit of open files allows fewer connections: raise it (ulimit -n)"
        );
    }
    asked.min(allowed)
}
