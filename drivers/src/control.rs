//! Asking a unit to run elsewhere, and believing only what it reads back.

use std::fmt;
use std::future::Future;

use thermine_units::unit::OperatingPoint;

/// A wire on which a unit can be set.
pub trait Control: Send {
    /// Where the unit runs, as far as it says.
    fn operating_point(
        &mut self,
    ) -> impl Future<Output = Result<OperatingPoint, ControlError>> + Send;

    /// Asks the unit to run at `asked`, within its model's limits, and reads back where it then runs.
    fn set(
        &mut self,
        asked: &OperatingPoint,
    ) -> impl Future<Output = Result<Applied, ControlError>> + Send;

    /// Restarts the unit's miner.
    fn restart(&mut self) -> impl Future<Output = Result<(), ControlError>> + Send;
}

/// The control of a unit whose wire has no settings, as an S9's.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoControl;

impl Control for NoControl {
    async fn operating_point(&mut self) -> Result<OperatingPoint, ControlError> {
        Err(ControlError::Unsupported("say where it runs"))
    }

    async fn set(&mut self, _asked: &OperatingPoint) -> Result<Applied, ControlError> {
        Err(ControlError::Unsupported("run elsewhere"))
    }

    async fn restart(&mut self) -> Result<(), ControlError> {
        Err(ControlError::Unsupported("restart"))
    }
}

/// What became of a setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// What was asked.
    pub asked: OperatingPoint,
    /// Where the unit now runs, read back from it.
    pub now: OperatingPoint,
    /// Where that differs from what was asked, and why.
    pub remarks: Vec<Remark>,
}

/// A setting that is not as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// Which: `frequency`, `voltage`, `fan` or `mode`.
    pub setting: &'static str,
    /// Its value as asked, with unit.
    pub asked: String,
    /// What happened to it.
    pub what: Change,
}

/// What happened to a setting that is not as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Brought within the model's limits, or to a step of its generator, before it was sent.
    Clamped(String),
    /// Not sent: the model has no such setting.
    Unsupported,
    /// Sent, but the unit reads back otherwise.
    ReadBack(String),
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Remark {
            setting,
            asked,
            what,
        } = self;
        match what {
            Change::Clamped(to) => write!(
                f,
                "{setting} {asked} is outside the model's limits: sent {to}"
            ),
            Change::Unsupported => write!(f, "{setting} {asked}: the model has no such setting"),
            Change::ReadBack(is) => {
                write!(
                    f,
                    "{setting} {asked} was sent, but the unit reads back {is}"
                )
            }
        }
    }
}

/// Why a unit could not be set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It does not answer, or not as it should.
    #[error("{0}")]
    Wire(String),
    /// The wire has no way to do it.
    #[error("{0}: this model cannot be told to over its wire")]
    Unsupported(&'static str),
    /// A setting that no unit can have, named. Nothing was sent.
    #[error("{0} is not a finite number: nothing was sent")]
    NotFinite(&'static str),
}
