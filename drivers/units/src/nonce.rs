//! Where chip, core and counter stand in a nonce.
//!
//! Each chip of a chain searches its own part of the nonce space, so a nonce tells who found it.

use serde::{Deserialize, Serialize};

/// A chip family's division of the nonce, taken as the header's 32-bit number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// Antminer S9. Chip = bits 2-7, core = bits 24-30 (values 0-56 and 64-120). The other 19 bits are a
    /// counter, most significant first: bits 1-0, 15-8, 23-16, 31. In this order, and in no other that
    /// was tried, 1,600 nonces of a real unit all lie under 0.8971 · 2^19: work is replaced there.
    Bm1387,
    /// One BM1366 alone, as in the LV06. Core = bits 25-31 of the nonce's bytes read the other way round
    /// (known from public drivers); the other 25 bits are taken as a plain counter.
    Bm1366,
    /// Goldshell LB-Box. Nothing is known of its chips: assumed is a plain counter with the chip's position in
    /// bits 28-31 and no cores to be told apart.
    LbBox,
}

/// A nonce taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Position of the chip in its board's chain.
    pub chip: u8,
    /// Core of the chip, as written in the nonce.
    pub core: u8,
    /// The part of the nonce that the core counts through.
    pub counter: u32,
}

impl Layout {
    /// Number of values that a core counts through before its work is replaced.
    pub fn counters(self) -> u32 {
        (f64::from(1u32 << self.counter_bits()) * self.coverage()) as u32
    }

    /// Number of bits that a core counts through.
    pub fn counter_bits(self) -> u32 {
        match self {
            Layout::Bm1387 => 19,
            Layout::Bm1366 => 25,
            Layout::LbBox => 28,
        }
    }

    /// Share of the counter's values that are searched before work is replaced: 0.8973 on the S9
    /// (measured from the nonces of a real unit); assumed 1 elsewhere.
    pub fn coverage(self) -> f64 {
        match self {
            Layout::Bm1387 => 0.8973,
            Layout::Bm1366 | Layout::LbBox => 1.0,
        }
    }

    /// Number of cores on a chip.
    pub fn cores(self) -> u8 {
        match self {
            Layout::Bm1387 => 114,
            Layout::Bm1366 => 112,
            Layout::LbBox => 1,
        }
    }

    /// How core number `index`, counted from 0 without gaps, is written in a nonce.
    pub fn core(self, index: u8) -> u8 {
        match self {
            Layout::Bm1387 if index >= 57 => index + 7,
            _ => index,
        }
    }

    /// The number, counted from 0 without gaps, of the core that is written as `core` in a nonce; `None` if none is.
    pub fn core_index(self, core: u8) -> Option<u8> {
        let index = match self {
            Layout::Bm1387 if (57..64).contains(&core) => return None,
            Layout::Bm1387 if core >= 64 => core - 7,
            _ => core,
        };
        (index < self.cores()).then_some(index)
    }

    /// The nonce of `origin`. Values beyond their field's width lose their upper bits.
    ///
    /// ```
    /// use crate::nonce::{Layout, Origin};
    /// let nonce = Layout::Bm1387.encode(Origin { chip: 42, core: 0x0b, counter: 0x6_8cef });
    /// assert_eq!(nonce, 0x8b77_46ab, "a share of a real S9");
    /// ```
    pub fn encode(self, origin: Origin) -> u32 {
        let (chip, core, n) = (
            u32::from(origin.chip),
            u32::from(origin.core),
            origin.counter,
        );
        match self {
            Layout::Bm1387 => {
                (n & 1) << 31
                    | (core & 0x7f) << 24
                    | (n >> 1 & 0xff) << 16
                    | (n >> 9 & 0xff) << 8
                    | (chip & 0x3f) << 2
                    | (n >> 17 & 3)
            }
            Layout::Bm1366 => ((core & 0x7f) << 25 | n & 0x01ff_ffff).swap_bytes(),
            Layout::LbBox => chip << 28 | n & 0x0fff_ffff,
        }
    }

    /// Who found `nonce`, and where in its count.
    pub fn decode(self, nonce: u32) -> Origin {
        match self {
            Layout::Bm1387 => Origin {
                chip: (nonce >> 2 & 0x3f) as u8,
                core: (nonce >> 24 & 0x7f) as u8,
                counter: (nonce & 3) << 17
                    | (nonce >> 8 & 0xff) << 9
                    | (nonce >> 16 & 0xff) << 1
                    | nonce >> 31,
            },
            Layout::Bm1366 => Origin {
                chip: 0,
                core: (nonce.swap_bytes() >> 25) as u8,
                counter: nonce.swap_bytes() & 0x01ff_ffff,
            },
            Layout::LbBox => Origin {
                chip: (nonce >> 28) as u8,
                core: 0,
                counter: nonce & 0x0fff_ffff,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_nonce_survives_the_round_trip(nonce: u32) {
            for layout in [Layout::Bm1387, Layout::Bm1366, Layout::LbBox] {
                prop_assert_eq!(layout.encode(layout.decode(nonce)), nonce);
            }
        }

        #[test]
        fn every_origin_survives_the_round_trip(
            chip in 0u8..63, index in 0u8..114, counter in 0u32..1 << 19,
        ) {
            let origin = Origin { chip, core: Layout::Bm1387.core(index), counter };
            prop_assert_eq!(Layout::Bm1387.decode(Layout::Bm1387.encode(origin)), origin);
        }
    }

    #[test]
    fn cores_are_written_with_the_gap_of_the_bm1387() {
        let layout = Layout::Bm1387;
        let written: Vec<u8> = (0..layout.cores()).map(|i| layout.core(i)).collect();
        assert_eq!(written, (0..57).chain(64..121).collect::<Vec<u8>>());
        for layout in [Layout::Bm1387, Layout::Bm1366, Layout::LbBox] {
            let read: Vec<u8> = (0..=255)
                .filter_map(|code| layout.core_index(code))
                .collect();
            assert_eq!(read, (0..layout.cores()).collect::<Vec<u8>>(), "{layout:?}");
        }
    }
}
