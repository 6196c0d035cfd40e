//! Quotients: schoolbook division limb by limb, and recursive division, which costs little more than products.

use super::multiply::product;
use super::{add_assign, compare, decrement, shifted_down, shifted_up, significant, sub_assign};

/// Limbs of a divisor from which recursive division is faster; measured.
const HALVES_FROM: usize = 64;

/// Quotient and remainder of a by b, which must not be zero.
pub(in super::super) fn divide(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let (a, b) = (significant(a), significant(b));
    if compare(a, b).is_lt() {
        return (Vec::new(), a.to_vec());
    }
    if let [b] = b {
        let mut quotient = a.to_vec();
        let rest = by_limb(&mut quotient, *b);
        return (quotient, vec![rest]);
    }
    if b.len() < HALVES_FROM || a.len() - b.len() < HALVES_FROM {
        return on_paper(a, b);
    }
    by_blocks(a, b)
}

/// a = ⌊a / b⌋. Returns the remainder.
pub(in super::super) fn by_limb(a: &mut [u64], b: u64) -> u64 {
    let mut rest = 0u64;
    for limb in a.iter_mut().rev() {
        let wide = u128::from(rest) << 64 | u128::from(*limb);
        *limb = (wide / u128::from(b)) as u64;
        rest = (wide % u128::from(b)) as u64;
    }
    rest
}

/// Knuth, The Art of Computer Programming 2, 3rd ed., 4.3.1, algorithm D. b has two limbs or more, the top one not
/// zero.
fn on_paper(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let shift = b[b.len() - 1].leading_zeros();
    let mut rest = shifted_up(a, 0, shift);
    let mut divisor = shifted_up(b, 0, shift);
    divisor.pop();
    let n = divisor.len();
    let (top, next) = (divisor[n - 1], divisor[n - 2]);
    let mut quotient = vec![0; rest.len() - n];
    for j in (0..quotient.len()).rev() {
        let digit = guess([rest[j + n], rest[j + n - 1], rest[j + n - 2]], top, next);
        let window = &mut rest[j..=j + n];
        let borrow = subtract_multiple(window, &divisor, digit);
        quotient[j] = if borrow {
            add_assign(window, &divisor);
            digit - 1
        } else {
            digit
        };
    }
    (quotient, shifted_down(&rest[..n], 0, shift))
}

/// The quotient's digit from three limbs by two: right, or one too large.
fn guess([a2, a1, a0]: [u64; 3], top: u64, next: u64) -> u64 {
    let wide = u128::from(a2) << 64 | u128::from(a1);
    let mut digit = (wide / u128::from(top)).min(u128::from(u64::MAX));
    let mut rest = wide - digit * u128::from(top);
    while rest >> 64 == 0 && digit * u128::from(next) > (rest << 64 | u128::from(a0)) {
        digit -= 1;
        rest += u128::from(top);
    }
    digit as u64
}

/// a −= b · factor, a one limb longer. Whether it went below zero.
fn subtract_multiple(a: &mut [u64], b: &[u64], factor: u64) -> bool {
    let (mut carry, mut borrow) = (0, false);
    let (low, top) = a.split_at_mut(b.len());
    for (a, b) in low.iter_mut().zip(b) {
        let multiple;
        (multiple, carry) = b.carrying_mul(factor, carry);
        (*a, borrow) = a.borrowing_sub(multiple, borrow);
    }
    (top[0], borrow) = top[0].borrowing_sub(carry, borrow);
    borrow
}

/// Burnikel and Ziegler, Fast Recursive Division, MPI-I-98-1-022, 1998: the dividend in blocks as long as the
/// divisor, each of two blocks by one.
fn by_blocks(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    // A length that can be halved until it is short.
    let halvings = (b.len() / HALVES_FROM).ilog2() + 1;
    let n = b.len().div_ceil(1 << halvings) << halvings;
    let (limbs, bits) = (n - b.len(), b[b.len() - 1].leading_zeros());
    let mut divisor = shifted_up(b, limbs, bits);
    divisor.truncate(n);
    let mut dividend = shifted_up(a, limbs, bits);
    let blocks = significant(&dividend).len().div_ceil(n);
    dividend.resize(blocks * n, 0);
    let mut quotient = vec![0; (blocks - 1) * n];
    let mut rest = dividend[(blocks - 1) * n..].to_vec();
    // The divisor's top bit is set, so the topmost block holds it once or not at all.
    if compare(&rest, &divisor).is_ge() {
        sub_assign(&mut rest, &divisor);
        quotient.push(1);
    }
    for block in (0..blocks - 1).rev() {
        let part = [&dividend[block * n..(block + 1) * n], &rest].concat();
        let digit;
        (digit, rest) = two_by_one(&part, &divisor);
        quotient[block * n..(block + 1) * n].copy_from_slice(&digit);
    }
    (quotient, shifted_down(&rest, limbs, bits))
}

/// 2n limbs by n, the quotient less than n limbs can hold: both results have n limbs.
fn two_by_one(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let n = b.len();
    if compare(a, b).is_lt() {
        return (vec![0; n], a[..n].to_vec());
    }
    if n < HALVES_FROM || n % 2 == 1 {
        let (mut quotient, mut rest) = on_paper(a, b);
        quotient.resize(n, 0);
        rest.resize(n, 0);
        return (quotient, rest);
    }
    let half = n / 2;
    let (high, rest) = three_by_two(&a[half..], b);
    let (mut quotient, rest) = three_by_two(&[&a[..half], &rest].concat(), b);
    quotient.extend(high);
    (quotient, rest)
}

/// 3h limbs by 2h: a quotient of h limbs, a remainder of 2h.
fn three_by_two(a: &[u64], b: &[u64]) -> (Vec<u64>, Vec<u64>) {
    let h = b.len() / 2;
    let (b0, b1) = b.split_at(h);
    let upper = &a[h..];
    let (mut quotient, mut rest) = if compare(&upper[h..], b1).is_lt() {
        two_by_one(upper, b1)
    } else {
        // The quotient does not fit: the largest that does, and upper − (B^h − 1) b₁.
        let mut rest = upper.to_vec();
        sub_assign(&mut rest[h..], b1);
        let carry = add_assign(&mut rest, b1);
        rest.push(u64::from(carry));
        (vec![u64::MAX; h], rest)
    };
    rest.splice(0..0, a[..h].iter().copied());
    rest.resize(3 * h + 1, 0);
    let excess = product(significant(&quotient), b0, &mut ());
    if sub_assign(&mut rest, &excess) {
        // At most twice: b is normalised.
        loop {
            decrement(&mut quotient);
            if add_assign(&mut rest, b) {
                break;
            }
        }
    }
    rest.truncate(2 * h);
    (quotient, rest)
}
