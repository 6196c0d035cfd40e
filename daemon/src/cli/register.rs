//! `thermine register`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::request;
use super::unit::Unit;
use crate::render::{registration as render, stdout};
use thermine_lab::experiment::prediction::Prediction;
use thermine_lab::registration::{self, Asked};

/// `thermine register`.
#[derive(Debug, Args)]
#[command(after_help = format!("What can be predicted; a number as 0.05 or 5 %:
{}

Examples:
  thermine register product --predict \"wrong <= 5 %\" --predict computes train xor --encoding product
  thermine train --registered product.toml --config my-s9.toml", Prediction::known()))]
pub struct Register {
    /// Name of the registration.
    name: String,
    /// What is predicted, as in `wrong <= 0.05`; may be repeated.
    #[arg(long, value_name = "PREDICTION", required = true)]
    predict: Vec<Prediction>,
    /// Model of the unit that it is for.
    #[arg(short, long, value_enum, default_value = "s9")]
    unit: Unit,
    /// The file to write, which must not exist [default: NAME.toml].
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The training, as on the command line: train TASK and its arguments, without a unit and a folder.
    #[arg(
        value_name = "train TASK …",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

/// Runs the subcommand.
pub(super) fn run(args: Register) -> Result<()> {
    let asked = Asked {
        request: request::registrable(args.command)?,
        model: args.unit.model(),
        predictions: args.predict,
        name: args.name,
    };
    let out = args
        .out
        .unwrap_or_else(|| PathBuf::from(format!("{}.toml", asked.name)));
    let registration = registration::register(asked, &out)?;
    stdout::text(render::registered(&registration))?;
    stdout::line(out.display())
}
