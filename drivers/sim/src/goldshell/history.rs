//! The hash rate of the last hours, as the web page draws it.

use std::collections::VecDeque;
use std::time::Duration;

/// Minutes that are remembered.
const MINUTES: usize = 288;

const MINUTE: Duration = Duration::from_secs(60);

/// One rate a minute of device time, the newest last.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// MH/s.
    rates: VecDeque<f64>,
    next: Duration,
}

impl Default for History {
    /// All zero, as after a start: there are always 288.
    fn default() -> History {
        History {
            rates: VecDeque::from(vec![0.0; MINUTES]),
            next: MINUTE,
        }
    }
}

impl History {
    /// The rate is `mhs` (MH/s) at `elapsed` since the start.
    pub(crate) fn note(&mut self, elapsed: Duration, mhs: f64) {
        // After a jump of device time over several minutes each gets the same, and 288 are enough.
        let mut due = 0;
        while self.next <= elapsed && due < MINUTES {
            self.rates.pop_front();
            self.rates.push_back(mhs);
            self.next += MINUTE;
            due += 1;
        }
        self.next = self.next.max(elapsed);
    }

    /// All 288, oldest first.
    pub(crate) fn rates(&self) -> impl Iterator<Item = f64> {
        self.rates.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_rate_a_minute_and_never_more_than_288() {
        let mut history = History::default();
        for second in 0..=180 {
            history.note(Duration::from_secs(second), second as f64);
        }
        let newest: Vec<f64> = history.rates().skip(MINUTES - 4).collect();
        assert_eq!(newest, [0.0, 60.0, 120.0, 180.0]);
        history.note(Duration::from_secs(1_000_000), 7.0);
        assert_eq!(history.rates().count(), MINUTES);
        assert!(history.rates().all(|rate| rate == 7.0));
    }
}
