//! The program: parses the command line, runs the subcommand, says what went wrong.

use std::process::ExitCode;

use clap::Parser;
use thermine::causes::chain;
use thermine::cli::Cli;
use thermine::report::stdout::complain;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match thermine::log::start().and_then(|()| thermine::cli::run(cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(format_args!("error: {}", chain(&error)));
            ExitCode::FAILURE
        }
    }
}
