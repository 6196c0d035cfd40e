//! What a nonce says of the chip and core that found it.

/// Values that the counter of one core takes: 0.8973 · 2^19. Above that no nonce of a real S9 was seen
/// (2,546 shares).
pub const COUNTERS: u32 = 470_433;

/// Where a chip model keeps chip, core and counter in the nonce, read as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// BM1387: chip in bits 2 to 7, core in bits 24 to 30, of which 57 to 63 and 121 to 127 are not used;
    /// the other 19 bits count. Read off a real S9's shares.
    Bm1387,
}

/// Cores of a BM1387 below and above the gap in its numbering.
const HALF: u8 = 57;

impl Layout {
    /// The nonce that core `core` (0 to 113) of chip `chip` (0 to 63) gives at `counter`, of which 19 bits
    /// count.
    ///
    /// ```
    /// use thermine_drivers::sim::layout::Layout;
    /// let nonce = Layout::Bm1387.encode(5, 113, 3);
    /// assert_eq!(nonce, 0x7800_0017);
    /// assert_eq!(Layout::Bm1387.decode(nonce), (5, Some(113)));
    /// ```
    pub fn encode(self, chip: u8, core: u8, counter: u32) -> u32 {
        let Layout::Bm1387 = self;
        let field = if core < HALF { core } else { core - HALF + 64 };
        let low = counter & 0b11;
        let middle = counter >> 2 & 0xffff;
        let top = counter >> 18 & 1;
        top << 31 | u32::from(field & 0x7f) << 24 | middle << 8 | u32::from(chip & 0x3f) << 2 | low
    }

    /// Chip and core of a nonce; no core where the field has a value that no core uses.
    pub fn decode(self, nonce: u32) -> (u8, Option<u8>) {
        let Layout::Bm1387 = self;
        let chip = (nonce >> 2 & 0x3f) as u8;
        let field = (nonce >> 24 & 0x7f) as u8;
        let core = match (field / 64, field % 64) {
            (half, place) if place < HALF => Some(half * HALF + place),
            _ => None,
        };
        (chip, core)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn real_nonces_come_from_chips_and_cores_that_exist() {
        // The first rows of a real S9 capture.
        for nonce in [0x8b77_46ab, 0x2a4f_92ed, 0x99e0_5d05, 0xa911_622d] {
            let (chip, core) = Layout::Bm1387.decode(nonce);
            assert!(chip < 63 && core.is_some(), "{nonce:08x}");
        }
    }

    proptest! {
        #[test]
        fn every_core_has_its_own_nonces(chip in 0u8..63, core in 0u8..114, counter in 0..COUNTERS) {
            let nonce = Layout::Bm1387.encode(chip, core, counter);
            prop_assert_eq!(Layout::Bm1387.decode(nonce), (chip, Some(core)));
            if counter > 0 {
                prop_assert_ne!(nonce, Layout::Bm1387.encode(chip, core, counter - 1));
            }
        }
    }
}
