//! Dense natural numbers, cut into levels of 64, 128, 256, … bits.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Mul};

use super::error::{MOST_BITS, TooLarge};
use super::levels::{LIMB_BITS, level_count};
use super::limbs::divide::divide;
use super::limbs::multiply::product;
use super::limbs::{add_assign, compare, increment, shifted_down, shifted_up, sub_assign, trim};

/// A natural number as digits of 64 · 2^k bits, k = 0, 1, …: level k lies in the limbs from 2^k − 1 up to 2^(k+1) − 2,
/// so that one array of limbs holds all levels and a number of n bits has ⌈log₂(n/64 + 1)⌉ of them. Adding n bits is
/// work O(n/64); only the depth of a carry look-ahead is logarithmic ([`super::lookahead`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct HierNat {
    /// The lowest first; the top limb is not zero.
    limbs: Vec<u64>,
}

impl HierNat {
    /// The number 0, which has no limbs.
    pub fn zero() -> HierNat {
        HierNat::default()
    }

    /// Reads limbs of 64 bits, the lowest first; leading zeros are allowed.
    pub fn from_limbs(mut limbs: Vec<u64>) -> HierNat {
        trim(&mut limbs);
        HierNat { limbs }
    }

    /// Two to the power `exponent`.
    ///
    /// # Errors
    /// If that has more than [`MOST_BITS`] bits.
    pub fn power_of_two(exponent: u64) -> Result<HierNat, TooLarge> {
        HierNat::from(1u64).shift_up(exponent)
    }

    /// Limbs of 64 bits, the lowest first, without leading zeros.
    pub fn limbs(&self) -> &[u64] {
        &self.limbs
    }

    /// Whether it is zero.
    pub fn is_zero(&self) -> bool {
        self.limbs.is_empty()
    }

    /// Number of bits up to the highest that is set; 0 for zero.
    pub fn bits(&self) -> u64 {
        self.limbs.last().map_or(0, |top| {
            self.limbs.len() as u64 * LIMB_BITS - u64::from(top.leading_zeros())
        })
    }

    /// Whether the bit of value 2^place is set.
    pub fn bit(&self, place: u64) -> bool {
        let limb = usize::try_from(place / LIMB_BITS).ok();
        let limb = limb.and_then(|limb| self.limbs.get(limb));
        limb.is_some_and(|limb| limb >> (place % LIMB_BITS) & 1 == 1)
    }

    /// Number of bits that are set.
    pub fn ones(&self) -> u64 {
        self.limbs
            .iter()
            .map(|limb| u64::from(limb.count_ones()))
            .sum()
    }

    /// Number of levels that the number needs.
    pub fn level_count(&self) -> u32 {
        level_count(self.bits())
    }

    /// Limbs of level k, the lowest first: 2^k limbs, fewer at the top of the number, none above it.
    pub fn level(&self, level: u32) -> &[u64] {
        let start = 1usize.checked_shl(level).map_or(usize::MAX, |n| n - 1);
        let end = start.saturating_mul(2).saturating_add(1);
        let len = self.limbs.len();
        &self.limbs[start.min(len)..end.min(len)]
    }

    /// The difference; `None` if it is below zero.
    pub fn checked_sub(&self, other: &HierNat) -> Option<HierNat> {
        if self < other {
            return None;
        }
        let mut limbs = self.limbs.clone();
        sub_assign(&mut limbs, &other.limbs);
        Some(HierNat::from_limbs(limbs))
    }

    /// The number shifted up by `by` bits.
    ///
    /// # Errors
    /// If the result has more than [`MOST_BITS`] bits.
    pub fn shift_up(&self, by: u64) -> Result<HierNat, TooLarge> {
        if self.is_zero() {
            return Ok(HierNat::zero());
        }
        let bits = self.bits().saturating_add(by);
        if bits > MOST_BITS {
            return Err(TooLarge::Bits { bits });
        }
        let (limbs, bits) = ((by / LIMB_BITS) as usize, (by % LIMB_BITS) as u32);
        Ok(HierNat::from_limbs(shifted_up(&self.limbs, limbs, bits)))
    }

    /// The number shifted down by `by` bits, rounded down.
    pub fn shift_down(&self, by: u64) -> HierNat {
        let limbs = usize::try_from(by / LIMB_BITS).unwrap_or(usize::MAX);
        HierNat::from_limbs(shifted_down(&self.limbs, limbs, (by % LIMB_BITS) as u32))
    }

    /// The product, and the number of products of two limbs that were computed: by rows up to 32 limbs, by
    /// Karatsuba's method up to 3,072, then by a number-theoretic transform.
    pub fn mul_counted(&self, other: &HierNat) -> (HierNat, u64) {
        let mut count = 0;
        if self.is_zero() || other.is_zero() {
            return (HierNat::zero(), count);
        }
        let limbs = product(&self.limbs, &other.limbs, &mut count);
        (HierNat::from_limbs(limbs), count)
    }

