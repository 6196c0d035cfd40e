//! A unit's cgminer API as a source of readings.

use std::net::SocketAddr;

use super::client::{ApiError, Limits};
use super::reply::{Device, Reply, Stats, boards, telemetry};
use crate::poller::{self, SourceError};
use thermine_units::clock::Clock;
use thermine_units::unit::{Identity, Telemetry};

/// Reads `stats` and `summary` of the unit at one address, and `devs`, `temps` and `fans` where `stats` has no
/// boards.
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

/// What one unit answered, command by command.
#[derive(Debug, Default)]
struct Answers {
    stats: Stats,
    devices: Vec<Device>,
}

impl Source {
    /// Asks for `command`; `None` if the firmware refuses it, which it then always does.
    async fn ask(&self, command: &str) -> Result<Option<Reply>, ApiError> {
        match self.limits.query(self.addr, command, None).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if error.is_fatal() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Boards and fans: of `stats`, or of `devs`, or of `temps` and `fans`. One refused command is no failure
    /// where another tells them.
    async fn sensors(&self) -> Result<Answers, ApiError> {
        let asked = self.limits.query(self.addr, "stats", None).await;
        let (stats, refused) = match asked {
            Ok(reply) => (reply.stats(), None),
            Err(error) if error.is_fatal() => (Stats::default(), Some(error)),
            Err(error) => return Err(error),
        };
        let mut answers = Answers {
            stats,
            devices: Vec::new(),
        };
        if !answers.stats.boards.is_empty() {
            return Ok(answers);
        }
        let devices = self.ask("devs").await?;
        answers.devices = devices.map_or_else(Vec::new, |reply| reply.devices());
        let told = answers
            .devices
            .iter()
            .any(|device| device.board().is_some());
        if !told {
            let temps = self.ask("temps").await?;
            let temps = temps.map_or_else(Vec::new, |reply| reply.temps());
            answers.stats.boards = boards(&temps, &answers.devices);
            if let Some(fans) = self.ask("fans").await? {
                answers.stats.fans = fans.fans();
            }
        }
        let knows_boards = told || !answers.stats.boards.is_empty();
        match refused {
            Some(error) if !knows_boards && answers.devices.is_empty() => Err(error),
            _ => Ok(answers),
        }
    }
}

impl poller::Source for Source {
    async fn read(&mut self, clock: &Clock) -> Result<Telemetry, SourceError> {
        let Answers { stats, devices } = self.sensors().await?;
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
