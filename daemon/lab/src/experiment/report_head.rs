//! What identifies a run in its report.

use serde::Serialize;

/// What identifies a run.
#[derive(Debug, Clone, Serialize)]
pub struct Head {
    /// Version of the program.
    pub version: &'static str,
    /// Name of the unit.
    pub unit: String,
    /// What was driven: `handshake`, `twin` or `replay`.
    pub substrate: &'static str,
    /// Which time the steps were taken in.
    pub time: String,
    /// Seed of input, simulated unit and statistics.
    pub seed: u64,
    /// First 16 hex digits of the SHA-256 of the configuration.
    pub config_hash: String,
    /// Wall time of the driving, in seconds.
    pub wall_seconds: f64,
}
