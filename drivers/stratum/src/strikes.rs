//! Lines that are not Stratum: how many of them end a connection.

use std::time::Duration;

use thermine_units::clock::Nanos;

/// Bad lines that a peer may send in a row before it is given up. Some firmware and some pools send the odd
/// broken line; a peer that speaks another protocol sends nothing else.
const MOST: u32 = 8;

/// Time after which one bad line is forgiven: a pool that sends three every half minute is kept.
const FORGIVEN_AFTER: Duration = Duration::from_secs(10);

/// Counts the bad lines of one connection. A good line forgives one, and so does time.
#[derive(Debug, Clone)]
pub(crate) struct Strikes {
    count: u32,
    total: u32,
    since: Nanos,
}

impl Strikes {
    /// A connection that begins at `now`.
    pub(crate) fn new(now: Nanos) -> Strikes {
        Strikes {
            count: 0,
            total: 0,
            since: now,
        }
    }

    /// A line was Stratum.
    pub(crate) fn good(&mut self) {
        self.count = self.count.saturating_sub(1);
    }

    /// A line was not, at `now`. Returns whether the connection is to be given up.
    pub(crate) fn bad(&mut self, now: Nanos) -> bool {
        let forgiven = now.since(self.since).as_secs() / FORGIVEN_AFTER.as_secs();
        let forgiven = u32::try_from(forgiven).unwrap_or(u32::MAX);
        self.count = self.count.saturating_sub(forgiven) + 1;
        if forgiven > 0 {
            self.since = now;
        }
        self.total = self.total.saturating_add(1);
        self.count > MOST
    }

    /// Bad lines so far.
    pub(crate) fn total(&self) -> u32 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Nanos {
        Nanos::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn nothing_but_bad_lines_ends_a_connection() {
        let mut strikes = Strikes::new(Nanos::ZERO);
        let ends: Vec<bool> = (0..9).map(|_| strikes.bad(Nanos::ZERO)).collect();
        assert_eq!(ends.iter().position(|end| *end), Some(8));
        assert_eq!(strikes.total(), 9);
    }

    #[test]
    fn bad_lines_among_good_ones_or_far_apart_do_not() {
        let mut among = Strikes::new(Nanos::ZERO);
        for _ in 0..1000 {
            assert!(!among.bad(Nanos::ZERO));
            among.good();
        }
        // Three every half minute, and nothing else.
        let mut apart = Strikes::new(Nanos::ZERO);
        for half_minute in 0..1000 {
            for _ in 0..3 {
                assert!(!apart.bad(seconds(30 * half_minute)));
            }
        }
    }
}
