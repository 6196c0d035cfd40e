//! What all units share, whose wires they are: HTTP clients, and what their last interlocks left.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result};
use parking_lot::Mutex;
use thermine_drivers::axeos;
use thermine_drivers::goldshell;
use thermine_drivers::interlock::Trip;

/// Wall time for a Box to take a connection.
const CONNECT: Duration = Duration::from_secs(3);

/// The HTTP clients that all units share.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) axeos: axeos::Client,
    pub(super) goldshell: goldshell::HttpClient,
    /// What the last interlock of each unit left, by the unit's name.
    trips: Mutex<HashMap<String, Trip>>,
}

impl Clients {
    pub(super) fn new() -> Result<Clients> {
        Ok(Clients {
            axeos: axeos::Client::new(axeos::Limits::default())?,
            goldshell: goldshell::http_client(CONNECT).context("no HTTP client")?,
            trips: Mutex::default(),
        })
    }

    pub(super) fn trip(&self, unit: &str) -> Trip {
        // Whole between any two statements that hold the lock.
        let mut trips = self.trips.lock();
        trips.entry(unit.to_string()).or_default().clone()
    }
}
