//! How many shares a window can hold, before anything is driven.

use std::fmt::Write;

use thermine_sim::params::Params;
use thermine_units::pow::Difficulty;

use super::Settings;
use super::grid::{Grid, Point};

/// Shares per cell that the paper claims (arXiv 2601.12032).
const PUBLISHED_SHARES: f64 = 10_000.0;

/// Shares that a window of `seconds` holds on average if every hash is right: N = H T/(D 2^32).
pub(super) fn shares(params: &Params, point: &Point, seconds: f64) -> f64 {
    let chips = (params.boards * params.columns * params.chips) as f64;
    let rate = chips * params.hashes_per_cycle * point.frequency * 1e6;
    let per_share = Difficulty::ONE.hashes(params.algorithm);
    rate * seconds / (point.difficulty.max(params.difficulty_floor) * per_share)
}

/// What the windows of the grid can hold, in words.
pub(super) fn said(params: &Params, grid: &Grid, settings: &Settings) -> String {
    let points = grid.points();
    let held: Vec<f64> = points
        .iter()
        .map(|point| shares(params, point, settings.window_seconds))
        .collect();
    let few = held.iter().filter(|n| **n < settings.shares as f64).count();
    let most = held.iter().copied().fold(0.0, f64::max);
    let least = held.iter().copied().fold(f64::INFINITY, f64::min);
    let mut text = String::new();
    let _ = writeln!(
        text,
        "{} cells. A window of {} s holds {least:.1} to {most:.0} shares if every hash is right; {few} cells cannot \
         hold the {} asked.",
        points.len(),
        settings.window_seconds,
        settings.shares,
    );
    let reach = held.iter().filter(|n| **n >= PUBLISHED_SHARES).count();
    let _ = if reach == 0 {
        let needed = PUBLISHED_SHARES / most * settings.window_seconds;
        writeln!(
            text,
            "The published 10,000+ shares per cell are reached by none: the fastest cell would take {needed:.0} s, the \
             slowest {:.0} h.",
            PUBLISHED_SHARES / least * settings.window_seconds / 3600.0
        )
    } else {
        writeln!(
            text,
            "The published 10,000+ shares per cell are reached by {reach} of {} cells.",
            points.len()
        )
    };
    text
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
