//! What the registers mean: addresses, PLL, ticket mask, baud rate.

use super::frame::Family;
use thermine_units::quantity::MegaHertz;

/// Crystal that clocks PLL, UART and nonce window, MHz.
pub(crate) const CRYSTAL_MHZ: f64 = 25.0;

/// Register of chip id and address; reads `13 87 90 aa` or `13 66 00 aa`.
pub const CHIP_ADDRESS: u8 = 0x00;

/// BM1366: which version bits are rolled.
pub const VERSION_MASK: u8 = 0xa4;

impl Family {
    /// Register of the PLL.
    pub fn pll(self) -> u8 {
        match self {
            Family::Bm1387 => 0x0c,
            Family::Bm1366 => 0x08,
        }
    }

    /// Register of the ticket mask: which nonces are reported.
    pub fn ticket_mask(self) -> u8 {
        match self {
            Family::Bm1387 => 0x18,
            Family::Bm1366 => 0x14,
        }
    }

    /// Register that holds the baud rate divider.
    pub fn baud(self) -> u8 {
        match self {
            Family::Bm1387 => 0x1c,
            Family::Bm1366 => 0x28,
        }
    }

    /// Value of [`CHIP_ADDRESS`] but for the address in its last byte.
    pub fn chip_id(self) -> u32 {
        match self {
            Family::Bm1387 => 0x1387_9000,
            Family::Bm1366 => 0x1366_0000,
        }
    }

    /// Distance between the addresses of neighbours in a chain of `chips`.
    pub fn address_step(self, chips: usize) -> usize {
        match self {
            Family::Bm1387 => 4,
            Family::Bm1366 => 256 / chips.next_power_of_two().max(1),
        }
    }
}

/// Bit 31 of the BM1387's PLL register, set in what it reads back: the PLL has locked.
const LOCKED: u32 = 1 << 31;

/// Lowest and highest frequency of the BM1387's oscillator, MHz: what the published register values stay
/// within.
const VCO_1387: (f64, f64) = (800.0, 1600.0);

/// From this frequency of its oscillator on a BM1366 wants 0x50 and not 0x40 in the first byte, MHz.
const HIGH_VCO_MHZ: f64 = 2400.0;

/// Settings of a PLL: f = 25 MHz · `feedback` / `reference` / `post1` / `post2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pll {
    pub(crate) feedback: u8,
    /// Divider of the crystal.
    pub(crate) reference: u8,
    /// First divider of the oscillator.
    pub(crate) post1: u8,
    /// Second divider of the oscillator.
    pub(crate) post2: u8,
}

impl Pll {
    /// The settings nearest to `wanted`. They seldom hit it: [`frequency`](Pll::frequency) says what they
    /// give. Of equals, that with the slower oscillator and then with the smaller dividers.
    ///
    /// `None` if `wanted` is not a positive number.
    pub(crate) fn nearest(family: Family, wanted: MegaHertz) -> Option<Pll> {
        if !(wanted.0.is_finite() && wanted.0 > 0.0) {
            return None;
        }
        let rank = |pll: &Pll| {
            let error = (pll.frequency().0 - wanted.0).abs();
            // Equal up to rounding counts as equal.
            (
                (error * 1e6).round(),
                pll.oscillator(),
                pll.post1 * pll.post2,
            )
        };
        candidates(family).min_by(|a, b| {
            let (a, b) = (rank(a), rank(b));
            a.0.total_cmp(&b.0)
                .then(a.1.total_cmp(&b.1))
                .then(a.2.cmp(&b.2))
        })
    }

    /// The clock that the settings give.
    pub fn frequency(&self) -> MegaHertz {
        MegaHertz(self.oscillator() / f64::from(self.post1) / f64::from(self.post2))
    }

    fn oscillator(&self) -> f64 {
        CRYSTAL_MHZ * f64::from(self.feedback) / f64::from(self.reference)
    }

    /// The register's value.
    pub(crate) fn to_register(self, family: Family) -> u32 {
        match family {
            Family::Bm1387 => u32::from_be_bytes([
                0,
                self.feedback,
                self.reference,
                self.post1 << 4 | self.post2,
            ]),
            Family::Bm1366 => u32::from_be_bytes([
                if self.oscillator() >= HIGH_VCO_MHZ {
                    0x50
                } else {
                    0x40
                },
                self.feedback,
                self.reference,
                (self.post1 - 1) << 4 | (self.post2 - 1),
            ]),
        }
    }

