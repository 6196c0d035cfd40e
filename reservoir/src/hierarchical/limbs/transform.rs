//! Products of long numbers by a number-theoretic transform: digits of some 20 bits, convolved exactly modulo
//! p = 2⁶⁴ − 2³² + 1 (Pollard, Mathematics of Computation 25(114), 1971; Crandall and Pomerance, Prime Numbers, 2nd
//! ed., 9.5). p − 1 = 2³² · 3 · 5 · 17 · 257 · 65537, so there are transforms of 2^k and of 3 · 2^k points.

use std::hint::select_unpredictable;

use super::Count;

/// The prime p = 2⁶⁴ − 2³² + 1, which has roots of unity of every order 2^k up to 2³².
const P: u64 = 0xffff_ffff_0000_0001;

/// 2⁶⁴ modulo p: what a carry out of 64 bits adds.
const EPSILON: u64 = 0xffff_ffff;

/// A generator of all residues but 0.
const GENERATOR: u64 = 7;

/// Points that are transformed stage by stage; longer transforms go depth first, to stay in the caches.
const BLOCK: usize = 1 << 12;

/// a · b, `a.len() + b.len()` limbs; both at least one limb.
pub(super) fn product(a: &[u64], b: &[u64], count: &mut impl Count) -> Vec<u64> {
    let bits = digit_bits(b.len().min(a.len()));
    let digits = |n: usize| (n * 64).div_ceil(bits as usize);
    let plan = Plan::new(digits(a.len()) + digits(b.len()), count);
    let mut x = plan.digits(a, bits);
    plan.forward(&mut x, count);
    if a == b {
        x.iter_mut().for_each(|x| *x = multiply(*x, *x));
    } else {
        let mut y = plan.digits(b, bits);
        plan.forward(&mut y, count);
        for (x, y) in x.iter_mut().zip(&y) {
            *x = multiply(*x, *y);
        }
    }
    count.products(x.len());
    plan.backward(&mut x, count);
    carried(&x, bits, a.len() + b.len())
}

/// Bits of a digit with which a convolution of `limbs` limbs stays below p: terms · (2^bits − 1)² < 2⁶³.
fn digit_bits(limbs: usize) -> u32 {
    let mut bits = 24;
    while 2 * bits + (limbs * 64).div_ceil(bits as usize).ilog2() + 1 > 63 {
        bits -= 1;
    }
    bits
}

/// The number whose digits of `bits` bits are these sums, carries resolved.
fn carried(sums: &[u64], bits: u32, limbs: usize) -> Vec<u64> {
    let mut out = Vec::with_capacity(limbs + 2);
    let (mut pending, mut filled) = (0u128, 0);
    for sum in sums {
        pending += u128::from(*sum) << filled;
        filled += bits;
        if filled >= 64 {
            out.push(pending as u64);
            pending >>= 64;
            filled -= 64;
        }
        if out.len() == limbs {
            break;
        }
    }
    out.push(pending as u64);
    out.resize(limbs, 0);
    out
}

/// The roots of unity and the layout for transforms of `points` points.
struct Plan {
    points: usize,
    /// Points of one transform by twos: all of them, or a third.
    inner: usize,
    /// Roots for each stage one after another, the longest first.
    forward: Vec<u64>,
    backward: Vec<u64>,
}

impl Plan {
    /// A plan for a convolution that needs at least `needed` points.
    fn new(needed: usize, count: &mut impl Count) -> Plan {
        let two = needed.next_power_of_two().max(4);
        let (points, inner) = if two / 4 * 3 >= needed {
            (two / 4 * 3, two / 4)
        } else {
            (two, two)
        };
        let root = root_of_unity(inner);
        count.products(inner);
        Plan {
            points,
            inner,
            forward: stages(root, inner),
            backward: stages(inverse(root), inner),
        }
    }

    fn digits(&self, limbs: &[u64], bits: u32) -> Vec<u64> {
        let mut out = Vec::with_capacity(self.points);
        let (mut pending, mut filled) = (0u128, 0);
        for limb in limbs {
            pending |= u128::from(*limb) << filled;
            filled += 64;
            while filled >= bits {
                out.push(pending as u64 & ((1 << bits) - 1));
                pending >>= bits;
                filled -= bits;
            }
        }
        out.push(pending as u64);
        // If the bits divide evenly, the last digit is zero.
        out.resize(self.points, 0);
        out
    }

