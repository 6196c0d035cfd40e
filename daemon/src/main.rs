//! The program: parses the command line, runs the subcommand, says what went wrong.

use std::process::ExitCode;

use clap::Parser;
use thermine::causes::chain;
use thermine::cli::{Cli, Command};
use thermine::lab::session::{Context, Interrupted};
use thermine::log;
use thermine::signals::{Signals, say};

fn main() -> ExitCode {
    let cli = Cli::parse();
    thermine::descriptors::raise();
    let context = Context::new(cli.command.name());
    // Of the daemon, SIGHUP means to read its configuration again.
    let hang_up = !matches!(cli.command, Command::Run(_));
    let done = log::start().and_then(|()| {
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