    /// The settings that a register holds; `None` if it holds none, as a divider of zero.
    pub fn from_register(family: Family, value: u32) -> Option<Pll> {
        let [_, feedback, reference, posts] = value.to_be_bytes();
        let (post1, post2, reference) = match family {
            Family::Bm1387 => (posts >> 4, posts & 0x0f, reference & 0x0f),
            Family::Bm1366 => ((posts >> 4) + 1, (posts & 0x0f) + 1, reference),
        };
        let pll = Pll {
            feedback,
            reference,
            post1,
            post2,
        };
        (![feedback, reference, post1, post2].contains(&0)).then_some(pll)
    }

    /// What the register reads back once the PLL has locked.
    pub fn read_back(self, family: Family) -> u32 {
        match family {
            Family::Bm1387 => self.to_register(family) | LOCKED,
            Family::Bm1366 => self.to_register(family),
        }
    }
}

fn candidates(family: Family) -> impl Iterator<Item = Pll> {
    let (feedback, references): (_, &[u8]) = match family {
        Family::Bm1387 => (32..=127u8, &[2]),
        Family::Bm1366 => (144..=235u8, &[2, 1]),
    };
    let posts = (1..=7u8).flat_map(|post1| (1..=post1).map(move |post2| (post1, post2)));
    let sound = move |pll: &Pll| match family {
        Family::Bm1387 => (VCO_1387.0..=VCO_1387.1).contains(&pll.oscillator()),
        Family::Bm1366 => pll.post1 > pll.post2,
    };
    posts
        .flat_map(move |(post1, post2)| {
            let feedback = feedback.clone();
            references.iter().flat_map(move |&reference| {
                feedback.clone().map(move |feedback| Pll {
                    feedback,
                    reference,
                    post1,
                    post2,
                })
            })
        })
        .filter(sound)
}

/// Value of the ticket mask register for chips that report nonces of difficulty 2^`log2` (beyond the 32
/// zero bits that they always ask for): 2^`log2` − 1 with the bits of each byte reversed. At most 2^31.
pub fn ticket_mask(log2: u32) -> u32 {
    let mask = (1u32 << log2.min(31)) - 1;
    u32::from_be_bytes(mask.to_be_bytes().map(u8::reverse_bits))
}

/// log2 of the difficulty that a ticket mask stands for; `None` if it is no power of two.
#[cfg(test)]
fn ticket_log2(register: u32) -> Option<u32> {
    let mask = u32::from_be_bytes(register.to_be_bytes().map(u8::reverse_bits));
    let difficulty = u64::from(mask) + 1;
    difficulty
        .is_power_of_two()
        .then(|| difficulty.trailing_zeros())
}

/// Baud rate of a divider: 25 MHz / (8 · (divider + 1)). After reset the divider is 26: 115,740.
pub fn baud_rate(divider: u8) -> u32 {
    (25_000_000.0 / (8.0 * (f64::from(divider) + 1.0))).round() as u32
}

/// Divider after reset.
pub const RESET_DIVIDER: u8 = 26;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn published_values_mean_what_is_published() {
        for (value, mhz) in [
            (0x0068_0221, 650.0),
            (0x0050_0221, 500.0),
            (0x0073_0221, 718.75),
            (0x8078_0241, 375.0),
        ] {
            let pll = Pll::from_register(Family::Bm1387, value).expect("settings");
            assert_eq!(pll.frequency(), MegaHertz(mhz));
        }
        let set = Pll::nearest(Family::Bm1366, MegaHertz(485.0)).expect("a frequency");
        assert_eq!(set.to_register(Family::Bm1366), 0x50c2_0240);
        let set = Pll::nearest(Family::Bm1387, MegaHertz(650.0)).expect("a frequency");
        assert_eq!(set.to_register(Family::Bm1387), 0x0068_0221);
        assert_eq!(Pll::from_register(Family::Bm1387, 0), None);
        assert_eq!(Pll::nearest(Family::Bm1387, MegaHertz(f64::NAN)), None);
        for (log2, value) in [
            (6, 0xfc),
            (8, 0xff),
            (9, 0x80ff),
            (10, 0xc0ff),
            (11, 0xe0ff),
        ] {
            assert_eq!(ticket_mask(log2), value);
            assert_eq!(ticket_log2(value), Some(log2));
        }
        assert_eq!(ticket_log2(0x01), None);
        assert_eq!([26, 1, 2].map(baud_rate), [115_741, 1_562_500, 1_041_667]);
    }

    proptest! {
        #[test]
        fn a_search_is_never_far_off_and_survives_the_register(mhz in 100.0f64..700.0) {
            for family in [Family::Bm1387, Family::Bm1366] {
                let pll = Pll::nearest(family, MegaHertz(mhz)).expect("settings");
                prop_assert!((pll.frequency().0 - mhz).abs() < 6.25, "{family:?} {mhz} {pll:?}");
                prop_assert_eq!(Pll::from_register(family, pll.read_back(family)), Some(pll));
            }
        }
    }
}
