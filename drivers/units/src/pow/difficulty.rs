//! Difficulty and target: how hard a hash was to find, and how hard it must be.
//!
//! Bitcoin's pool convention: the target of difficulty 1 is D1 = 0xffff · 2^208, the target of difficulty
//! d is ⌊D1 / d⌋, and a hash, read as a little-endian 256-bit number, meets a target if it is not above
//! it. A share of difficulty d takes d · 2^48 / 65535 hashes on average (some d · 2^32). Pools of another algorithm
//! may call an easier target difficulty 1, so a number of hashes is asked with the algorithm.

use serde::{Deserialize, Serialize};

/// 0xffff, the mantissa of the target of difficulty 1.
const D1_MANTISSA: u32 = 0xffff;
/// 208, its shift in bits.
const D1_SHIFT: i32 = 208;

/// A share difficulty: positive and finite; may be a fraction of 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Difficulty(f64);

/// A difficulty that is not one.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("difficulty {0} is not a positive finite number")]
pub struct InvalidDifficulty(f64);

impl Difficulty {
    /// Difficulty 1: 2^32 hashes a share on average.
    pub const ONE: Difficulty = Difficulty(1.0);

    /// A difficulty of `value`.
    ///
    /// # Errors
    /// If `value` is not positive and finite.
    pub fn new(value: f64) -> Result<Difficulty, InvalidDifficulty> {
        if value.is_finite() && value > 0.0 {
            Ok(Difficulty(value))
        } else {
            Err(InvalidDifficulty(value))
        }
    }

    /// The difficulty as a number.
    pub fn get(self) -> f64 {
        self.0
    }

    /// This difficulty times a positive factor, kept within the positive finite numbers.
    pub fn scaled(self, factor: f64) -> Difficulty {
        Difficulty((self.0 * factor).clamp(f64::MIN_POSITIVE, f64::MAX))
    }
}

impl TryFrom<f64> for Difficulty {
    type Error = InvalidDifficulty;
    fn try_from(value: f64) -> Result<Difficulty, InvalidDifficulty> {
        Difficulty::new(value)
    }
}

impl From<Difficulty> for f64 {
    fn from(difficulty: Difficulty) -> f64 {
        difficulty.0
    }
}

impl std::fmt::Display for Difficulty {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A 256-bit target, little-endian like the hashes that it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target([u8; 32]);

impl Target {
    /// The largest target: met by every hash.
    pub(crate) const MAX: Target = Target([0xff; 32]);

    /// ⌊D1 / d⌋, exact for the double `d`; [`Target::MAX`] where the quotient has more than 256 bits.
    pub(crate) fn of(difficulty: Difficulty) -> Target {
        // d = m · 2^e with an integer m of at most 53 bits, so the target is ⌊0xffff · 2^(208 − e) / m⌋:
        // long division of a two-byte number followed by zero bits, one bit at a time from the top.
        let (m, e) = decompose(difficulty.0);
        let shift = D1_SHIFT - e;
        if shift < 0 {
            return Target([0; 32]);
        }
        let mut bits = [0u8; 32];
        let mut remainder: u64 = 0;
        for position in (0..16 + shift).rev() {
            let dividend_bit = if position >= shift {
                u64::from(D1_MANTISSA >> (position - shift) & 1)
            } else {
                0
            };
            remainder = remainder << 1 | dividend_bit;
            if remainder >= m {
                remainder -= m;
                if position >= 256 {
                    return Target::MAX;
                }
                bits[position as usize / 8] |= 1 << (position % 8);
            }
        }
        Target(bits)
    }

    /// The network target of compact form `nbits`; `None` if it is negative or does not fit 256 bits.
    #[cfg(test)]
    pub(crate) fn from_compact(nbits: u32) -> Option<Target> {
        let exponent = (nbits >> 24) as i32;
        let mantissa = nbits & 0x00ff_ffff;
        if mantissa & 0x0080_0000 != 0 {
            return None;
        }
        let mut bytes = [0u8; 32];
        for i in 0..3 {
            let byte = (mantissa >> (8 * i)) as u8;
            let at = exponent - 3 + i;
            match usize::try_from(at) {
                Ok(at) if at < 32 => bytes[at] = byte,
                Ok(_) if byte != 0 => return None,
                _ => {}
            }
        }
        Some(Target(bytes))
    }

    /// Whether `hash`, as it comes out of the hash function, is not above the target.
    pub fn is_met_by(&self, hash: &[u8; 32]) -> bool {
        hash.iter().rev().le(self.0.iter().rev())
    }

