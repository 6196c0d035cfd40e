//! `thermine chips`.

use std::io::IsTerminal;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::backend::wire_or_twin;
use super::unit::Unit;
use super::wrong::checked;
use crate::render::chips::{text, write};
use crate::render::{folder, progress, stdout};
use thermine_lab::backend::Backend;
use thermine_lab::chips::request;
use thermine_lab::chips::table::Table;
use thermine_lab::chips::{inputs, run as measure};
use thermine_lab::session::Context;
use thermine_lab::tpf::evidence::DIFFICULTY_OF_CSV;

/// `thermine chips`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine chips --unit s9 --shares 5000
  thermine chips runs/demo/capture.sqlite other.csv --level 0.01")]
pub struct Chips {
    /// Captures, CSV files of shares, or configurations (`.toml`) of units or racks, which are then driven
    /// [default: a simulated unit].
    #[arg(value_name = "CAPTURE|CONFIG")]
    inputs: Vec<PathBuf>,
    /// Simulated unit, if nothing is named, or the unit of a capture that does not name it [default: s9].
    #[arg(short, long, value_enum)]
    unit: Option<Unit>,
    /// Shares that a driven unit finds, 1 to 10000000.
    #[arg(short = 'n', long, default_value_t = request::ChipsRequest::default().shares)]
    shares: u64,
    /// What is driven.
    #[arg(long, alias = "substrate", default_value = "wire", value_parser = wire_or_twin())]
    backend: Backend,
    /// Expected part of false findings among the chips, and among the cores, that are reported to differ, 0 to 1.
    #[arg(long, default_value_t = request::ChipsRequest::default().level)]
    level: f64,
    /// Power of the tests at which the shares needed are counted, 0 to 1.
    #[arg(long, default_value_t = request::ChipsRequest::default().power)]
    power: f64,
    /// File of nonce layouts that is added to the program's own.
    #[arg(long, value_name = "FILE")]
    layouts: Option<PathBuf>,
    /// Kind of chip by whose layout nonces are read [default: that of the unit].
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Stream of the capture [default: the one with most shares].
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Share difficulty that was asked for, which a CSV file does not say.
    #[arg(long, default_value_t = DIFFICULTY_OF_CSV)]
    difficulty: f64,
    /// Seed of a simulated unit and of resampled intervals.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder for the report; made if it is not there, and must be empty [default: a new one in `runs`].
    #[arg(short, long, value_name = "FOLDER")]
    out: Option<PathBuf>,
}

impl Chips {
    fn request(&self) -> request::ChipsRequest {
        request::ChipsRequest {
            inputs: self.inputs.clone(),
            model: self.unit.map(Unit::model),
            shares: self.shares,
            backend: self.backend,
            level: self.level,
            power: self.power,
            layouts: self.layouts.clone(),
            layout: self.layout.clone(),
            stream: self.stream.clone(),
            difficulty: self.difficulty,
            seed: self.seed,
        }
    }
}

/// Runs the subcommand.
pub(crate) async fn run(args: Chips, context: &Context) -> Result<()> {
    let request = args.request();
    checked(request.check())?;
    let table = Table::load(request.layouts.as_deref())?;
    let inputs = inputs(&request, &table)?;
    let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let progress = progress::shown(context);
    let filled = folder::filled(args.out.as_deref(), "chips", async |folder| {
        let sources = (inputs.as_slice(), &table);
        measure(&request, sources, folder, &progress, &mut |unit, own| {
            write(unit, own)?;
            stdout::coloured(&text(unit, colour))
        })
        .await
    });
    let (folder, report) = filled.await?;
    folder::write_json(&folder, "report.json", &report)?;
    stdout::line(folder.display())
}
