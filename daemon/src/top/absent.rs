//! A build without the feature `tui`.

use anyhow::{Result, bail};

use super::args::Args;

/// Says that this build has no terminal page.
///
/// # Errors
/// Always.
pub(crate) fn run(args: &Args) -> Result<()> {
    bail!(
        "this build has no terminal page; build it with `--features tui`, or open {} in a browser",
        args.url
    )
}
