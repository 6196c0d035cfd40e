//! What a real unit did, where it is to be had.

use std::path::{Path, PathBuf};

/// The share log of a real S9, where it is.
pub(crate) fn real_shares() -> Option<PathBuf> {
    let csv =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/antminer-s9-shares.csv");
    if csv.exists() {
        return Some(csv);
    }
    #[expect(clippy::print_stdout, reason = "a skipped test says why")]
    {
        println!(
            "skipped: the share log of a real S9, {}, is not on this machine",
            csv.display()
        );
    }
    None
}
