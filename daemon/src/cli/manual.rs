//! `thermine man` and `thermine completions`: what the command line says of itself, for the manual and for shells.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::{Command, ValueHint};
use clap_complete::Shell;

use crate::render::stdout;

/// `thermine man`.
#[derive(Debug, clap::Args)]
pub struct Man {
    /// Folder for the pages, such as `/usr/local/share/man/man1`; made if it is not there.
    #[arg(value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    folder: PathBuf,
}

/// `thermine completions`.
#[derive(Debug, clap::Args)]
pub struct Completions {
    /// Which shell.
    shell: Shell,
}

/// Writes the pages.
pub(super) fn pages(args: &Man, program: Command) -> Result<()> {
    let folder = &args.folder;
    let cannot = |what: &Path| format!("cannot write the manual to {}", what.display());
    fs::create_dir_all(folder).with_context(|| cannot(folder))?;
    clap_mangen::generate_to(program, folder).with_context(|| cannot(folder))?;
    Ok(())
}

/// Prints the script.
pub(super) fn completions(args: &Completions, mut program: Command) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut program, "thermine", &mut script);
    stdout::text(String::from_utf8(script)?)
}
