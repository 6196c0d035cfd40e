//! Where chip, core and counter are written in a nonce.
//!
//! Each chip of a chain searches its own part of the nonce space, so a nonce tells which chip and which core found it.
//! The layouts themselves are data: each is in the file of its model.

/// Bits of a nonce as (lowest bit, width), the most significant part first.
pub(crate) type Bits = &'static [(u32, u32)];

/// A part of the nonce that holds a chip's position or a core's number.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Where it is; empty where nonces do not tell.
    pub bits: Bits,
    /// Values that it takes, as runs from the first to the last, in the order in which chips or cores are counted.
    pub codes: &'static [(u8, u8)],
}

impl Field {
    /// The field of a chip whose nonces do not tell.
    pub(crate) const NONE: Field = Field {
        bits: &[],
        codes: &[],
    };
}

/// A chip's division of the nonce, taken as the 32-bit number of the header.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// Name in tables and configurations; unique.
    pub name: &'static str,
    /// Where it is known from.
    pub source: &'static str,
    /// `false` if it is only assumed, for the simulator: then nothing is concluded from the nonces of a real unit.
    pub is_known: bool,
    /// Whether the fields are those of the nonce's four bytes in reverse order.
    pub reversed: bool,
    /// Position of the chip in the chain of its board.
    pub chip: Field,
    /// Core of the chip.
    pub core: Field,
    /// The bits that a core counts through.
    pub counter: Bits,
    /// Share of the counter's values that are searched before the work is replaced.
    pub coverage: f64,
    /// Hashes of one chip in one clock cycle, where known.
    pub hashes_per_cycle: Option<f64>,
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

/// Two layouts are the same if they have the same name.
impl PartialEq for Layout {
    fn eq(&self, other: &Layout) -> bool {
        self.name == other.name
    }
}

impl Layout {
    /// Number of values that a core counts through before its work is replaced.
    pub fn counters(self) -> u32 {
        (f64::from(1u32 << self.counter_bits()) * self.coverage) as u32
    }

    /// Number of bits that a core counts through.
    pub fn counter_bits(self) -> u32 {
        self.counter.iter().map(|(_, width)| width).sum()
    }

    /// Number of cores on a chip that nonces tell apart, at least 1.
    pub fn cores(self) -> u8 {
        self.core_codes().count().max(1) as u8
    }

    /// How core number `index`, counted from 0 without gaps, is written in a nonce; `index` itself if there is no such
    /// core.
    pub fn core(self, index: u8) -> u8 {
        self.core_codes().nth(usize::from(index)).unwrap_or(index)
    }

    /// The number, counted from 0 without gaps, of the core that is written as `core` in a nonce; `None` if none is.
    pub fn core_index(self, core: u8) -> Option<u8> {
        match self.core.codes {
            [] => (core == 0).then_some(0),
            _ => self
                .core_codes()
                .position(|code| code == core)
                .map(|index| index as u8),
        }
    }

    /// The nonce of `origin`. Values beyond their field's width lose their upper bits.
    ///
    /// ```
    /// use thermine_units::model::s9;
    /// use thermine_units::nonce::Origin;
    /// let nonce = s9::LAYOUT.encode(Origin { chip: 42, core: 0x0b, counter: 0x6_8cef });
    /// assert_eq!(nonce, 0x8b77_46ab, "a share of a real S9");
    /// ```
    pub fn encode(self, origin: Origin) -> u32 {
        let nonce = write(self.chip.bits, origin.chip.into())
            | write(self.core.bits, origin.core.into())
            | write(self.counter, origin.counter);
        if self.reversed {
            nonce.swap_bytes()
        } else {
            nonce
        }
    }

    /// The chip and the core that found `nonce`, and how far the core had counted.
    pub fn decode(self, nonce: u32) -> Origin {
        let nonce = if self.reversed {
            nonce.swap_bytes()
        } else {
            nonce
        };
        Origin {
            chip: read(self.chip.bits, nonce) as u8,
            core: read(self.core.bits, nonce) as u8,
            counter: read(self.counter, nonce),
        }
    }

    fn core_codes(self) -> impl Iterator<Item = u8> {
        self.core
            .codes
            .iter()
            .flat_map(|&(first, last)| first..=last)
    }
}

/// The number that `bits` of `nonce` hold.
pub fn read(bits: &[(u32, u32)], nonce: u32) -> u32 {
    bits.iter().fold(0, |value, &(lowest, width)| {
        value.checked_shl(width).unwrap_or(0) | nonce >> lowest & mask(width)
    })
}

/// The nonce whose `bits` hold `value`.
fn write(bits: Bits, mut value: u32) -> u32 {
    bits.iter().rev().fold(0, |nonce, &(lowest, width)| {
        let part = (value & mask(width)) << lowest;
        value = value.checked_shr(width).unwrap_or(0);
        nonce | part
    })
}

/// `width` is from 1 to 32.
fn mask(width: u32) -> u32 {
    u32::MAX >> (32 - width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Model, s9};
    use proptest::prelude::*;

    fn layouts() -> [Layout; Model::ALL.len()] {
        Model::ALL.map(|model| model.entry().layout)
    }

    proptest! {
        #[test]
        fn every_nonce_survives_the_round_trip(nonce: u32) {
            for layout in layouts() {
                prop_assert_eq!(layout.encode(layout.decode(nonce)), nonce);
            }
        }

        #[test]
        fn every_origin_survives_the_round_trip(
            chip in 0u8..63, index in 0u8..114, counter in 0u32..1 << 19,
        ) {
            let origin = Origin { chip, core: s9::LAYOUT.core(index), counter };
            prop_assert_eq!(s9::LAYOUT.decode(s9::LAYOUT.encode(origin)), origin);
        }
    }

    #[test]
    fn cores_are_written_with_the_gap_of_the_bm1387() {
        let layout = s9::LAYOUT;
        let written: Vec<u8> = (0..layout.cores()).map(|i| layout.core(i)).collect();
        assert_eq!(written, (0..57).chain(64..121).collect::<Vec<u8>>());
        for layout in layouts() {
            let read: Vec<u8> = (0..=255)
                .filter_map(|code| layout.core_index(code))
                .collect();
            assert_eq!(read, (0..layout.cores()).collect::<Vec<u8>>(), "{layout:?}");
        }
    }
}
