//! What an experiment drives.

use serde::{Deserialize, Serialize};

/// What an experiment drives: a unit on its wire, the unit's twin, or a capture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// The unit, real or simulated, over its own wire.
    #[default]
    Wire,
    /// The simulator's physics, called in process and in virtual time.
    Twin,
    /// A capture, as it was recorded.
    Replay,
}

impl Backend {
    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Backend::Wire => "wire",
            Backend::Twin => "twin",
            Backend::Replay => "replay",
        }
    }
}
