//! A unit's control, held so that the unit is not left hot.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tracing::{error, info};

use crate::control::{Applied, Change, Control, ControlError};
use thermine_units::unit::OperatingPoint;

/// Wall time that a unit is given to take a setting and read it back. An AxeOS unit that restarts needs
/// most of it.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// How far a setting that is read back may be off: a step of the clock generator, a step of the voltage
/// converter, and how well a fan's speed is known.
const CLOCK_STEP_MHZ: f64 = 10.0;
const VOLTAGE_STEP_V: f64 = 0.02;
const FAN_STEP: f64 = 0.05;

/// Why a unit is not at its safe operating point.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub(super) enum NotSafe {
    /// Its wire has no way to set it.
    #[error("{0}: its wire has no way to do so")]
    Unsupported(&'static str),
    /// It does not answer.
    #[error("{0}")]
    Wire(String),
    /// It answers, but runs elsewhere.
    #[error("it was sent to its safe operating point, but {0}")]
    Elsewhere(String),
}

/// A control that makes its unit safe when it is dropped, unless it has been released.
#[derive(Debug)]
pub(super) struct Held<C: Control + 'static> {
    /// `None` once dropping has begun.
    control: Option<C>,
    safe: OperatingPoint,
    unit: Arc<str>,
    runtime: Handle,
    released: bool,
}

impl<C: Control + 'static> Held<C> {
    /// Holds `control`; `runtime` is where the last-chance task will run.
    pub(super) fn new(
        control: C,
        safe: OperatingPoint,
        unit: Arc<str>,
        runtime: Handle,
    ) -> Held<C> {
        Held {
            control: Some(control),
            safe,
            unit,
            runtime,
            released: false,
        }
    }

    /// The control itself.
    pub(super) fn get(&mut self) -> &mut C {
        #[expect(clippy::expect_used, reason = "taken by `drop` alone")]
        self.control.as_mut().expect("there until dropped")
    }

    /// Sets the unit to its safe operating point and reads that back. Nothing to set is safe.
    pub(super) async fn make_safe(&mut self) -> Result<(), NotSafe> {
        let safe = self.safe;
        make_safe(self.get(), &safe).await
    }

    /// All has been done that can be: dropping this will do nothing more.
    pub(super) fn release(&mut self) {
        self.released = true;
    }
}

impl<C: Control + 'static> Drop for Held<C> {
    fn drop(&mut self) {
        let Some(mut control) = self.control.take().filter(|_| !self.released) else {
            return;
        };
        let (safe, unit) = (self.safe, self.unit.clone());
        if safe == OperatingPoint::UNCHANGED {
            return;
        }
        error!(%unit, "its guard was lost: a last chance to make it safe");
        // Detached: there is nobody left to wait for it.
        self.runtime.spawn(async move {
            match make_safe(&mut control, &safe).await {
                Ok(()) => info!(%unit, "it is at its safe operating point"),
                Err(error) => error!(%unit, %error, "it is not at its safe operating point"),
            }
        });
    }
}

async fn make_safe<C: Control>(control: &mut C, safe: &OperatingPoint) -> Result<(), NotSafe> {
    if *safe == OperatingPoint::UNCHANGED {
        return Ok(());
    }
    match tokio::time::timeout(PATIENCE, control.set(safe)).await {
        Ok(Ok(applied)) => match shortfall(safe, &applied) {
            None => Ok(()),
            Some(what) => Err(NotSafe::Elsewhere(what)),
        },
        Ok(Err(ControlError::Wire(reason))) => Err(NotSafe::Wire(reason)),
        Ok(Err(ControlError::Unsupported(what))) => Err(NotSafe::Unsupported(what)),
        Ok(Err(error @ ControlError::NotFinite(_))) => Err(NotSafe::Wire(error.to_string())),
        Err(_) => Err(NotSafe::Wire(format!(
            "it did not answer within {} s",
            PATIENCE.as_secs()
        ))),
    }
}

/// What of `safe` the unit has not read back, if anything. Settings that the model does not have are as
/// safe as they can be.
fn shortfall(safe: &OperatingPoint, applied: &Applied) -> Option<String> {
    let now = &applied.now;
    let lacks = |setting| {
        let mut remarks = applied.remarks.iter();
        remarks.any(|remark| remark.setting == setting && remark.what == Change::Unsupported)
    };
    let check = |setting, wanted: bool, holds: Option<bool>| {
        (wanted && holds != Some(true) && !lacks(setting)).then_some(setting)
    };
    let frequency = safe.frequency.map_or(f64::MAX, |f| f.0 + CLOCK_STEP_MHZ);
    let voltage = safe.voltage.map_or(f64::MAX, |v| v.0 + VOLTAGE_STEP_V);
    let fan = safe.fan.map_or(0.0, |fan| fan - FAN_STEP);
    let wrong: Vec<&str> = [
        check(
            "frequency",
            safe.frequency.is_some(),
            now.frequency.map(|f| f.0 <= frequency),
        ),
        check(
            "voltage",
            safe.voltage.is_some(),
            now.voltage.map(|v| v.0 <= voltage),
        ),
        check("fan", safe.fan.is_some(), now.fan.map(|now| now >= fan)),
        check(
            "mode",
            safe.mode.is_some(),
            now.mode.map(|mode| safe.mode == Some(mode)),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!wrong.is_empty()).then(|| {
        format!(
            "{} not where asked: it reads back {now:?}",
            wrong.join(", ")
        )
    })
}
