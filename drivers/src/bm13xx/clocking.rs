//! The chips' clock: how it is changed, and what follows from it.

use std::time::Duration;

use super::frame::Family;
use super::register::{CRYSTAL_MHZ, Pll};
use thermine_units::model::{Limits, Model, s9};
use thermine_units::quantity::{HashRate, MegaHertz};

/// Step of a ramp, MHz, and the pause after each: those of ESP-Miner.
const STEP_MHZ: f64 = 6.25;
pub(super) const STEP_PAUSE: Duration = Duration::from_millis(100);

/// Hashes that a BM1366 makes per clock: 112 cores of 8 sub-cores, of which 894 are counted to work.
const BM1366_HASHES_PER_CLOCK: f64 = 894.0;

/// Midstates of one BM1387 job.
pub(super) const MIDSTATES: u8 = 4;

/// How much earlier than a job ends its successor is sent at full duty, so that the chips never run dry.
const EARLY: f64 = 0.02;

impl Family {
    /// The family of the chips of a bare model; `None` of other models.
    pub fn of(model: Model) -> Option<Family> {
        let families = [Family::Bm1387, Family::Bm1366].into_iter();
        let mut families = families.filter(|_| model.is_bare());
        families.find(|family| model.entry().chip == Some(family.name()))
    }

    /// What a bare chain may be set to.
    pub fn limits(self) -> &'static Limits {
        match self {
            Family::Bm1387 => Model::Bm1387.limits(),
            Family::Bm1366 => Model::Bm1366.limits(),
        }
    }

    /// Hash rate of `chips` at `frequency`.
    pub fn hash_rate(self, chips: usize, frequency: MegaHertz) -> HashRate {
        let per_clock = match self {
            Family::Bm1387 => f64::from(s9::LAYOUT.cores()),
            Family::Bm1366 => BM1366_HASHES_PER_CLOCK,
        };
        HashRate(chips as f64 * per_clock * frequency.0 * 1e6)
    }

    /// How long a chain of `chips` searches one job: a BM1387 its part of the nonces under each midstate,
    /// one after the other; a BM1366 its part of 2^32 nonces under each of 2^`rolled` versions.
    pub fn job_lasts(self, chips: usize, frequency: MegaHertz, rolled: u32) -> Duration {
        let seconds = match self {
            Family::Bm1387 => {
                let cycles = f64::from(MIDSTATES) * f64::from(s9::LAYOUT.counters());
                cycles / (frequency.0 * 1e6)
            }
            Family::Bm1366 => {
                // Addresses divide the space by a power of two, whether or not all are taken.
                let parts = chips.max(1).next_power_of_two();
                let rate = self.hash_rate(parts, frequency).0;
                2f64.powi(32) / rate * 2f64.powi(rolled.min(16) as i32)
            }
        };
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }
}

/// Time from one job to the next that keeps chips at work for `duty` of it, 0 to 1, if a job lasts them
/// for `lasts`.
pub(super) fn interval(lasts: Duration, duty: f64) -> Duration {
    let spread = (lasts.as_secs_f64() / duty).max(0.0);
    let wanted = if duty < 1.0 {
        spread
    } else {
        lasts.as_secs_f64() * (1.0 - EARLY)
    };
    Duration::try_from_secs_f64(wanted).unwrap_or(Duration::MAX)
}

/// The way of the clock from one frequency to another in steps of 6.25 MHz, without the first.
#[derive(Debug, Clone)]
pub(super) struct Ramp {
    family: Family,
    at: f64,
    to: f64,
}

impl Ramp {
    /// `to` must be a positive number.
    pub(super) fn new(family: Family, from: MegaHertz, to: MegaHertz) -> Ramp {
        Ramp {
            family,
            at: from.0,
            to: to.0,
        }
    }

    /// A way that has been gone.
    pub(super) fn over(family: Family) -> Ramp {
        Ramp {
            family,
            at: 0.0,
            to: 0.0,
        }
    }

    /// Goes on to `to` instead.
    pub(super) fn turn_to(&mut self, to: MegaHertz) {
        self.to = to.0;
    }
}

impl Iterator for Ramp {
    type Item = Pll;

    fn next(&mut self) -> Option<Pll> {
        if self.at == self.to {
            return None;
        }
        let rest = self.to - self.at;
        // Also where `at` is no number: the way ends.
        self.at = if rest.abs() > STEP_MHZ {
            self.at + STEP_MHZ.copysign(rest)
        } else {
            self.to
        };
        Pll::nearest(self.family, MegaHertz(self.at))
    }
}

