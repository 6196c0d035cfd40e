//! A unit's HTTP interface as a source of readings.

use std::net::SocketAddr;

use super::client::Client;
use super::error::{Failure, HttpError};
use super::reply::{Board, PowerPlan, Setting, devs, minerinfo, status};
use crate::cgminer;
use crate::cgminer::reply::{Stats, Summary, telemetry};
use crate::poller::{self, SourceError};
use thermine_units::clock::{Clock, Nanos};
use thermine_units::quantity::HashRate;
use thermine_units::unit::{self, Identity, Telemetry};

/// Reads `devs` of one unit.
///
/// Some firmware always answers 500 to that. The same figures are then read from `minerinfo`, and if that
/// fails too, from the unit's cgminer API, should its address be known. `devs` is tried again when
/// the unit is asked for its identity, as the poller does after every loss of contact.
#[derive(Debug, Clone)]
pub struct Source {
    client: Client,
    cgminer: Option<(SocketAddr, cgminer::Source)>,
    /// Whether `devs` failed with a status, and `minerinfo` takes its place.
    lacks_devs: bool,
}

impl Source {
    /// The unit behind `client`.
    pub fn new(client: Client) -> Source {
        Source {
            client,
            cgminer: None,
            lacks_devs: false,
        }
    }

    /// Gives the source the unit's cgminer API to fall back on.
    pub fn with_cgminer(self, addr: SocketAddr) -> Source {
        Source {
            cgminer: Some((addr, cgminer::Source::new(addr))),
            ..self
        }
    }

    async fn read_http(&mut self, clock: &Clock) -> Result<Telemetry, HttpError> {
        if !self.lacks_devs {
            let query = [("cgminercmd", "devs")];
            match self.client.read("/mcb/cgminer", &query, devs).await {
                Ok(boards) => return Ok(reading(clock.now(), &boards)),
                Err(error) if lacks(&error) => {
                    tracing::debug!(%error, "reading minerinfo instead");
                    self.lacks_devs = matches!(error.failure, Failure::Status(_));
                }
                Err(error) => return Err(error),
            }
        }
        match self.client.read("/dbg/minerinfo", &[], minerinfo).await {
            Ok(devices) => {
                let (summary, stats) = (Summary::default(), Stats::default());
                Ok(telemetry(clock.now(), &summary, &stats, &devices))
            }
            Err(error) => {
                self.lacks_devs = false;
                Err(error)
            }
        }
    }
}

/// Whether the firmware has not got the path in working order, while the unit is otherwise well.
fn lacks(error: &HttpError) -> bool {
    matches!(
        error.failure,
        Failure::Status(404 | 500 | 501) | Failure::Unreadable { .. }
    )
}

/// The telemetry that these boards amount to. The unit has no power meter.
fn reading(taken: Nanos, boards: &[Board]) -> Telemetry {
    let rate = |field: fn(&Board) -> Option<HashRate>| {
        let rates = boards.iter().filter_map(field);
        rates.reduce(|a, b| HashRate(a.0 + b.0))
    };
    let total = |field: fn(&Board) -> Option<u64>| {
        let counts = boards.iter().filter_map(field);
        counts.reduce(u64::saturating_add)
    };
    let fans = boards.iter().find(|board| !board.fans.is_empty());
    Telemetry {
        taken,
        boards: boards.iter().zip(0..).map(board).collect(),
        fans: fans.map(|board| board.fans.clone()).unwrap_or_default(),
        hash_rate: rate(|board| board.hash_rate),
        hash_rate_average: rate(|board| board.hash_rate_average),
        hardware_errors: total(|board| board.hardware_errors),
        accepted: total(|board| board.accepted),
        rejected: total(|board| board.rejected),
        uptime: boards.iter().filter_map(|board| board.uptime).max(),
        ..Telemetry::default()
    }
}

/// Of two sensors nothing says which is where, so the hotter is taken for the chip's.
fn board((board, place): (&Board, u8)) -> unit::Board {
    let clock = |plan: &PowerPlan| plan.frequency;
    unit::Board {
        slot: board.id.unwrap_or(place),
        chip_temp: board.hottest,
        frequency: board.plan.as_ref().map(clock),
        hash_rate: board.hash_rate,
        hardware_errors: board.hardware_errors,
        failed_sensors: board.failed_sensors,
        sensors: board.sensors,
        ..unit::Board::default()
    }
}

impl poller::Source for Source {
    async fn read(&mut self, clock: &Clock) -> Result<Telemetry, SourceError> {
        let error = match self.read_http(clock).await {
            Ok(telemetry) => return Ok(telemetry),
            Err(error) => error,
        };
        let Some((_, cgminer)) = &mut self.cgminer else {
            return Err(error.into());
        };
        match cgminer.read(clock).await {
            Ok(telemetry) => {
                tracing::debug!(%error, "read through the cgminer API");
                Ok(telemetry)
            }
            Err(fallback) => Err(SourceError {
                reason: format!("{error}; {fallback}"),
                fatal: error.is_fatal() && fallback.fatal,
            }),
        }
    }

    async fn identify(&mut self) -> Result<Identity, SourceError> {
        self.lacks_devs = false;
        let identity = self.client.read("/mcb/status", &[], status).await?;
        // The serial number alone needs a token; without one the rest is still worth having.
        let setting = self.client.read("/mcb/setting", &[], Setting::parse).await;
        Ok(Identity {
            serial: setting.ok().and_then(|setting| setting.serial()),
            ..identity
        })
    }

    fn place(&self) -> String {
        match &self.cgminer {
            None => format!("Goldshell HTTP at {}", self.client.addr()),
            Some((cgminer, _)) => format!(
                "Goldshell HTTP at {}, cgminer API at {cgminer}",
                self.client.addr()
            ),
        }
    }
}