    /// Values at the roots, in an order that [`backward`](Plan::backward) takes.
    fn forward(&self, x: &mut [u64], count: &mut impl Count) {
        if self.inner < self.points {
            let (third, [w1, w2]) = (self.inner, self.twists(false));
            let cube = root_of_unity(3);
            let (x0, rest) = x.split_at_mut(third);
            let (x1, x2) = rest.split_at_mut(third);
            let (mut t1, mut t2) = (1, 1);
            for ((x0, x1), x2) in x0.iter_mut().zip(x1).zip(x2) {
                let (y0, y1, y2) = of_three(*x0, *x1, *x2, cube);
                (*x0, *x1, *x2) = (y0, multiply(y1, t1), multiply(y2, t2));
                (t1, t2) = (multiply(t1, w1), multiply(t2, w2));
            }
            count.products(6 * third);
        }
        for part in x.chunks_exact_mut(self.inner) {
            decimate_frequency(part, &self.forward);
        }
        count.products(self.points / 2 * self.inner.ilog2() as usize);
    }

    fn backward(&self, x: &mut [u64], count: &mut impl Count) {
        for part in x.chunks_exact_mut(self.inner) {
            decimate_time(part, &self.backward);
        }
        count.products(self.points / 2 * self.inner.ilog2() as usize);
        let scale = inverse(self.points as u64);
        if self.inner < self.points {
            let (third, [w1, w2]) = (self.inner, self.twists(true));
            let cube = inverse(root_of_unity(3));
            let (x0, rest) = x.split_at_mut(third);
            let (x1, x2) = rest.split_at_mut(third);
            let (mut t1, mut t2) = (scale, scale);
            for ((x0, x1), x2) in x0.iter_mut().zip(x1).zip(x2) {
                let (y0, y1, y2) = (multiply(*x0, scale), multiply(*x1, t1), multiply(*x2, t2));
                (*x0, *x1, *x2) = of_three(y0, y1, y2, cube);
                (t1, t2) = (multiply(t1, w1), multiply(t2, w2));
            }
            count.products(7 * third);
        } else {
            x.iter_mut().for_each(|x| *x = multiply(*x, scale));
            count.products(self.points);
        }
    }

    /// The root of unity of all points and its square: the twiddle factors between the thirds.
    fn twists(&self, back: bool) -> [u64; 2] {
        let root = root_of_unity(self.points);
        let root = if back { inverse(root) } else { root };
        [root, multiply(root, root)]
    }
}

/// Transform of three points by a cube root of unity ω: 1 + ω + ω² = 0 saves two of four products.
fn of_three(a: u64, b: u64, c: u64, cube: u64) -> (u64, u64, u64) {
    // ω b + ω² c = ω (b − c) − c.
    let turned = multiply(cube, subtract(b, c));
    (
        add(a, add(b, c)),
        add(a, subtract(turned, c)),
        subtract(a, add(turned, b)),
    )
}

/// Roots of every stage of a transform of n points, n a power of two: n/2, n/4, …, 1 of them.
fn stages(root: u64, n: usize) -> Vec<u64> {
    let mut roots = Vec::with_capacity(n);
    let mut power = 1;
    for _ in 0..n / 2 {
        roots.push(power);
        power = multiply(power, root);
    }
    let (mut from, mut len) = (0, n / 2);
    while len > 1 {
        for i in 0..len / 2 {
            roots.push(roots[from + 2 * i]);
        }
        (from, len) = (from + len, len / 2);
    }
    roots
}

fn decimate_frequency(x: &mut [u64], roots: &[u64]) {
    if x.len() > BLOCK {
        let (here, below) = roots.split_at(x.len() / 2);
        frequency_stage(x, here);
        let (left, right) = x.split_at_mut(x.len() / 2);
        decimate_frequency(left, below);
        decimate_frequency(right, below);
        return;
    }
    let (mut len, mut roots) = (x.len(), roots);
    while len > 1 {
        let (here, below) = roots.split_at(len / 2);
        x.chunks_exact_mut(len)
            .for_each(|x| frequency_stage(x, here));
        (len, roots) = (len / 2, below);
    }
}

fn frequency_stage(x: &mut [u64], roots: &[u64]) {
    let (low, high) = x.split_at_mut(roots.len());
    for ((low, high), root) in low.iter_mut().zip(high).zip(roots) {
        let (a, b) = (*low, *high);
        *low = add(a, b);
        *high = multiply(subtract(a, b), *root);
    }
}