/// BM1366: register of the nonce window in ticks of the crystal.
pub(super) const HASH_COUNTING: u8 = 0x10;

/// Its value: half of the ticks that `chips` take through a core's part of the nonces, as ESP-Miner.
pub(super) fn hash_counting(chips: usize, frequency: MegaHertz) -> u32 {
    let parts = 128.0 * chips.max(1).next_power_of_two() as f64;
    // `as` saturates, and maps NaN to 0.
    (2f64.powi(32) / parts * CRYSTAL_MHZ / frequency.0 * 0.5) as u32
}

/// What the chips' PLL registers say together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ReadBack {
    pub(super) frequency: MegaHertz,
    /// Whether all agree with each other.
    pub(super) agree: bool,
}

/// The clocks that register `values` stand for; `None` if none stands for one.
pub(super) fn read_back(family: Family, values: &[u32]) -> Option<ReadBack> {
    let clocks: Vec<f64> = values
        .iter()
        .filter_map(|value| Pll::from_register(family, *value))
        .map(|pll| pll.frequency().0)
        .collect();
    let first = *clocks.first()?;
    let same = clocks.iter().all(|clock| *clock == first);
    Some(ReadBack {
        // The mean of equal numbers need not be that number to the last bit.
        frequency: MegaHertz(if same {
            first
        } else {
            clocks.iter().sum::<f64>() / clocks.len() as f64
        }),
        agree: same && clocks.len() == values.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_job_lasts_as_long_as_its_nonces() {
        let s9 = Family::Bm1387.job_lasts(63, MegaHertz(650.0), 0);
        assert!((s9.as_secs_f64() - 2.895e-3).abs() < 1e-6, "{s9:?}");
        let lv06 = Family::Bm1366.job_lasts(1, MegaHertz(485.0), 0);
        assert!((lv06.as_secs_f64() - 9.906e-3).abs() < 1e-5, "{lv06:?}");
        let rolled = Family::Bm1366.job_lasts(1, MegaHertz(485.0), 16);
        assert!((rolled.as_secs_f64() / lv06.as_secs_f64() - 65536.0).abs() < 1.0);
        let nowhere = Family::Bm1366.job_lasts(1, MegaHertz(0.0), 16);
        assert_eq!(nowhere, Duration::MAX);
    }

    #[test]
    fn duty_spreads_the_jobs_and_full_duty_never_lets_chips_run_dry() {
        let lasts = Duration::from_millis(100);
        assert_eq!(interval(lasts, 1.0), Duration::from_millis(98));
        assert_eq!(interval(lasts, 0.5), Duration::from_millis(200));
        assert_eq!(interval(lasts, 0.0), Duration::MAX);
    }

    #[test]
    fn the_window_of_a_known_clock() {
        // 2^32 / 128 · 25 / 485 / 2.
        assert_eq!(hash_counting(1, MegaHertz(485.0)), 864_804);
    }

    #[test]
    fn chips_that_disagree_are_noticed() {
        let (slow, fast) = (0x8050_0221, 0x8068_0221);
        let all = read_back(Family::Bm1387, &[fast; 3]).expect("clocks");
        assert_eq!((all.frequency, all.agree), (MegaHertz(650.0), true));
        let mixed = read_back(Family::Bm1387, &[slow, fast]).expect("clocks");
        assert_eq!((mixed.frequency, mixed.agree), (MegaHertz(575.0), false));
        assert_eq!(read_back(Family::Bm1387, &[0]), None);
    }

    proptest! {
        /// Every ramp arrives, in steps that are small but for the PLL's own coarseness.
        #[test]
        fn a_ramp_arrives(from in 100f64..700.0, to in 100f64..700.0) {
            for family in [Family::Bm1387, Family::Bm1366] {
                let way: Vec<f64> = Ramp::new(family, MegaHertz(from), MegaHertz(to))
                    .map(|pll| pll.frequency().0)
                    .collect();
                prop_assert!(way.len() <= 97);
                let end = Pll::nearest(family, MegaHertz(to)).expect("settings").frequency().0;
                prop_assert_eq!(way.last().copied(), Some(end));
                for pair in way.windows(2) {
                    prop_assert!((pair[1] - pair[0]).abs() < 3.0 * STEP_MHZ, "{:?}", pair);
                }
            }
        }
    }
}
