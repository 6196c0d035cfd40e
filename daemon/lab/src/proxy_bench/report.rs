//! What the bench has seen.

use serde::Serialize;

/// Hashes of one range of nonces.
pub const NONCES: f64 = 4_294_967_296.0;

/// One-way latencies that are injected, ms.
pub const LATENCIES: [u64; 5] = [0, 25, 50, 100, 200];

/// Fraction of the latency that a line takes more or less.
pub const JITTER: f64 = 0.2;

/// One run, over all its units.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Seen {
    /// Hashes per second of one unit, from shares that the pool accepted.
    pub rate: f64,
    /// Part of the time in which units were not idle.
    pub efficiency: f64,
    /// Idle seconds for each job finished.
    pub idle_per_job: f64,
    /// Rejected shares.
    pub refused: u64,
}

/// The runs at one latency and loss, by seed.
#[derive(Debug, Serialize)]
pub struct Row {
    /// One-way latency, ms.
    pub latency_ms: u64,
    /// Probability that a line is lost and sent again.
    pub loss: f64,
    /// Units at the pool, over the network.
    pub direct: Vec<Seen>,
    /// Units at a proxy beside them that only forwards lines.
    pub plain: Vec<Seen>,
    /// Units at the proxy that keeps work queued.
    pub queued: Vec<Seen>,
}
