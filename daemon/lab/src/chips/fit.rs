//! Whether a layout can be that of the nonces it is to take apart.
//!
//! Dead chips and cores must not look like a wrong layout, so three tests are made that up to half of dead places pass:
//! codes that no chip has, all shares within at most half of the places side by side, and counters that stay within a
//! quarter of the range that they should go through.

use serde::Serialize;
use thermine_reservoir::describe::tails;

use super::counts::Tally;

/// Level of all tests of a layout together: below it no map is shown.
const LEVEL: f64 = 0.001;

/// Part of the shares that may carry an impossible code: damaged nonces, or more chips than the unit should have.
const TOLERATED: f64 = 0.05;

/// Part of its range that a counter may stay within, where work is replaced early.
const LEAST_REACH: f64 = 0.25;

/// Test of a layout against nonces.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Probability of such nonces if the layout is right: that of the worst test times the number of tests (Bonferroni).
    pub p: f64,
    /// Number of tests.
    pub tests: usize,
    /// What contradicts the layout; empty if nothing does.
    pub against: Vec<String>,
    /// Other layouts that these nonces do not contradict, with their p; only looked for if this one is contradicted.
    pub others: Vec<(String, f64)>,
}

impl Fit {
    /// Tests the layout of `tally`; `None` if it tells nothing apart, or there are no shares.
    pub(crate) fn of(tally: &Tally) -> Option<Fit> {
        let mut tests = Vec::new();
        if tally.n == 0 || tally.layout().chips + tally.layout().cores == 0 {
            return None;
        }
        let (strange, n) = (tally.strange, tally.n);
        tests.push((
            tails::binomial(strange, n, TOLERATED).upper,
            format!("{strange} of {n} nonces carry codes that no chip or core has"),
        ));
        for (what, counts) in [("chip", tally.chips()), ("core", tally.cores())] {
            let (p, width) = within_a_half(&counts);
            let places = counts.len();
            tests.push((
                p,
                format!("all shares are of {width} adjacent {what} codes of {places}"),
            ));
        }
        if let Some((p, part)) = counter(tally) {
            let part = 100.0 * part;
            tests.push((
                p,
                format!("counters stay within {part:.2} % of their range"),
            ));
        }
        let count = tests.len() as f64;
        let adjusted = tests.iter().map(|(p, what)| ((p * count).min(1.0), what));
        let adjusted: Vec<(f64, &String)> = adjusted.collect();
        Some(Fit {
            p: adjusted.iter().fold(1.0, |least, (p, _)| p.min(least)),
            tests: tests.len(),
            against: adjusted
                .iter()
                .filter(|(p, _)| *p < LEVEL)
                .map(|(p, what)| format!("{what} (p {p:.0e})"))
                .collect(),
            others: Vec::new(),
        })
    }

    /// Whether nothing contradicts the layout.
    pub fn fits(&self) -> bool {
        self.against.is_empty()
    }
}

/// Probability that all shares lie in a window as narrow as they do, if each place finds as many, and the window's width; 1
/// if it is wider than half of the places. Places are taken as a circle. The window begins at the place of one of the n
/// shares, and the n − 1 others are within it: n (w/m)^(n−1) is an upper bound.
fn within_a_half(counts: &[u64]) -> (f64, usize) {
    let places = counts.len();
    let n: u64 = counts.iter().sum();
    let (mut empty, mut run) = (0, 0);
    for count in counts.iter().chain(counts) {
        run = if *count == 0 { run + 1 } else { 0 };
        empty = empty.max(run);
    }
    let width = places - empty.min(places);
    if n == 0 || 2 * width > places {
        return (1.0, width);
    }
    let log = (n as f64).ln() + (n - 1) as f64 * (width as f64 / places as f64).ln();
    (log.exp().min(1.0), width)
}

/// Probability that the largest counter is as small as it is, and its part of the range.
fn counter(tally: &Tally) -> Option<(f64, f64)> {
    let layout = tally.layout();
    let known = tally.n - tally.strange;
    let range = f64::from(layout.counter_bits()).exp2() * layout.coverage?;
    let part = (f64::from(tally.largest) + 1.0) / range;
    let p = match part {
        part if known == 0 || part > LEAST_REACH => 1.0,
        part => (known as f64 * part.ln()).exp(),
    };
    Some((p, part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn narrow_windows_are_unlikely_and_half_of_dead_places_are_not() {
        let mut counts = vec![0; 112];
        for i in 0..16 {
            counts[84 + 28 * i / 16] += 1;
        }
        let (p, width) = within_a_half(&counts);
        assert!(width <= 28 && p < 1e-7, "{p} {width}");
        // Across the end of the codes.
        counts.rotate_left(95);
        assert_eq!(within_a_half(&counts).1, width);
        let half_dead: Vec<u64> = (0..63).map(|i| if i < 32 { 40 } else { 0 }).collect();
        assert_eq!(within_a_half(&half_dead), (1.0, 32));
        assert_eq!(within_a_half(&[5]).0, 1.0);
        let two: (f64, usize) = within_a_half(&[1, 1, 0, 0, 0, 0, 0, 0]);
        assert!((two.0 - 2.0 * 0.25).abs() < 1e-12);
    }
}
