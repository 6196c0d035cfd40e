//! What a simulated pool is like, and what it has counted.

use std::time::Duration;

use thermine_units::pow::Difficulty;

/// What a simulated pool is like.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Share difficulty.
    pub difficulty: Difficulty,
    /// Factor on the difficulty that a hash must really meet.
    pub difficulty_scale: f64,
    /// Bytes of extranonce2 that it gives.
    pub extranonce2_len: usize,
    /// Whether it answers each accepted share with a new job, as in a dialogue of one job at a time.
    pub dialogue: bool,
    /// Time between blocks; none if there are to be none by themselves.
    pub block_every: Option<Duration>,
    /// Seed of its jobs.
    pub seed: u64,
}

/// What a pool has counted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Shares accepted.
    pub accepted: u64,
    /// Copies of shares accepted before.
    pub duplicates: u64,
    /// Shares of jobs or blocks that are over.
    pub stale: u64,
    /// Shares that do not meet the difficulty.
    pub low: u64,
    /// Connections that subscribed.
    pub subscribed: u64,
    /// Of them resumed.
    pub resumed: u64,
}
