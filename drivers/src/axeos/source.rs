//! A unit's AxeOS page as a source of readings.

use std::net::SocketAddr;

use super::client::{ApiError, Client, Unit};
use crate::poller::{self, SourceError};
use thermine_units::clock::Clock;
use thermine_units::seed::Rng;
use thermine_units::unit::{Identity, Telemetry};

/// Reads `/api/system/info` of the unit at one address.
#[derive(Debug, Clone)]
pub struct Source {
    unit: Unit,
    /// From `/api/system/asic`, for firmware that does not count its chips in its info.
    chips: Option<u16>,
}

impl Source {
    /// The unit at `addr`, asked through `client`. `rng` spreads repeated requests.
    pub fn new(client: &Client, addr: SocketAddr, rng: Rng) -> Source {
        Source {
            unit: client.unit(addr, rng),
            chips: None,
        }
    }
}

impl poller::Source for Source {
    async fn read(&mut self, clock: &Clock) -> Result<Telemetry, SourceError> {
        let info = self.unit.info().await?;
        let mut telemetry = info.telemetry(clock.now());
        for board in &mut telemetry.boards {
            board.chips = board.chips.or(self.chips);
        }
        Ok(telemetry)
    }

    /// Asks for the chips too: after a loss of contact it may be another unit.
    async fn identify(&mut self) -> Result<Identity, SourceError> {
        let mut identity = self.unit.info().await?.identity;
        self.chips = None;
        match self.unit.asic().await {
            Ok(asic) => {
                self.chips = asic.chips;
                // A name of the unit tells more than that of its chip.
                if identity.model == asic.asic {
                    identity.model = asic.model.or(identity.model);
                }
            }
            Err(error) => tracing::debug!(%error, "no count of chips"),
        }
        Ok(identity)
    }

    fn place(&self) -> String {
        format!("AxeOS at {}", self.unit.addr())
    }
}

impl From<ApiError> for SourceError {
    fn from(error: ApiError) -> SourceError {
        SourceError {
            fatal: error.is_fatal(),
            reason: error.to_string(),
        }
    }
}
