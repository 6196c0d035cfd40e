//! `thermine devices`.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use super::wrong::checked;
use crate::render::devices::table_of;
use crate::render::stdout;
use thermine_lab::devices::{self, run as watch};
use thermine_lab::session::Context;

/// `thermine devices`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine devices --config configs/rack.toml
  thermine devices --config configs/rack.toml --watch 10 --json")]
pub struct Devices {
    /// Configuration of a unit or of a rack [default: one simulated unit of each model].
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Time that units are given to answer, up to 1000 seconds. Bare chips need half a minute to start.
    #[arg(long, value_name = "SECONDS", default_value_t = devices::DevicesRequest::default().wait)]
    wait: f64,
    /// Show the table again every so many seconds, up to 1000, until interrupted.
    #[arg(long, value_name = "SECONDS")]
    watch: Option<f64>,
    /// Print JSON instead of a table, one line for each unit.
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) async fn run(args: Devices, context: &Context) -> Result<()> {
    let request = devices::DevicesRequest {
        config: args.config,
        wait: args.wait,
        watch: args.watch,
    };
    checked(request.check())?;
    watch(&request, context, &mut |rows| {
        if !args.json {
            return stdout::line(table_of(rows));
        }
        for row in rows {
            stdout::line(serde_json::to_string(row)?)?;
        }
        Ok(())
    })
    .await
}
