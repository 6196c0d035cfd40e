//! The log at `/api/ws`: one text frame per line, coloured and stamped as ESP-IDF writes them.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::state::State;
use crate::command::Spoken;
use thermine_units::clock::Nanos;

/// Wall time for a client to take one line.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends log lines to one client until it goes, the unit restarts or `shutdown`.
pub(super) async fn forward(
    mut socket: WebSocket,
    mut log: broadcast::Receiver<(Nanos, Spoken)>,
    state: Arc<watch::Sender<State>>,
    shutdown: CancellationToken,
    _permit: OwnedSemaphorePermit,
) {
    let mut power = state.subscribe();
    loop {
        let (at, spoken) = tokio::select! {
            biased;
            () = shutdown.cancelled() => return,
            _ = power.wait_for(|state| !state.readings.on) => return,
            frame = socket.recv() => match frame {
                // What a client says is ignored.
                Some(Ok(_)) => continue,
                Some(Err(_)) | None => return,
            },
            entry = log.recv() => match entry {
                Ok(entry) => entry,
                // The client is too slow: it misses some, as on the unit.
                Err(RecvError::Lagged(_)) => continue,
                Err(RecvError::Closed) => return,
            },
        };
        let message = Message::text(line(at, &spoken));
        if !matches!(timeout(PATIENCE, socket.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// One entry as the firmware writes it; `at` counts from the clock's origin.
pub fn line(at: Nanos, spoken: &Spoken) -> String {
    let (tag, text) = match spoken {
        Spoken::Heard(line) => ("stratum_task", format!("rx: {line}")),
        Spoken::Said(line) => ("stratum_api", format!("tx: {line}")),
        Spoken::Nonce {
            version,
            nonce,
            difficulty,
            wanted,
        } => (
            "asic_result",
            format!("Ver: {version:08X} Nonce {nonce:08X} diff {difficulty:.1} of {wanted:.0}."),
        ),
    };
    let millis = at.0 / 1_000_000;
    format!("\x1b[0;32mI ({millis}) {tag}: {text}\x1b[0m\n")
}
