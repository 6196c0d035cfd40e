//! Where a live drive's records go: to the stats and to whoever watches, and then to where they are kept. Of what an
//! experiment records nothing passes here: that goes to its capture.

use std::sync::Arc;

use parking_lot::Mutex;
use thermine_units::record::Recorder;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::share_stats::ShareStats;
use crate::live::Live;

/// Records that may wait; beyond that the drive waits.
const QUEUE: usize = 1024;

/// A recorder for the unit `name` that hands all on to `kept`, and the task that does so; it ends when every clone of the
/// recorder is gone, or nothing more can be kept. Shares are acknowledged as `kept` has it: at once if that keeps nothing,
/// since live shares are of no pool.
pub(super) fn open(
    stats: Arc<Mutex<ShareStats>>,
    live: &Live,
    name: &str,
    kept: Recorder,
) -> (Recorder, JoinHandle<()>) {
    let (queue, mut records) = mpsc::channel(QUEUE);
    let recorder = Recorder::open(0, queue, kept.durable());
    let (live, name) = (live.clone(), name.to_string());
    let task = tokio::spawn(async move {
        while let Some(entry) = records.recv().await {
            let share = {
                let mut stats = stats.lock();
                stats.note(&entry.record, &name)
            };
            if let Some(share) = share {
                live.share(share);
            }
            if kept.record(entry.record).await.is_err() {
                // The drive finds its queue closed, and why in what is known of the commits.
                return;
            }
        }
    });
    (recorder, task)
}
