//! How long to wait before the next attempt.

use std::time::Duration;

use rand::RngExt;

use thermine_units::seed::Rng;

/// Doubles from `least` to `most`, each wait drawn between half of it and all of it: after an outage the clients
/// of a pool must not come back in step.
#[derive(Debug)]
pub struct Backoff {
    least: Duration,
    most: Duration,
    next: Duration,
    rng: Rng,
}

impl Backoff {
    /// Waits from `least` to `most`.
    pub fn new(least: Duration, most: Duration, rng: Rng) -> Backoff {
        Backoff {
            least,
            most,
            next: least,
            rng,
        }
    }

    /// The next wait.
    pub fn wait(&mut self) -> Duration {
        let wait = self.next.min(self.most);
        self.next = (wait * 2).min(self.most);
        wait.mul_f64(0.5 + 0.5 * self.rng.random::<f64>())
    }

    /// It worked: the next wait is the least again.
    pub fn reset(&mut self) {
        self.next = self.least;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use thermine_units::seed;

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
