//! Where a number comes from.

use serde::{Deserialize, Serialize};

/// Where a run's numbers come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// Measured on hardware that its wires confirmed to be what its configuration says.
    Device,
    /// Measured on something that was not confirmed to be that hardware, or whose telemetry contradicts itself.
    UnverifiedDevice,
    /// Computed by the model, at the far end of a wire or in process.
    Simulated,
    /// Read from a capture of the kind inside.
    Replayed(Box<Provenance>),
}

impl std::fmt::Display for Provenance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Provenance::Device => f.write_str("device"),
            Provenance::UnverifiedDevice => f.write_str("unverified device"),
            Provenance::Simulated => f.write_str("simulated"),
            Provenance::Replayed(of) => write!(f, "replayed ({of})"),
        }
    }
}
