//! The levels of a dense number: level k has 64 · 2^k bits and begins at bit 64 (2^k − 1).

/// Bits of level 0, and of a limb.
pub(crate) const LIMB_BITS: u64 = 64;

/// First bit of level k, 64 (2^k − 1); `None` beyond what 64 bits can number.
pub fn level_start(level: u32) -> Option<u64> {
    1u64.checked_shl(level)?
        .checked_sub(1)?
        .checked_mul(LIMB_BITS)
}

/// Bits of level k, 64 · 2^k; `None` beyond what 64 bits can number.
pub fn level_bits(level: u32) -> Option<u64> {
    1u64.checked_shl(level)?.checked_mul(LIMB_BITS)
}

/// The level that a bit lies in, ⌊log₂(bit/64 + 1)⌋.
pub fn level_of(bit: u64) -> u32 {
    (bit / LIMB_BITS + 1).ilog2()
}

/// Levels that a number of `bits` bits needs, ⌈log₂(bits/64 + 1)⌉: the fewest L with 64 (2^L − 1) ≥ bits.
pub fn level_count(bits: u64) -> u32 {
    let limbs = bits.div_ceil(LIMB_BITS);
    // ⌈log₂(limbs + 1)⌉ = ⌊log₂ limbs⌋ + 1 of any limbs.
    limbs.checked_ilog2().map_or(0, |log| log + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One definition of the boundaries, from which all four functions follow.
    #[test]
    fn boundaries_agree_between_all_functions() {
        assert_eq!(
            [0, 1, 2, 3].map(level_start),
            [Some(0), Some(64), Some(192), Some(448)]
        );
        for level in 0..40 {
            let start = level_start(level).expect("in range");
            let bits = level_bits(level).expect("in range");
            assert_eq!(level_start(level + 1), Some(start + bits));
            assert_eq!(
                (level_of(start), level_of(start + bits - 1)),
                (level, level)
            );
            // A number whose highest bit lies in level k has k + 1 levels.
            assert_eq!(level_count(start + 1), level + 1);
            assert_eq!(level_count(start + bits), level + 1);
        }
        assert_eq!(level_count(0), 0);
        assert_eq!((level_start(64), level_bits(58)), (None, None));
        assert_eq!(level_of(u64::MAX), 58);
    }

    #[test]
    fn the_count_is_the_formula() {
        for bits in 1..5_000u64 {
            let formula = (bits as f64 / 64.0 + 1.0).log2().ceil() as u32;
            assert_eq!(level_count(bits), formula, "{bits}");
        }
    }
}
