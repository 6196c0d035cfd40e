//! The web server, and what its clients ask for.

use anyhow::Result;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::daemon::Daemon;
use super::wall;
use crate::live::Live;
use crate::web;
use crate::web::Command;
use thermine_capture::error_chain::chain;

/// Requests that may wait.
const COMMANDS: usize = 32;

/// The server as the daemon has it.
#[derive(Debug)]
pub(super) struct Web {
    commands: mpsc::Receiver<Command>,
    task: JoinHandle<Result<()>>,
}

impl Web {
    /// Serves on `listener` until `shutdown`.
    pub(super) fn serve(
        listener: TcpListener,
        live: Live,
        settings: web::Settings,
        shutdown: CancellationToken,
    ) -> Web {
        let (sender, commands) = mpsc::channel(COMMANDS);
        let task = tokio::spawn(web::serve(listener, live, settings, sender, shutdown));
        Web { commands, task }
    }

    /// The next request; `None` when the server has ended.
    pub(super) async fn next(&mut self) -> Option<Command> {
        self.commands.recv().await
    }

    /// Does what is asked, and answers.
    pub(super) async fn answer(&self, command: Command, daemon: &Daemon) {
        let queue = daemon.queue().clone();
        match command {
            Command::Submit {
                request,
                unit,
                due_ms,
                reply,
            } => {
                let units: Vec<String> = daemon.units().into_iter().map(str::to_string).collect();
                let folders = daemon.folders();
                let added = tokio::task::spawn_blocking(move || {
                    let units: Vec<&str> = units.iter().map(String::as_str).collect();
                    let unit = Some(unit.as_str()).filter(|unit| !unit.is_empty());
                    let added = queue.add(&units, &request, &folders, unit, due_ms, wall::now_ms());
                    added.map_err(|error| error.to_string())
                });
                // Who asked may have gone.
                let _ = reply.send(added.await.unwrap_or_else(|error| Err(error.to_string())));
            }
            Command::Cancel { id, reply } => {
                let cancelled = tokio::task::spawn_blocking(move || {
                    queue
                        .cancel(id)
                        .map(drop)
                        .map_err(|error| error.to_string())
                });
                let _ = reply.send(
                    cancelled
                        .await
                        .unwrap_or_else(|error| Err(error.to_string())),
                );
            }
        }
    }

    /// Waits until the server has ended, which it was asked to.
    pub(super) async fn ended(self) {
        match self.task.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!("the web server has failed: {}", chain(&error)),
            Err(error) => tracing::error!(%error, "the web server has failed"),
        }
    }
}
