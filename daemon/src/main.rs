//! The program: parses the command line, runs the subcommand, says what went wrong.

use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use thermine::causes::chain;
use thermine::cli::Cli;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Environment variable of what is logged: a level, or levels by module, such as `warn,thermine_drivers=debug`.
const LOG: &str = "THERMINE_LOG";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let run = || {
        thermine::descriptors::raise();
        thermine::cli::run(cli)
    };
    match log().and_then(|()| run()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "this is where a user reads it")]
            {
                eprintln!("error: {}", chain(&error));
            }
            ExitCode::FAILURE
        }
    }
}

/// Logs to standard error.
fn log() -> Result<()> {
    let targets = match std::env::var(LOG) {
        Ok(text) => text.parse().with_context(|| {
            format!("{LOG}={text}: a level such as info, or warn,thermine_drivers=debug")
        })?,
        Err(_) => Targets::new().with_default(LevelFilter::WARN),
    };
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr))
        .with(targets)
        .init();
    Ok(())
}
