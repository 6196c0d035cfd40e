//! What a real unit did, recorded in a file outside this repository.

use std::path::{Path, PathBuf};

use crate::tools::missing;

/// The share log of a real S9; `None`, with the reason printed, where it is missing.
pub(crate) fn real_shares() -> Option<PathBuf> {
    let csv =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/antminer-s9-shares.csv");
    if csv.exists() {
        return Some(csv);
    }
    let what = format!("the share log of a real S9, {},", csv.display());
    missing(&what, "put it there");
    None
}
