//! The exponential function in plain arithmetic.
//!
//! A tick evaluates two exponentials a chip. The library's is a call that no loop can be vectorised
//! around, and its last bits differ between platforms; this one has no branch and gives the same bits
//! everywhere.

use std::f64::consts::LOG2_E;

/// 1.5 · 2^52: added to a small number, it leaves that number rounded to an integer in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// ln 2 in two parts; the upper has trailing zeros, so that its product with an exponent is exact.
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// e^x to a relative error of 1e-11; saturates beyond |x| = 700.
#[inline(always)]
pub(crate) fn exp(x: f64) -> f64 {
    let x = x.clamp(-700.0, 700.0);
    let shifted = x * LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Taylor to r^9/9!; |r| <= ln(2)/2 bounds the remainder by 7e-12.
    let mut p = 1.0 / 362_880.0;
    p = p * r + 1.0 / 40_320.0;
    p = p * r + 1.0 / 5_040.0;
    p = p * r + 1.0 / 720.0;
    p = p * r + 1.0 / 120.0;
    p = p * r + 1.0 / 24.0;
    p = p * r + 1.0 / 6.0;
    p = p * r + 0.5;
    p = p * r + 1.0;
    p = p * r + 1.0;
    let two_to_n = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1.0f64.to_bits()));
    p * two_to_n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_library() {
        for i in -700_000..=700_000 {
            let x = f64::from(i) * 1e-3;
            assert!((exp(x) / x.exp() - 1.0).abs() < 1e-11, "{x}");
        }
        assert!(exp(f64::INFINITY).is_finite());
        assert!(exp(f64::NEG_INFINITY) > 0.0);
    }
}
