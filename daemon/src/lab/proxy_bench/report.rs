//! What the bench has seen.

use serde::Serialize;

/// Hashes of one range of nonces.
pub(crate) const NONCES: f64 = 4_294_967_296.0;

/// One-way latencies that are injected, ms.
pub(crate) const LATENCIES: [u64; 5] = [0, 25, 50, 100, 200];

/// Fraction of the latency that a line takes more or less.
pub(crate) const JITTER: f64 = 0.2;

/// One run, over all its units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Seen {
    /// Hashes per second of one unit, from shares that the pool accepted.
    pub(crate) rate: f64,
    /// Part of the time in which units were not idle.
    pub(crate) efficiency: f64,
    /// Idle seconds for each job finished.
    pub(crate) idle_per_job: f64,
    /// Rejected shares.
    pub(crate) refused: u64,
}

/// The runs at one latency and loss, by seed.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    /// One-way latency, ms.
    pub(crate) latency_ms: u64,
    /// Probability that a line is lost and sent again.
    pub(crate) loss: f64,
    /// Units at the pool, over the network.
    pub(crate) direct: Vec<Seen>,
    /// Units at a proxy beside them that only forwards lines.
    pub(crate) plain: Vec<Seen>,
    /// Units at the proxy that keeps work queued.
    pub(crate) queued: Vec<Seen>,
}
