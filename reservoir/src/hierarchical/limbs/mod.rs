//! Arithmetic on little-endian slices of 64-bit limbs: no type, no normal form, and no allocation except where a
//! product or quotient needs it.

pub(super) mod divide;
pub(super) mod multiply;
mod transform;

use std::cmp::Ordering;

/// Limbs that are added at a time.
const BLOCK: usize = 8;

/// What an operation costs, in products of two limbs of 64 bits each. `()` counts nothing and costs nothing.
pub(super) trait Count {
    /// Adds `more` products to the count.
    fn products(&mut self, more: usize);
}

impl Count for () {
    fn products(&mut self, _: usize) {}
}

impl Count for u64 {
    fn products(&mut self, more: usize) {
        *self += more as u64;
    }
}

/// The limbs without leading zeros.
pub(super) fn significant(limbs: &[u64]) -> &[u64] {
    let len = limbs
        .iter()
        .rposition(|limb| *limb != 0)
        .map_or(0, |i| i + 1);
    &limbs[..len]
}

/// Removes leading zeros.
pub(super) fn trim(limbs: &mut Vec<u64>) {
    limbs.truncate(significant(limbs).len());
}

/// Compares two numbers; leading zeros are allowed.
pub(super) fn compare(a: &[u64], b: &[u64]) -> Ordering {
    let (a, b) = (significant(a), significant(b));
    a.len()
        .cmp(&b.len())
        .then_with(|| a.iter().rev().cmp(b.iter().rev()))
}

/// a += b, which must not be longer. Returns the carry out of a.
pub(super) fn add_assign(a: &mut [u64], b: &[u64]) -> bool {
    let (low, high) = a.split_at_mut(b.len());
    let mut carry = false;
    // Within a block of fixed length the carry stays in the processor's flag.
    let (a_blocks, a_rest) = low.as_chunks_mut::<BLOCK>();
    let (b_blocks, b_rest) = b.as_chunks::<BLOCK>();
    for (a, b) in a_blocks.iter_mut().zip(b_blocks) {
        for (a, b) in a.iter_mut().zip(b) {
            (*a, carry) = a.carrying_add(*b, carry);
        }
    }
    for (a, b) in a_rest.iter_mut().zip(b_rest) {
        (*a, carry) = a.carrying_add(*b, carry);
    }
    carry && increment(high)
}

/// a += 1. Returns the carry out of a.
pub(super) fn increment(a: &mut [u64]) -> bool {
    for limb in a {
        let over;
        (*limb, over) = limb.overflowing_add(1);
        if !over {
            return false;
        }
    }
    true
}

/// a −= b, which must not be longer. Returns the borrow out of a.
pub(super) fn sub_assign(a: &mut [u64], b: &[u64]) -> bool {
    let (low, high) = a.split_at_mut(b.len());
    let mut borrow = false;
    let (a_blocks, a_rest) = low.as_chunks_mut::<BLOCK>();
    let (b_blocks, b_rest) = b.as_chunks::<BLOCK>();
    for (a, b) in a_blocks.iter_mut().zip(b_blocks) {
        for (a, b) in a.iter_mut().zip(b) {
            (*a, borrow) = a.borrowing_sub(*b, borrow);
        }
    }
    for (a, b) in a_rest.iter_mut().zip(b_rest) {
        (*a, borrow) = a.borrowing_sub(*b, borrow);
    }
    borrow && decrement(high)
}

/// a −= 1. Returns the borrow out of a.
pub(super) fn decrement(a: &mut [u64]) -> bool {
    for limb in a {
        let under;
        (*limb, under) = limb.overflowing_sub(1);
        if !under {
            return false;
        }
    }
    true
}

/// a · 2^(64 `limbs` + `bits`), `bits` below 64, with one limb more than that may need.
pub(super) fn shifted_up(a: &[u64], limbs: usize, bits: u32) -> Vec<u64> {
    let mut out = vec![0; limbs];
    out.reserve_exact(a.len() + 1);
    let mut below = 0;
    for limb in a {
        let wide = u128::from(*limb) << bits | below;
        out.push(wide as u64);
        below = wide >> 64;
    }
    out.push(below as u64);
    out
}

/// ⌊a / 2^(64 `limbs` + `bits`)⌋, `bits` below 64.
pub(super) fn shifted_down(a: &[u64], limbs: usize, bits: u32) -> Vec<u64> {
    let kept = a.get(limbs..).unwrap_or_default();
    let above = kept.iter().skip(1).copied().chain([0]);
    kept.iter()
        .zip(above)
        .map(|(limb, above)| ((u128::from(above) << 64 | u128::from(*limb)) >> bits) as u64)
        .collect()
}

/// a = a · `factor` + `plus`. Returns the carry out of a.
pub(super) fn multiply_add(a: &mut [u64], factor: u64, plus: u64) -> u64 {
    let mut carry = plus;
    for limb in a {
        (*limb, carry) = limb.carrying_mul(factor, carry);
    }
    carry
}
