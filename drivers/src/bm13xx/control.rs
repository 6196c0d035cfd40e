//! A chain's clock, set and read back. Voltage and fan are not on this wire.

use tokio::io::{AsyncRead, AsyncWrite};

use super::controller::Controller;
use super::error::ChainError;
use super::register::Pll;
use crate::control::{Applied, Change, Control, ControlError, Remark};
use thermine_units::quantity::MegaHertz;
use thermine_units::unit::OperatingPoint;

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Control for Controller<T> {
    /// The clock as it was last read back or, if the chips do not tell it, as it was set.
    async fn operating_point(&mut self) -> Result<OperatingPoint, ControlError> {
        Ok(OperatingPoint {
            frequency: Some(self.chain().frequency),
            ..OperatingPoint::default()
        })
    }

    /// Ramps the clock. Work goes on meanwhile, and nonces wait to be asked for.
    async fn set(&mut self, asked: &OperatingPoint) -> Result<Applied, ControlError> {
        let mut remarks = unsupported(asked);
        if let Some(frequency) = asked.frequency {
            remarks.extend(self.set_frequency(frequency).await?);
        }
        Ok(Applied {
            asked: *asked,
            now: self.operating_point().await?,
            remarks,
        })
    }

    async fn restart(&mut self) -> Result<(), ControlError> {
        Err(ControlError::Unsupported("restart"))
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> Controller<T> {
    async fn set_frequency(&mut self, asked: MegaHertz) -> Result<Vec<Remark>, ControlError> {
        let family = self.chain().family;
        let (lowest, highest) = family.limits().frequency;
        let remark = |what| Remark {
            setting: "frequency",
            asked: asked.to_string(),
            what,
        };
        let within = MegaHertz(asked.0.clamp(lowest.0, highest.0));
        let Some(pll) = Pll::nearest(family, within) else {
            return Ok(vec![remark(Change::Unsupported)]);
        };
        let mut remarks = Vec::new();
        if pll.frequency() != asked {
            remarks.push(remark(Change::Clamped(pll.frequency().to_string())));
        }
        self.go_to(within);
        self.until_tuned()
            .await
            .map_err(|error: ChainError| ControlError::Wire(error.to_string()))?;
        let is = match self.retune.read_back() {
            Some(read) if !read.agree => format!("{} on average", read.frequency),
            Some(read) if read.frequency != pll.frequency() => read.frequency.to_string(),
            _ => return Ok(remarks),
        };
        remarks.push(remark(Change::ReadBack(is)));
        Ok(remarks)
    }
}

/// What this wire does not have.
fn unsupported(asked: &OperatingPoint) -> Vec<Remark> {
    let settings = [
        ("voltage", asked.voltage.map(|voltage| voltage.to_string())),
        ("fan", asked.fan.map(|fan| fan.to_string())),
        ("mode", asked.mode.map(|mode| format!("{mode:?}"))),
    ];
    settings
        .into_iter()
        .filter_map(|(setting, asked)| {
            Some(Remark {
                setting,
                asked: asked?,
                what: Change::Unsupported,
            })
        })
        .collect()
}
