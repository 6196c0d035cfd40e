//! Takes a unit's work away when its experiment does not.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use thermine_drivers::interlock::{Permission, withheld};
use thermine_stratum::line::Plug;

/// Wall time that an experiment is given to hang up on a unit whose work is withheld.
pub const LAST_RESORT: Duration = Duration::from_secs(5);

/// A task that pulls the plug, for as long as this lives.
#[derive(Debug)]
pub(super) struct LastResort(JoinHandle<()>);

impl LastResort {
    pub(super) fn new(plug: Plug, permission: watch::Receiver<Permission>) -> LastResort {
        LastResort(tokio::spawn(wait(plug, permission)))
    }
}

impl Drop for LastResort {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn wait(plug: Plug, mut permission: watch::Receiver<Permission>) {
    loop {
        // An error is a closed channel, which is a permission withheld.
        let _ = permission
            .wait_for(|permission| *permission != Permission::Grant)
            .await;
        tokio::time::sleep(LAST_RESORT).await;
        if let Some(cause) = withheld(&permission) {
            warn!(%cause, "the experiment has not hung up: its unit's connection is cut");
            plug.pull();
            return;
        }
    }
}
