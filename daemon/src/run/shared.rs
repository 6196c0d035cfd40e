//! What the tasks of all units share.

use std::sync::Arc;

use thermine_proxy::Hub;
use thermine_units::clock::Clock;

use crate::live::Live;
use crate::queue::Queue;
use thermine_lab::attach::Attachments;
use thermine_lab::config::Config;
use thermine_lab::config::daemon::Daemon;
use thermine_lab::session::Context;

/// What the tasks of all units share; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) live: Live,
    pub(super) queue: Queue,
    pub(super) base: Arc<Attachments>,
    /// The daemon, as the driver of its units. A unit's task is stopped by itself, and not by this.
    pub(super) context: Context,
    pub(super) daemon: Daemon,
    /// The proxy, if the rack has one: a driven unit whose firmware falls back to it is under its interlock there too.
    pub(super) hub: Option<Hub>,
    /// Whether simulated units that name no speed run in virtual time, for tests of a long time.
    pub(super) is_virtual: bool,
}

impl Shared {
    /// The clock of a unit; `None` for the wall's.
    pub(super) fn clock(&self, config: &Config) -> Option<Clock> {
        let simulated = config.unit.simulated.as_ref()?;
        match simulated.speed {
            None if self.is_virtual => Some(Clock::virtual_time()),
            speed => Some(Clock::scaled(speed.unwrap_or(self.daemon.speed))),
        }
    }

    /// Seconds of a unit's time in one of the wall's; `None` where it has no fixed speed.
    pub(super) fn speed(&self, config: &Config) -> Option<f64> {
        match &config.unit.simulated {
            None => Some(1.0),
            Some(simulated) => match simulated.speed {
                None if self.is_virtual => None,
                speed => Some(speed.unwrap_or(self.daemon.speed)),
            },
        }
    }

    /// Attachments for a unit.
    pub(super) fn rig(&self, config: &Config) -> Attachments {
        match self.clock(config) {
            None => self.base.beside(),
            Some(clock) => self.base.apart(clock),
        }
    }
}