    /// self^exponent; 0⁰ is 1.
    ///
    /// # Errors
    /// If the result may have more than [`MOST_BITS`] bits.
    pub fn pow(&self, exponent: u64) -> Result<HierNat, TooLarge> {
        let bits = self.bits().saturating_mul(exponent);
        if self.bits() > 1 && bits > MOST_BITS {
            return Err(TooLarge::Bits { bits });
        }
        let mut out = HierNat::from(1u64);
        if self.bits() == 1 {
            return Ok(out);
        }
        for place in (0..u64::BITS - exponent.leading_zeros()).rev() {
            out = &out * &out;
            if exponent >> place & 1 == 1 {
                out = &out * self;
            }
        }
        Ok(out)
    }

    /// Quotient, rounded down, and remainder; `None` if the divisor is zero.
    pub fn div_rem(&self, divisor: &HierNat) -> Option<(HierNat, HierNat)> {
        if divisor.is_zero() {
            return None;
        }
        let (quotient, rest) = divide(&self.limbs, &divisor.limbs);
        Some((HierNat::from_limbs(quotient), HierNat::from_limbs(rest)))
    }

    /// Bytes, the lowest first, without leading zeros; empty for zero.
    pub fn to_bytes_le(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self
            .limbs
            .iter()
            .flat_map(|limb| limb.to_le_bytes())
            .collect();
        bytes.truncate(self.bits().div_ceil(8) as usize);
        bytes
    }

    /// Reads bytes, the lowest first; leading zeros are allowed.
    pub fn from_bytes_le(bytes: &[u8]) -> HierNat {
        let limb = |bytes: &[u8]| {
            let mut limb = [0; 8];
            limb[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(limb)
        };
        HierNat::from_limbs(bytes.chunks(8).map(limb).collect())
    }

    /// Lower and upper bound of the natural logarithm; `None` for zero.
    pub fn ln_bounds(&self) -> Option<(f64, f64)> {
        let shift = self.bits().saturating_sub(53);
        let mantissa = *self.shift_down(shift).limbs.first()? as f64;
        // The mantissa is exact, or too small by less than one unit if bits were cut off.
        let cut = if shift > 0 { 1.0 } else { 0.0 };
        let ln = |mantissa: f64| mantissa.ln() + shift as f64 * std::f64::consts::LN_2;
        // Each of ln, ln 2, their product and their sum is off by a few units in the last place of the result.
        let slack = 8.0 * f64::EPSILON;
        let (low, high) = (ln(mantissa), ln(mantissa + cut));
        Some(((low - slack * low).max(0.0), high + slack * high))
    }
}

impl From<u64> for HierNat {
    fn from(value: u64) -> HierNat {
        HierNat::from_limbs(vec![value])
    }
}

impl From<u128> for HierNat {
    fn from(value: u128) -> HierNat {
        HierNat::from_limbs(vec![value as u64, (value >> 64) as u64])
    }
}

impl Ord for HierNat {
    fn cmp(&self, other: &HierNat) -> Ordering {
        compare(&self.limbs, &other.limbs)
    }
}

impl PartialOrd for HierNat {
    fn partial_cmp(&self, other: &HierNat) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl AddAssign<&HierNat> for HierNat {
    fn add_assign(&mut self, other: &HierNat) {
        if self.limbs.len() < other.limbs.len() {
            self.limbs.resize(other.limbs.len(), 0);
        }
        if add_assign(&mut self.limbs, &other.limbs) {
            self.limbs.push(1);
        }
    }
}

impl Add for &HierNat {
    type Output = HierNat;

    fn add(self, other: &HierNat) -> HierNat {
        let (long, short) = if self.limbs.len() < other.limbs.len() {
            (other, self)
        } else {
            (self, other)
        };
        let mut limbs = Vec::with_capacity(long.limbs.len() + 1);
        limbs.extend_from_slice(&long.limbs);
        if add_assign(&mut limbs, &short.limbs) {
            limbs.push(1);
        }
        HierNat { limbs }
    }
}

impl Mul for &HierNat {
    type Output = HierNat;

    fn mul(self, other: &HierNat) -> HierNat {
        if self.is_zero() || other.is_zero() {
            return HierNat::zero();
        }
        HierNat::from_limbs(product(&self.limbs, &other.limbs, &mut ()))
    }
}

impl HierNat {
    /// The number plus one.
    pub(crate) fn successor(mut self) -> HierNat {
        if increment(&mut self.limbs) {
            self.limbs.push(1);
        }
        self
    }
}
