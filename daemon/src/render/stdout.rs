//! What a command says on standard output and on standard error.

use std::fmt::Display;
use std::io::{ErrorKind, Write};

use anyhow::{Context, Result};
use thermine_units::printable::printable_lines;

/// Writes `text`, with everything escaped that a terminal would obey. A reader that has gone (`| head`) has read
/// enough: what is left to do is done all the same.
///
/// # Errors
/// If it cannot be written, for instance on a full disk.
pub(crate) fn text(text: impl Display) -> Result<()> {
    write_out(&printable_lines(&text.to_string()))
}

fn write_out(text: &str) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Writes `text` as [`text()`](text) does, but for its colours (`ESC [ … m`).
///
/// # Errors
/// As of [`text()`](text).
pub(crate) fn coloured(coloured: &str) -> Result<()> {
    let mut pieces = coloured.split("\u{1b}[");
    let mut shown = printable_lines(pieces.next().unwrap_or("")).into_owned();
    for piece in pieces {
        let end = piece.find(|c: char| !c.is_ascii_digit() && c != ';');
        let is_colour = end.is_some_and(|end| piece[end..].starts_with('m'));
        shown.push_str(if is_colour { "\u{1b}[" } else { r"\u001b[" });
        shown.push_str(&printable_lines(piece));
    }
    write_out(&shown)
}

/// Writes `line` and ends it.
///
/// # Errors
/// As of [`text`].
pub(crate) fn line(line: impl Display) -> Result<()> {
    text(format_args!("{line}\n"))
}

/// Writes `line` to standard error, escaped as `text` does, and ends it. Nobody may read it, which is no error.
pub(crate) fn complain(line: impl Display) {
    let line = format!("{line}\n");
    let _ = std::io::stderr()
        .lock()
        .write_all(printable_lines(&line).as_bytes());
}
