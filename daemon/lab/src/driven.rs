//! The same work on a unit's wire and on its twin.

use crate::substrate::{Discipline, Drive, Observation, Substrate, SubstrateError, Twin};
use anyhow::{Result, ensure};
use thermine_sim::device::Device;
use thermine_units::provenance::Provenance;
use thermine_units::record::Recorder;
use thermine_units::seed;
use thermine_units::unit::OperatingPoint;

use super::attach::Driven;
use super::backend::Backend;
use super::config::Config;
use super::experiment::arms::twin_params;
use super::session::{Session, with_unit};

/// A unit on its wire, or its twin.
#[derive(Debug)]
pub(crate) enum WireOrTwin {
    Wire(Box<Driven>),
    Twin(Box<Twin>),
}

impl Substrate for WireOrTwin {
    async fn step(&mut self, drive: &Drive) -> Result<Observation, SubstrateError> {
        match self {
            WireOrTwin::Wire(unit) => unit.step(drive).await,
            WireOrTwin::Twin(twin) => twin.step(drive).await,
        }
    }

    fn provenance(&self) -> Provenance {
        match self {
            WireOrTwin::Wire(unit) => unit.provenance(),
            WireOrTwin::Twin(twin) => twin.provenance(),
        }
    }
}

/// Checks that the unit of `config` can be driven by `backend`: a twin only plays a unit that is configured as a
/// simulated one.
///
/// # Errors
/// If it cannot, with the reason.
pub fn check(config: &Config, backend: Backend) -> Result<()> {
    if backend == Backend::Twin {
        ensure!(
            config.unit.simulated.is_some(),
            "--backend twin is a simulation, but {} is not configured as a simulated unit",
            config.unit.name
        );
        twin_params(config)?;
    }
    Ok(())
}

/// Has `work` drive the unit of `session`, or its twin set to `point`, and leaves the unit safe.
///
/// # Errors
/// As [`with_unit`].
pub(crate) async fn with_driven<T>(
    session: Session<'_>,
    (backend, discipline): (Backend, Discipline),
    (point, recorder): (OperatingPoint, Recorder),
    work: impl AsyncFnOnce(&mut WireOrTwin) -> Result<T>,
) -> Result<T> {
    if backend == Backend::Twin {
        let Session { config, seed, .. } = session;
        let model = config.unit.model;
        let mut device = Device::warm(&twin_params(config)?, seed);
        device.set_operating_point(&point);
        let rng = seed::stream(seed, "twin");
        let dead_time = model.switch_dead_time();
        let twin = Twin::new(device, model, discipline, dead_time, rng, recorder);
        let mut twin = WireOrTwin::Twin(Box::new(twin));
        return session.context.unless_stopped(work(&mut twin)).await;
    }
    with_unit(session, async |unit| {
        let mut driven = WireOrTwin::Wire(Box::new(unit.drive(discipline, recorder)?));
        let done = work(&mut driven).await?;
        if let WireOrTwin::Wire(driven) = driven {
            unit.release(*driven).await?;
        }
        Ok(done)
    })
    .await
}