fn decimate_time(x: &mut [u64], roots: &[u64]) {
    if x.len() > BLOCK {
        let (here, below) = roots.split_at(x.len() / 2);
        let (left, right) = x.split_at_mut(x.len() / 2);
        decimate_time(left, below);
        decimate_time(right, below);
        return time_stage(x, here);
    }
    let mut len = 2;
    while len <= x.len() {
        // The stages' roots end with that of the shortest, one root long.
        let from = roots.len() - (len - 1);
        let here = &roots[from..from + len / 2];
        x.chunks_exact_mut(len).for_each(|x| time_stage(x, here));
        len *= 2;
    }
}

fn time_stage(x: &mut [u64], roots: &[u64]) {
    let (low, high) = x.split_at_mut(roots.len());
    for ((low, high), root) in low.iter_mut().zip(high).zip(roots) {
        let (a, b) = (*low, multiply(*high, *root));
        *low = add(a, b);
        *high = subtract(a, b);
    }
}

/// A root of unity of this order, which must divide p − 1.
fn root_of_unity(order: usize) -> u64 {
    power(GENERATOR, (P - 1) / order as u64)
}

fn inverse(x: u64) -> u64 {
    power(x, P - 2)
}

fn power(mut base: u64, mut exponent: u64) -> u64 {
    let mut out = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            out = multiply(out, base);
        }
        base = multiply(base, base);
        exponent >>= 1;
    }
    out
}

// Residues are always less than p. Whether a sum wraps is as good as random, so this code has no branch on it.

#[inline]
fn add(a: u64, b: u64) -> u64 {
    // a − (p − b), and p more where that is below zero.
    subtract(a, P - b)
}

#[inline]
fn subtract(a: u64, b: u64) -> u64 {
    let (difference, under) = a.overflowing_sub(b);
    difference.wrapping_sub(select_unpredictable(under, EPSILON, 0))
}

/// 2⁶⁴ ≡ 2³² − 1 and 2⁹⁶ ≡ −1, so the upper half of a product folds into the lower without a division.
#[inline]
fn multiply(a: u64, b: u64) -> u64 {
    let wide = u128::from(a) * u128::from(b);
    let (low, high) = (wide as u64, (wide >> 64) as u64);
    let (top, middle) = (high >> 32, high & EPSILON);
    let (out, under) = low.overflowing_sub(top);
    let out = out.wrapping_sub(select_unpredictable(under, EPSILON, 0));
    let out = canonical(out);
    // The other part is (middle << 32) − middle, less than p.
    add(out, (middle << 32) - middle)
}

#[inline]
fn canonical(x: u64) -> u64 {
    let (less, under) = x.overflowing_sub(P);
    select_unpredictable(under, x, less)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn residues_are_those_of_wide_arithmetic() {
        let edges = [
            0,
            1,
            2,
            EPSILON - 1,
            EPSILON,
            EPSILON + 1,
            P / 2,
            P - 2,
            P - 1,
        ];
        let wide = |x: u64| u128::from(x) % u128::from(P);
        for a in edges {
            for b in edges {
                let exact = |x: u64, y: u128| {
                    assert_eq!(u128::from(x), y % u128::from(P), "{a} {b}");
                };
                exact(add(a, b), wide(a) + wide(b));
                exact(subtract(a, b), wide(a) + u128::from(P) - wide(b));
                exact(multiply(a, b), wide(a) * wide(b));
            }
        }
    }

    #[test]
    fn roots_have_their_order() {
        for order in [2, 3, 12, 1 << 20, 3 << 18] {
            let root = root_of_unity(order);
            assert_eq!(power(root, order as u64), 1);
            assert_ne!(power(root, order as u64 / 2), 1);
        }
    }

    #[test]
    fn there_and_back_is_the_identity() {
        for needed in [4, 5, 9, 100, 5_000, 9_000] {
            let plan = Plan::new(needed, &mut ());
            assert!(plan.points >= needed && plan.points < 2 * needed.max(4));
            let x: Vec<u64> = (0..plan.points as u64).map(|i| i * i + 1).collect();
            let mut y = x.clone();
            plan.forward(&mut y, &mut ());
            assert_ne!(x, y);
            plan.backward(&mut y, &mut ());
            assert_eq!(x, y);
        }
    }
}
