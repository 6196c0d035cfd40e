//! How many shares a window can hold, before anything is driven.

use serde::Serialize;
use thermine_sim::params::Params;
use thermine_units::pow::Difficulty;

use super::grid::{Grid, Point};

/// Shares per cell that the paper claims (arXiv 2601.12032).
pub const PUBLISHED_SHARES: f64 = 10_000.0;

/// The shares that the windows of a grid hold on average if every hash is right.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Feasibility {
    /// Points of the grid.
    pub cells: usize,
    /// Length of the window, s.
    pub window_seconds: f64,
    /// Shares that a cell should hold.
    pub wanted: u64,
    /// Cells that hold fewer.
    pub too_few: usize,
    /// Shares of the slowest cell.
    pub least: f64,
    /// Shares of the fastest cell.
    pub most: f64,
    /// Cells that hold the published number of shares.
    pub as_published: usize,
}

impl Feasibility {
    pub(super) fn of(
        params: &Params,
        grid: &Grid,
        window_seconds: f64,
        wanted: u64,
    ) -> Feasibility {
        let points = grid.points();
        let held: Vec<f64> = points
            .iter()
            .map(|point| shares(params, point, window_seconds))
            .collect();
        Feasibility {
            cells: held.len(),
            window_seconds,
            wanted,
            too_few: held.iter().filter(|n| **n < wanted as f64).count(),
            least: held.iter().copied().fold(f64::INFINITY, f64::min),
            most: held.iter().copied().fold(0.0, f64::max),
            as_published: held.iter().filter(|n| **n >= PUBLISHED_SHARES).count(),
        }
    }
}

/// Shares that a window of `seconds` holds on average if every hash is right: N = H T/(D 2^32).
fn shares(params: &Params, point: &Point, seconds: f64) -> f64 {
    let chips = (params.boards * params.columns * params.chips) as f64;
    let rate = chips * params.hashes_per_cycle * point.frequency * 1e6;
    let per_share = Difficulty::ONE.hashes(params.algorithm);
    rate * seconds / (point.difficulty.max(params.difficulty_floor) * per_share)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_the_published_sweep_holds_what_arithmetic_says() {
        let point = |frequency, difficulty| Point {
            voltage: None,
            frequency,
            difficulty,
        };
        let s9 = Params::s9();
        // 189 · 114 · 650 MHz · 300 s / (1024 · 2^32) = 955; at 200 MHz and 65,536, 4.6.
        assert!((shares(&s9, &point(650.0, 1024.0), 300.0) - 955.3).abs() < 0.5);
        assert!((shares(&s9, &point(200.0, 65536.0), 300.0) - 4.593).abs() < 0.005);
        // Below its floor a unit answers no more.
        let floor = shares(&s9, &point(650.0, 256.0), 1.0);
        assert_eq!(shares(&s9, &point(650.0, 1.0), 1.0), floor);
    }
}
