//! The daemon from its start to its end, by the signals and by the web server's requests.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use thermine_units::clock::Clock;
use thermine_units::listen::listen;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::daemon::Daemon;
use super::web_commands::Web;
use crate::proxy::ENDED;
use crate::render::stdout;
use crate::web;
use thermine_capture::error_chain::chain;
use thermine_lab::config::overrides::Overrides;
use thermine_lab::config::rack::Rack;
use thermine_lab::request::ReadCommand;
use thermine_lab::session::Context;

/// Wall time between two looks at the queue.
const LOOK: Duration = Duration::from_millis(500);

/// Runs the rack of `config` until it is asked to end. `read_command` is for jobs in words.
///
/// # Errors
/// If it cannot be started, or its proxy ends by itself.
pub(crate) async fn serve(
    config: Option<&Path>,
    read_command: ReadCommand,
    context: &Context,
) -> Result<()> {
    let rack = read(config)?;
    context
        .on_notice(run(rack, config, read_command, context))
        .await
}

fn read(config: Option<&Path>) -> Result<Rack> {
    let overrides = Overrides::from_environment()?;
    Ok(match config {
        Some(path) => Rack::load(path, &overrides)?,
        None => Rack::newcomer(&overrides)?,
    })
}

async fn run(
    rack: Rack,
    path: Option<&Path>,
    read_command: ReadCommand,
    context: &Context,
) -> Result<()> {
    // Before anything is begun, so that none is missed.
    let mut hung_up = signal(SignalKind::hangup()).context("cannot wait for SIGHUP")?;
    let settings = web::Settings {
        token: rack.daemon.token()?,
        hosts: rack.daemon.hosts.clone(),
        ..web::Settings::new(Clock::real(), read_command)
    };
    let asked = rack.daemon.listen;
    let listener = listen(asked).with_context(|| {
        format!("cannot listen on {asked} (daemon.listen): is another program using it? Name another address there, or in THERMINE_DAEMON__LISTEN")
    })?;
    let address = listener.local_addr()?;
    let mut daemon = Daemon::start(rack, false, read_command, context).await?;
    let shutdown = CancellationToken::new();
    let mut web = Web::serve(listener, daemon.live().clone(), settings, shutdown.clone());
    say(&format!("live at http://{address}/; ends with Ctrl-C"));
    let mut ticks = tokio::time::interval(LOOK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut complaint = String::new();
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                let said = daemon.tick().await.err().map(|error| error.to_string()).unwrap_or_default();
                // Once, and not twice a second.
                if !said.is_empty() && said != complaint {
                    tracing::error!("{said}");
                }
                complaint = said;
            }
            Some(command) = web.next() => web.answer(command, &daemon).await,
            () = context.stopped() => break,
            _ = hung_up.recv() => reload(&mut daemon, path).await,
            () = daemon.proxy_failed() => {
                shutdown.cancel();
                daemon.stop().await.context("the proxy has ended by itself, and the daemon with it")?;
                anyhow::bail!(ENDED);
            }
        }
    }
    say("ending: units are being left safe");
    shutdown.cancel();
    let stopped = daemon.stop().await;
    web.ended().await;
    stopped
}

/// Reads the configuration again, and takes it over if it can be used.
async fn reload(daemon: &mut Daemon, path: Option<&Path>) {
    let rack = match read(path) {
        Ok(rack) => rack,
        Err(error) => {
            say(&format!("reload: nothing is changed: {}", chain(&error)));
            return;
        }
    };
    match daemon.apply(rack).await {
        Ok(changes) => say(&format!("reload: {changes}")),
        Err(error) => say(&format!("reload: nothing is changed: {}", chain(&error))),
    }
}

/// Prints. A rack does not stop because nobody takes the output any more.
fn say(text: &str) {
    let _ = stdout::line(text);
}
