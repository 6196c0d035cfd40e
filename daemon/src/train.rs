//! `thermine train`.

use crate::cli;

/// Runs the subcommand.
pub(crate) fn run(_args: cli::Train) -> anyhow::Result<()> {
    anyhow::bail!("not here yet")
}
