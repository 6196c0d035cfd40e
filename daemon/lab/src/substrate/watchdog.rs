//! Takes a unit's work away when its interlock withholds it and the experiment does not react.

use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::task::JoinHandle;
use tracing::warn;

use thermine_drivers::interlock::{Permission, withheld};
use thermine_stratum::line::ConnectionKiller;

/// Wall time that an experiment is given to hang up on a unit whose work is withheld.
const PATIENCE: Duration = Duration::from_secs(5);

/// A task that cuts the connection, until this is dropped.
#[derive(Debug)]
pub(super) struct Watchdog(JoinHandle<()>);

impl Watchdog {
    pub(super) fn new(connection: ConnectionKiller, permission: Receiver<Permission>) -> Watchdog {
        Watchdog(tokio::spawn(watch(connection, permission)))
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn watch(connection: ConnectionKiller, mut permission: Receiver<Permission>) {
    loop {
        // An error is a closed channel, which is a permission withheld.
        let _ = permission
            .wait_for(|permission| *permission != Permission::Grant)
            .await;
        tokio::time::sleep(PATIENCE).await;
        if let Some(cause) = withheld(&permission) {
            warn!(%cause, "the experiment has not hung up: its unit's connection is cut");
            connection.kill();
            return;
        }
    }
}
