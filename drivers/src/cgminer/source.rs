//! A unit's cgminer API as a source of readings.

use std::net::SocketAddr;

use super::client::{ApiError, Limits};
use super::reply::telemetry;
use crate::clock::Clock;
use crate::poller::{self, SourceError};
use crate::unit::{Identity, Telemetry};

/// Reads `stats` and `summary` of the unit at one address, and `devs` where `stats` has no boards.
#[derive(Debug, Clone)]
pub struct Source {
    addr: SocketAddr,
    limits: Limits,
}

impl Source {
    /// The unit at `addr`, within the default limits.
    pub fn new(addr: SocketAddr) -> Source {
        Source {
            addr,
            limits: Limits::default(),
        }
    }

    /// Replaces the default time-outs and size limit.
    pub fn with_limits(self, limits: Limits) -> Source {
        Source { limits, ..self }
    }
}

impl poller::Source for Source {
    async fn read(&mut self, clock: &Clock) -> Result<Telemetry, SourceError> {
        let stats = self.limits.query(self.addr, "stats", None).await?.stats();
        let devices = if stats.boards.is_empty() {
            match self.limits.query(self.addr, "devs", None).await {
                Ok(reply) => reply.devices(),
                // Firmware that refuses it has told all it will.
                Err(error) if error.is_fatal() => Vec::new(),
                Err(error) => return Err(error.into()),
            }
        } else {
            Vec::new()
        };
        let taken = clock.now();
        let summary = self.limits.query(self.addr, "summary", None).await?;
        Ok(telemetry(taken, &summary.summary(), &stats, &devices))
    }

    async fn identify(&mut self) -> Result<Identity, SourceError> {
        let reply = self.limits.query(self.addr, "version", None).await?;
        Ok(reply.identity())
    }

    fn place(&self) -> String {
        format!("cgminer API at {}", self.addr)
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
