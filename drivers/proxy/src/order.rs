//! A share on its way to the upstream task, and back with what became of it.

use std::time::Duration;

use crate::journal::{Outcome, Share};
use thermine_units::clock::{Errand, Nanos};

/// A share for the upstream task.
#[derive(Debug)]
pub(crate) struct Order {
    /// The share.
    pub(crate) share: Box<Share>,
    /// Number of the unit that found it.
    pub(crate) unit: u64,
    /// Serial of its template.
    pub(crate) template: u64,
    /// Version bits that the pool allowed to be rolled when it sent that template.
    pub(crate) mask: u32,
    /// When it came.
    pub(crate) arrived: Nanos,
    pub(crate) errand: Option<Errand>,
}

/// What was decided about a share: by whom it was found, its ticket, and what became of it.
#[derive(Debug)]
pub(crate) struct Settled {
    /// Number of the unit; `None` if the share is from before a restart.
    pub(crate) unit: Option<u64>,
    /// Ticket.
    pub(crate) ticket: u64,
    /// What became of it.
    pub(crate) outcome: Outcome,
    /// Since its arrival.
    pub(crate) span: Duration,
}
