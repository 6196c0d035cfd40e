//! The program: parses the command line, runs the subcommand, says what went wrong.

use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser;
use thermine::causes::chain;
use thermine::cli::{Cli, Command};
use thermine::session::{Context, Interrupted};
use thermine::signals::{Signals, say};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Environment variable of what is logged: a level, or levels by module, such as `warn,thermine_drivers=debug`.
const LOG: &str = "THERMINE_LOG";

fn main() -> ExitCode {
    let cli = Cli::parse();
    let context = Context::new(cli.command.name());
    // Of the daemon, SIGHUP means to read its configuration again.
    let hang_up = !matches!(cli.command, Command::Run(_));
    let done = log().and_then(|()| {
        let signals = Signals::watch(&context, hang_up)?;
        match thermine::cli::run(cli, &context) {
            Err(error) if error.is::<Interrupted>() => {
                say(&chain(&error));
                Ok(ExitCode::from(signals.exit_code()))
            }
            done => done.map(|()| ExitCode::SUCCESS),
        }
    });
    done.unwrap_or_else(|error| {
        say(&format!("error: {}", chain(&error)));
        ExitCode::FAILURE
    })
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
