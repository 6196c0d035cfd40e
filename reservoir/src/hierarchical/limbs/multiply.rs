//! Products: by rows, by Karatsuba's method, by a number-theoretic transform, each where it is the fastest.

use super::transform;
use super::{Count, add_assign, compare, sub_assign};

/// Limbs from which Karatsuba's method is faster than rows; measured.
const KARATSUBA_FROM: usize = 32;

/// Limbs of the shorter factor from which the transform is faster; measured.
const TRANSFORM_FROM: usize = 3_072;

/// a · b, `a.len() + b.len()` limbs; either may be empty.
pub(in super::super) fn product(a: &[u64], b: &[u64], count: &mut impl Count) -> Vec<u64> {
    let (long, short) = if a.len() < b.len() { (b, a) } else { (a, b) };
    if short.len() >= TRANSFORM_FROM {
        return transform::product(long, short, count);
    }
    let mut out = vec![0; long.len() + short.len()];
    if short.len() < KARATSUBA_FROM {
        rows(&mut out, long, short, count);
        return out;
    }
    // Cuts the longer factor into pieces as long as the shorter.
    let n = short.len();
    let mut scratch = vec![0; scratch_len(n)];
    let mut part = vec![0; 2 * n];
    for (i, piece) in long.chunks(n).enumerate() {
        if piece.len() == n {
            karatsuba(&mut part, piece, short, &mut scratch, count);
            add_assign(&mut out[i * n..], &part);
        } else {
            let rest = product(short, piece, count);
            add_assign(&mut out[i * n..], &rest);
        }
    }
    out
}

/// `out` = a · b row by row, the schoolbook method; `out` has `a.len() + b.len()` limbs.
fn rows(out: &mut [u64], a: &[u64], b: &[u64], count: &mut impl Count) {
    out.fill(0);
    for (i, factor) in b.iter().enumerate() {
        let mut carry = 0;
        for (out, limb) in out[i..].iter_mut().zip(a) {
            (*out, carry) = limb.carrying_mul_add(*factor, *out, carry);
        }
        out[i + a.len()] = carry;
    }
    count.products(a.len() * b.len());
}

/// Limbs that [`karatsuba`] of factors of n limbs needs besides: 4 ⌈n/2⌉ here, and as much again below.
fn scratch_len(n: usize) -> usize {
    4 * n + 256
}

/// `out` = a · b of as many limbs each, from three products of halves (Karatsuba and Ofman, Soviet Physics Doklady
/// 7, 1963), by differences: a₀b₁ + a₁b₀ = a₀b₀ + a₁b₁ − (a₀ − a₁)(b₀ − b₁).
fn karatsuba(out: &mut [u64], a: &[u64], b: &[u64], scratch: &mut [u64], count: &mut impl Count) {
    let n = a.len();
    if n < KARATSUBA_FROM {
        return rows(out, a, b, count);
    }
    let half = n.div_ceil(2);
    let ((a0, a1), (b0, b1)) = (a.split_at(half), b.split_at(half));
    let (here, below) = scratch.split_at_mut(4 * half);
    let (differences, cross) = here.split_at_mut(2 * half);
    let (low, high) = out.split_at_mut(2 * half);
    let (da, db) = differences.split_at_mut(half);
    let negative = difference(da, a0, a1) != difference(db, b0, b1);
    karatsuba(cross, da, db, below, count);
    karatsuba(low, a0, b0, below, count);
    karatsuba(high, a1, b1, below, count);
    // The middle: its top limb holds the carry.
    let middle = differences;
    middle.copy_from_slice(low);
    let mut top = u64::from(add_assign(middle, high));
    if negative {
        top += u64::from(add_assign(middle, cross));
    } else {
        // Never below zero: the middle is a sum of products.
        top = top.wrapping_sub(u64::from(sub_assign(middle, cross)));
    }
    let (middle_out, above) = out[half..].split_at_mut(2 * half);
    top += u64::from(add_assign(middle_out, middle));
    add_assign(above, &[top]);
}

/// `out` = |a − b|, b not longer than a. Whether a is the smaller.
fn difference(out: &mut [u64], a: &[u64], b: &[u64]) -> bool {
    if compare(a, b).is_ge() {
        out.copy_from_slice(a);
        sub_assign(out, b);
        false
    } else {
        out.fill(0);
        out[..b.len()].copy_from_slice(b);
        sub_assign(out, a);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    #[test]
    fn every_way_gives_the_same_product() {
        let mut rng = random::stream(1, 40);
        let mut draw = |n: usize| -> Vec<u64> {
            // Limbs of all ones and of zeros make the longest carries.
            (0..n)
                .map(|_| match rng.random_range(0..3) {
                    0 => u64::MAX,
                    1 => 0,
                    _ => rng.random(),
                })
                .collect()
        };
        for (m, n) in [
            (1, 1),
            (33, 33),
            (70, 65),
            (131, 40),
            (400, 400),
            (513, 200),
        ] {
            let (a, b) = (draw(m), draw(n));
            let mut expected = vec![0; m + n];
            rows(&mut expected, &a, &b, &mut ());
            assert_eq!(product(&a, &b, &mut ()), expected, "{m} by {n}");
            assert_eq!(transform::product(&a, &b, &mut ()), expected, "{m} by {n}");
        }
    }

    #[test]
    fn the_largest_factors_overflow_nothing() {
        for n in [32, 47, 96, 1_365] {
            let a = vec![u64::MAX; n];
            // (B^n − 1)² = B^2n − 2 B^n + 1.
            let mut expected = vec![0; n];
            expected[0] = 1;
            expected.push(u64::MAX - 1);
            expected.extend(vec![u64::MAX; n - 1]);
            assert_eq!(product(&a, &a, &mut ()), expected);
            assert_eq!(transform::product(&a, &a, &mut ()), expected);
        }
    }
}
