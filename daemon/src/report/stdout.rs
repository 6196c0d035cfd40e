//! What a command says on standard output.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes `text` as it is. A reader that has gone (`| head`) has read enough: what is left to do is done all the same.
///
/// # Errors
/// If it cannot be written, for instance on a full disk.
pub(crate) fn text(text: impl Display) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match write!(stdout, "{text}").and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes `line` and ends it.
///
/// # Errors
/// As of [`text`].
pub(crate) fn line(line: impl Display) -> Result<()> {
    text(format_args!("{line}\n"))
}
