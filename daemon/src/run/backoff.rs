//! How long to wait before a lost unit is tried again.

use std::time::Duration;

use thermine_units::backoff;
use thermine_units::seed;

/// The first wait, and the longest, in wall time.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);
/// Steps after which a unit counts as having come back for good.
const STEADY: u32 = 10;

/// Waits that double until the unit has done some steps again.
#[derive(Debug)]
pub(super) struct Backoff {
    waits: backoff::Backoff,
    steps: u32,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Backoff {
        Backoff {
            waits: backoff::Backoff::new(FIRST, LONGEST, seed::stream(seed, "back-off")),
            steps: 0,
        }
    }

    /// The unit has done a step.
    pub(super) fn step(&mut self) {
        self.steps += 1;
        if self.steps >= STEADY {
            self.waits.reset();
        }
    }

    pub(super) fn next(&mut self) -> Duration {
        self.steps = 0;
        self.waits.wait()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_begin_anew_after_ten_steps() {
        let mut backoff = Backoff::new(1);
        let mut longest = FIRST;
        for _ in 0..20 {
            let wait = backoff.next();
            assert!(wait <= longest && wait >= longest / 2, "{wait:?}");
            longest = (2 * longest).min(LONGEST);
        }
        for _ in 0..STEADY {
            backoff.step();
        }
        assert!(backoff.next() <= FIRST);
    }
}
