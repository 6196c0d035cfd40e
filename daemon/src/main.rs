//! The program: parses the command line, runs the subcommand, says what went wrong.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use thermine::cli::{Cli, Command, old_names, run};
use thermine::log;
use thermine::signals::{Signals, say};
use thermine_capture::error_chain::chain;
use thermine_lab::descriptors;
use thermine_lab::session::{Context, Interrupted};
use tokio::runtime::Builder;

/// Wall time that tasks which hold sockets, and work that never waits, are given to end.
const CLOSING: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = Cli::parse();
    old_names::say(std::env::args_os());
    descriptors::raise();
    let context = Context::new(cli.command.name());
    carried_out(cli, &context).unwrap_or_else(|error| {
        say(&format!("error: {}", chain(&error)));
        ExitCode::FAILURE
    })
}

/// Carries the command out, on the program's one runtime.
fn carried_out(cli: Cli, context: &Context) -> anyhow::Result<ExitCode> {
    log::start()?;
    // To the daemon, SIGHUP means to read its configuration again.
    let hang_up = !matches!(cli.command, Command::Run(_));
    let signals = Signals::watch(context, hang_up)?;
    let runtime = Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gives no threads")?;
    let done = runtime.block_on(async {
        let done = Box::pin(run(cli, context)).await;
        // The safe ends of sessions that were dropped, and of jobs.
        context.all_ended().await;
        done
    });
    // What hangs is left behind.
    runtime.shutdown_timeout(CLOSING);
    match done {
        Err(error) if error.is::<Interrupted>() => {
            say(&chain(&error));
            Ok(ExitCode::from(signals.exit_code()))
        }
        done => done.map(|()| ExitCode::SUCCESS),
    }
}
