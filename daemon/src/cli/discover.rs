//! `thermine discover`.

use std::io::IsTerminal;

use anyhow::{Result, bail};
use clap::Args;

use super::wrong::checked;
use crate::render::discover::{addresses, text};
use crate::render::{progress, stdout};
use thermine_lab::discover::{self, run as search};
use thermine_lab::observer::Progress;
use thermine_lab::session::Context;

/// `thermine discover`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  thermine discover 192.168.1.0/24
  thermine discover 192.168.1.7:4028 miner.local --timeout 5 --json")]
pub struct Discover {
    /// Addresses (192.168.1.7, or 192.168.1.7:4028 for one port only), networks (192.168.1.0/24) or host names. No
    /// other address is contacted.
    #[arg(required = true, value_name = "TARGET")]
    targets: Vec<String>,
    /// Port of the cgminer API.
    #[arg(long, value_name = "PORT", default_value_t = discover::DiscoverRequest::default().cgminer_port)]
    cgminer_port: u16,
    /// Port of the web page.
    #[arg(long, value_name = "PORT", default_value_t = discover::DiscoverRequest::default().http_port)]
    http_port: u16,
    /// Time for each address, 0.05 to 60 seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = discover::DiscoverRequest::default().timeout)]
    timeout: f64,
    /// Addresses that are contacted at once.
    #[arg(long, value_name = "N", default_value_t = discover::DiscoverRequest::default().parallel)]
    parallel: u16,
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
}

/// Runs the subcommand.
pub(crate) async fn run(args: Discover, context: &Context) -> Result<()> {
    let request = discover::DiscoverRequest {
        targets: args.targets,
        cgminer_port: args.cgminer_port,
        http_port: args.http_port,
        timeout: args.timeout,
        parallel: args.parallel,
    };
    checked(request.check())?;
    // A search shows its progress on a terminal alone.
    let progress = match std::io::stderr().is_terminal() {
        true => progress::shown(context),
        false => Progress::hidden(context),
    };
    let outcome = search(&request, &progress).await?;
    if args.json {
        stdout::line(serde_json::to_string_pretty(&outcome)?)?;
    } else {
        stdout::text(text(&outcome))?;
    }
    if outcome.units() == 0 {
        bail!(
            "no mining unit among {}: each was asked for its cgminer API on port {} and its web page on port {}, \
             for {} s in all, unless it was named with a port; check that the units are powered and on this \
             network, or allow more time with --timeout",
            addresses(outcome.asked),
            request.cgminer_port,
            request.http_port,
            request.timeout,
        );
    }
    Ok(())
}
