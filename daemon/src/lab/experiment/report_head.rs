//! What identifies a run in its report.

use serde::Serialize;

/// What identifies a run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Head {
    /// Version of the program.
    pub(crate) version: &'static str,
    /// Name of the unit.
    pub(crate) unit: String,
    /// What was driven: `handshake`, `twin` or `replay`.
    pub(crate) substrate: &'static str,
    /// Which time the steps were taken in.
    pub(crate) time: String,
    /// Seed of input, simulated unit and statistics.
    pub(crate) seed: u64,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub(crate) config_hash: String,
    /// Wall time of the driving, in seconds.
    pub(crate) wall_seconds: f64,
}
