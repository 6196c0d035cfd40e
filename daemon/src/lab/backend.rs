//! What an experiment drives.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What an experiment drives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// A unit on its wires, real or simulated.
    #[default]
    #[serde(alias = "handshake", alias = "wires")]
    Wire,
    /// The simulator's physics in this process: no sockets, virtual time.
    Twin,
    /// A capture, as recorded.
    Replay,
}

impl Backend {
    /// Its name in reports and readouts, which is that of older versions.
    pub fn substrate(self) -> &'static str {
        match self {
            Backend::Wire => "handshake",
            Backend::Twin => "twin",
            Backend::Replay => "replay",
        }
    }
}
