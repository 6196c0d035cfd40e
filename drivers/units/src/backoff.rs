//! How long to wait before the next attempt at something that failed.

use std::time::Duration;

use rand::RngExt;

use crate::seed::Rng;

/// Waits that double from `least` to `most`. Each is drawn between half of its length and all of it: after an outage
/// the clients of a pool, or the units of a room, must not come back in the same instant.
#[derive(Debug)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    next: Duration,
    rng: Rng,
}

impl Backoff {
    /// Waits from `least` to `most`; `rng` draws them.
    pub fn new(least: Duration, most: Duration, rng: Rng) -> Backoff {
        Backoff {
            least,
            most,
            next: least,
            rng,
        }
    }

    /// The next wait, and the one after it is twice as long.
    pub fn wait(&mut self) -> Duration {
        let wait = self.next.min(self.most);
        self.next = (wait * 2).min(self.most);
        wait.mul_f64(0.5 + 0.5 * self.rng.random::<f64>())
    }

    /// The attempt succeeded: the next wait is the least again.
    pub fn reset(&mut self) {
        self.next = self.least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed;

    #[test]
    fn it_doubles_up_to_a_bound_and_two_clients_do_not_keep_step() {
        let second = Duration::from_secs(1);
        let new = |seed| Backoff::new(second, second * 8, seed::stream(seed, "back-off"));
        let (mut one, mut other) = (new(1), new(2));
        let mut apart = 0;
        for expected in [1, 2, 4, 8, 8, 8] {
            let (a, b) = (one.wait(), other.wait());
            for wait in [a, b] {
                assert!(wait <= second * expected && wait >= second * expected / 2);
            }
            apart += u32::from(a.abs_diff(b) > Duration::from_millis(10));
        }
        assert!(apart >= 4, "{apart} of 6 waits differ");
        one.reset();
        assert!(one.wait() <= second);
    }
}
