//! The hash rate that the firmware shows: its chips' answers over a window, which is noisy.

use std::collections::VecDeque;

use thermine_units::clock::Nanos;
use thermine_units::quantity::HashRate;

/// Length of the window, s: ESP-Miner 2.1 keeps its last 100 answers, which at difficulty 256 and
/// 500 GH/s is this long. Its smoothing on top, 9 to 1 from answer to answer, is left out.
const WINDOW_S: f64 = 220.0;

/// Samples that are kept: enough for one a second.
const SAMPLES: usize = 256;

/// Hashes counted, over time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Window {
    counted: VecDeque<(Nanos, f64)>,
}

impl Window {
    /// Forgets all, as at a restart.
    pub(crate) fn clear(&mut self) {
        self.counted.clear();
    }

    /// The rate at `taken`, when `hashes` have been counted in all. Zero at first.
    pub(crate) fn rate(&mut self, taken: Nanos, hashes: f64) -> HashRate {
        let too_old = |from: Nanos| taken.since(from).as_secs_f64() > WINDOW_S;
        while self.counted.len() >= SAMPLES
            || self.counted.front().is_some_and(|(from, _)| too_old(*from))
        {
            self.counted.pop_front();
        }
        self.counted.push_back((taken, hashes));
        let Some((from, before)) = self.counted.front() else {
            return HashRate(0.0);
        };
        let seconds = taken.since(*from).as_secs_f64();
        if seconds > 0.0 {
            HashRate((hashes - before).max(0.0) / seconds)
        } else {
            HashRate(0.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_window_and_memory_is_bounded() {
        let mut window = Window::default();
        let at = |second: u32| Nanos::from_seconds(f64::from(second));
        assert_eq!(window.rate(at(0), 0.0).0, 0.0);
        assert_eq!(window.rate(at(10), 50.0).0, 5.0);
        for second in 11..2000 {
            window.rate(at(second), 50.0 + 7.0 * f64::from(second - 10));
        }
        assert_eq!(window.counted.len(), 221);
        let rate = window.rate(at(2000), 50.0 + 7.0 * 1990.0);
        assert!((rate.0 - 7.0).abs() < 1e-9, "{rate}");
        window.clear();
        assert_eq!(window.rate(at(2001), 1e6).0, 0.0);
    }
}
