//! What a trial has found.

use crate::substrate::Refused;
use serde::{Serialize, Serializer};
use thermine_reservoir::tpf::account::Account;
use thermine_reservoir::tpf::trial::{Block, RateRatio};
use thermine_units::pow::Algorithm;
use thermine_units::provenance::Provenance;

use crate::backend::Backend;

/// A finished trial.
#[derive(Debug, Serialize)]
pub struct TrialReport {
    pub(super) version: &'static str,
    /// Name of the unit in its configuration.
    pub unit: String,
    #[serde(rename = "on", serialize_with = "as_in_older_reports")]
    pub(super) backend: Backend,
    /// Where the numbers come from.
    pub provenance: Provenance,
    /// Seed of the order of blocks and of the simulated unit.
    pub seed: u64,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub config_hash: String,
    /// What the unit hashes by.
    pub algorithm: Algorithm,
    /// Share difficulty.
    pub difficulty: f64,
    /// Where the joules come from.
    pub power: Power,
    /// Steps that the filter was trained on.
    pub train: u32,
    /// Steps of a block that are counted.
    pub block: u32,
    /// Steps at the beginning of a block that are not.
    pub settle: u32,
    /// Pairs of blocks at which the trial would have ended.
    pub horizon: u32,
    /// Pairs of blocks that were run.
    pub pairs: u32,
    /// Whether it ended before the horizon, by its evidence.
    pub stopped_by_evidence: bool,
    /// Blocks with the filter.
    pub filter: Arm,
    /// Blocks without it.
    pub pass: Arm,
    /// Shares per joule with the filter over those without; absent without a share.
    pub ratio: Option<RateRatio>,
    /// E-value against no difference, at the end.
    pub e_value: f64,
    /// 95 % interval of the ratio, valid wherever the trial stopped.
    pub anytime: (f64, f64),
    /// The evidence after each pair.
    pub course: Vec<Look>,
    /// What the filter would have kept of the blocks without it: steps above the training median.
    pub counterfactual: Account,
    /// Settings of the unit that differ from those asked for, and interruptions.
    pub remarks: Vec<String>,
    /// The result in one sentence.
    pub verdict: String,
}

/// Where the joules come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Power {
    /// The unit's own meter.
    Measured,
    /// A power that the user gave, as if it were constant.
    Assumed,
}

/// What the blocks of one kind have counted.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Arm {
    /// Shares and joules that count for the ratio.
    pub counted: Block,
    /// Shares and joules while the unit settled.
    pub settling: Block,
    /// Steps that were counted, interrupted ones left out.
    pub steps: u64,
    /// Counted steps at the least duty.
    pub aborted: u64,
    /// Shares that were not accepted, those of settling included.
    pub refused: Refused,
}

/// The evidence after a pair of blocks.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Look {
    pub(super) e_value: f64,
    /// Lower end of the 95 % interval of the ratio.
    pub low: f64,
    /// Upper end of that interval.
    pub high: f64,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a field by reference"
)]
fn as_in_older_reports<S: Serializer>(backend: &Backend, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match backend {
        Backend::Wire => "wires",
        other => other.name(),
    })
}

/// The result in one sentence, by the interval of the ratio.
pub(super) fn verdict((low, high): (f64, f64), e_value: f64, power: Power) -> String {
    let per = match power {
        Power::Measured => "per joule",
        Power::Assumed => "per second (power was not measured)",
    };
    if high < 1.0 {
        format!(
            "The filter loses: {:.0} to {:.0} % fewer accepted shares {per} than without it (e-value {e_value:.1e}).",
            100.0 * (1.0 - high),
            100.0 * (1.0 - low)
        )
    } else if low > 1.0 {
        format!(
            "The filter gains {:.0} to {:.0} % accepted shares {per} (e-value {e_value:.1e}): repeat it with another seed, \
             and look for what else differs between the arms, before believing it.",
            100.0 * (low - 1.0),
            100.0 * (high - 1.0)
        )
    } else {
        format!(
            "No difference is shown: filter over pass-through lies between {low:.2} and {high:.2} shares {per}, whenever \
             one looks."
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_follows_the_interval() {
        assert!(verdict((0.5, 0.9), 50.0, Power::Measured).contains("10 to 50 % fewer"));
        assert!(verdict((0.9, 1.2), 1.0, Power::Measured).starts_with("No difference"));
        let gain = verdict((1.1, 1.2), 50.0, Power::Assumed);
        assert!(gain.contains("gains 10 to 20 %") && gain.contains("not measured"));
    }
}
