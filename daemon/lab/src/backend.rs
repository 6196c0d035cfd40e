//! Where a command's observations come from: a unit on its wires, the simulator, or a capture.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What answers a drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A unit on its wires, real or simulated.
    #[default]
    #[serde(alias = "wires", alias = "handshake")]
    Wire,
    /// The simulator's physics in this process, without wires and in virtual time.
    Twin,
    /// The observations that a capture holds.
    Replay,
}

impl Backend {
    /// The value of `--backend`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Backend::Wire => "wire",
            Backend::Twin => "twin",
            Backend::Replay => "replay",
        }
    }

    /// Its name in reports and readouts, which is that of older versions.
    pub(crate) fn substrate(self) -> &'static str {
        match self {
            Backend::Wire => "handshake",
            Backend::Twin => "twin",
            Backend::Replay => "replay",
        }
    }
}
