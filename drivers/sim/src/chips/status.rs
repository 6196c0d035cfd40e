//! What the simulator knows of its chips and of its line.

use crate::Device;
use thermine_units::clock::Nanos;
use thermine_units::quantity::Celsius;

/// What the simulator knows and no driver does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Status {
    /// When it was so, device time.
    pub at: Nanos,
    /// True temperature of the hottest die.
    pub(crate) hottest: Celsius,
    /// True mean temperature of the dies.
    pub mean_die: Celsius,
    /// What has happened up to then.
    pub counters: Counters,
}

/// What has happened on the line since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Frames of work taken.
    pub(crate) frames: u64,
    /// Commands carried out.
    pub(crate) commands: u64,
    /// Nonces found, wrong ones included, copies not.
    pub nonces: u64,
    /// Wrong ones among them.
    pub wrong: u64,
    /// Answers for which no nonce was found in time: the difficulty is scaled too little.
    pub unfound: u64,
    /// Received bytes that belong to no sound frame.
    pub skipped: u64,
    /// Bytes that the line lost or changed, see `Faults`.
    pub damaged: u64,
    /// Requests sent at a baud rate that is not the chips'.
    pub(crate) misread: u64,
    /// Requests lost because too many were on the line.
    pub(crate) overrun: u64,
    /// Replies lost because too many were on the line.
    pub lost: u64,
    /// Bytes of replies given up because the host has not read for seconds.
    pub unread: u64,
}

impl Status {
    pub(super) fn of(device: &Device, counters: Counters) -> Status {
        Status {
            at: device.now(),
            hottest: device.hottest_die(),
            mean_die: device.mean_die(),
            counters,
        }
    }
}
