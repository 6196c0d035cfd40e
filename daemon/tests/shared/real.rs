//! What a real unit did, recorded in a file outside this repository.

use std::path::{Path, PathBuf};

use crate::tools::missing;

/// The share log of a real S9; `None`, with the reason printed, where it is missing.
pub(crate) fn real_shares() -> Option<PathBuf> {
    real("antminer-s9-shares.csv")
}

/// The file `name` of what real units did; `None`, with the reason printed, where it is missing.
pub(crate) fn real(name: &str) -> Option<PathBuf> {
    let csv = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../shared/data/{name}"));
    if csv.exists() {
        return Some(csv);
    }
    missing(&csv.display().to_string(), "put it there");
    None
}