    /// Its most significant 32 bits: those of a hash that meets it are not above them.
    pub(crate) fn most_significant(&self) -> u32 {
        let mut top = [0; 4];
        top.copy_from_slice(&self.0[28..]);
        u32::from_le_bytes(top)
    }

    /// The target's bytes, least significant first.
    #[cfg(test)]
    pub(crate) fn to_le_bytes(self) -> [u8; 32] {
        self.0
    }
}

/// Difficulty that `hash` meets: D1 / hash. To double precision, for display and statistics; acceptance
/// compares exactly, see [`Target::is_met_by`].
pub fn difficulty_of(hash: &[u8; 32]) -> f64 {
    // Horner over the bytes from the top: exact to rounding, no overflow (2^256 fits a double).
    let value = hash
        .iter()
        .rev()
        .fold(0.0, |sum, &byte| sum * 256.0 + f64::from(byte));
    f64::from(D1_MANTISSA) * 2f64.powi(D1_SHIFT) / value
}

/// `(m, e)` with `value` = m · 2^e, for a positive finite `value`.
fn decompose(value: f64) -> (u64, i32) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    match (bits >> 52) as i32 & 0x7ff {
        0 => (fraction, -1074),
        exponent => (fraction | 1 << 52, exponent - 1075),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pow::Algorithm;
    use proptest::prelude::*;

    fn shown(target: Target) -> String {
        let mut bytes = target.to_le_bytes();
        bytes.reverse();
        hex::encode(bytes)
    }

    fn target(d: f64) -> Target {
        Target::of(Difficulty::new(d).expect("a difficulty"))
    }

    #[test]
    fn targets_of_known_difficulties() {
        let zeros = |head: &str| format!("{head:0<64}");
        assert_eq!(shown(target(1.0)), zeros("00000000ffff"));
        assert_eq!(shown(target(256.0)), zeros("0000000000ffff"));
        assert_eq!(shown(target(0.5)), zeros("00000001fffe"));
        assert!(shown(target(1000.0)).starts_with("00000000004188f5c28f5c28"));
        assert_eq!(target(1e-300), Target::MAX);
        assert_eq!(target(1e300), Target([0; 32]));
        assert_eq!(Target::from_compact(0x1d00_ffff), Some(target(1.0)));
        assert_eq!(Target::from_compact(0x1d80_ffff), None, "negative");
        assert_eq!(Target::from_compact(0xff00_ffff), None, "too large");
    }

    #[test]
    fn equality_meets_the_target_and_one_more_does_not() {
        let t = target(777.25);
        let mut hash = t.to_le_bytes();
        assert!(t.is_met_by(&hash));
        hash[0] = hash[0].wrapping_add(1);
        assert_ne!(hash[0], 0, "no carry in this case");
        assert!(!t.is_met_by(&hash));
    }

    #[test]
    fn a_share_takes_the_hashes_that_its_target_implies_for_every_algorithm() {
        for algorithm in [Algorithm::Sha256d, Algorithm::Lbry] {
            let d = Difficulty::new(16.0).expect("a difficulty");
            let target = algorithm.proof_of_work().target(d).to_le_bytes();
            let value = target
                .iter()
                .rev()
                .fold(0.0, |sum, &byte| sum * 256.0 + f64::from(byte));
            let implied = 2f64.powi(256) / (value + 1.0);
            assert!(
                (d.hashes(algorithm) / implied - 1.0).abs() < 1e-9,
                "{algorithm:?}"
            );
        }
    }

    #[test]
    fn nonsense_difficulties_are_refused() {
        for bad in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(Difficulty::new(bad).is_err(), "{bad}");
        }
    }

    proptest! {
        /// The exact target and the floating-point difficulty agree to rounding.
        #[test]
        fn a_hash_at_the_target_has_that_difficulty(d in 1e-9f64..1e15) {
            let back = difficulty_of(&target(d).to_le_bytes());
            prop_assert!((back / d - 1.0).abs() < 1e-9, "{d} {back}");
        }

        #[test]
        fn a_harder_target_is_smaller(d in 1e-6f64..1e12, factor in 1.001f64..1e3) {
            let (easy, hard) = (target(d), target(d * factor));
            prop_assert!(easy.is_met_by(&hard.to_le_bytes()));
            prop_assert!(!hard.is_met_by(&easy.to_le_bytes()));
        }
    }
}
