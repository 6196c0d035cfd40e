//! Where a live drive's records go: to the gauge and to whoever watches, and then nowhere. Of what an experiment records
//! nothing passes here: that goes to its capture.

use std::sync::{Arc, Mutex, PoisonError};

use thermine_drivers::record::{Durable, Recorder};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::gauge::Gauge;
use crate::live::Live;

/// Records that may wait; beyond that the drive waits.
const QUEUE: usize = 1024;

/// A recorder for the unit `name`, and the task that takes what it records; it ends when every clone of the recorder is
/// gone.
pub(super) fn open(
    gauge: Arc<Mutex<Gauge>>,
    live: &Live,
    name: &str,
) -> (Recorder, JoinHandle<()>) {
    let (queue, mut records) = mpsc::channel(QUEUE);
    // Live shares are of no pool and of no run: there is nothing to lose, and they are acknowledged at once.
    let all = Durable {
        ticket: u64::MAX,
        failure: None,
    };
    let recorder = Recorder::open(0, queue, watch::channel(all).1);
    let (live, name) = (live.clone(), name.to_string());
    let task = tokio::spawn(async move {
        while let Some(entry) = records.recv().await {
            let share = {
                let mut gauge = gauge.lock().unwrap_or_else(PoisonError::into_inner);
                gauge.note(&entry.record, &name)
            };
            if let Some(share) = share {
                live.share(share);
            }
        }
    });
    (recorder, task)
}
