//! The inner loop of the network: W x, tanh, and the storing of states.
//!
//! The loops are written so that the compiler can use the processor's vector instructions, which are detected at run
//! time. Every node sums its sources in one order whatever the width, and products are fused everywhere, so that a
//! seed gives the same states to the last bit on every machine.

use nalgebra::DMatrix;
use pulp::Arch;

use super::diagonals::Diagonals;
use super::row::{LANES, Row};
use super::vectors::vectorised;

/// Steps that are kept by rows before they are stored by columns: four cache lines of a column.
const KEPT: usize = 32;

/// States of the network under `input` from `initial`, T × N.
pub(super) fn run(
    recurrent: &Diagonals,
    input_weights: &[f64],
    bias: &[f64],
    leak: f64,
    initial: &[f64],
    input: &[f64],
) -> DMatrix<f64> {
    let nodes = recurrent.nodes();
    let input_weights = recurrent.row(input_weights);
    let bias = recurrent.row(bias);
    let mut x = recurrent.row(initial);
    let mut sums = recurrent.row(&[]);
    let mut sources = recurrent.sources();
    // The row length is not a power of two: such rows would all fall into the same few sets of the cache.
    let width = x.len() + LANES;
    let mut kept = Row::zeros(KEPT * width);
    let mut columns = vec![0.0; input.len() * nodes];
    let arch = Arch::new();
    for (block, inputs) in input.chunks(KEPT).enumerate() {
        for (u, kept) in inputs.iter().zip(kept.chunks_exact_mut(width)) {
            vectorised(
                arch,
                #[inline(always)]
                || {
                    for ((sum, w), b) in sums.iter_mut().zip(&*input_weights).zip(&*bias) {
                        *sum = w.mul_add(*u, *b);
                    }
                    recurrent.listen(&x, &mut sources);
                    recurrent.multiply(&sources, &mut sums);
                    for (x, sum) in x.iter_mut().zip(&*sums) {
                        *x = leak.mul_add(tanh(*sum) - *x, *x);
                    }
                },
            );
            kept[..x.len()].copy_from_slice(&x);
        }
        for place in 0..x.len() {
            if let Some(node) = recurrent.node(place) {
                let start = node * input.len() + block * KEPT;
                let column = &mut columns[start..][..inputs.len()];
                for (value, kept) in column.iter_mut().zip(kept.chunks_exact(width)) {
                    *value = kept[place];
                }
            }
        }
    }
    DMatrix::from_vec(input.len(), nodes, columns)
}

/// Taylor coefficients of (eʳ − 1)/r, highest first: 1/13!, …, 1/2!, 1. For |r| ≤ ln 2 / 2 the truncation error is
/// below 2e-17.
const EXPM1: [f64; 13] = [
    1.0 / 6_227_020_800.0,
    1.0 / 479_001_600.0,
    1.0 / 39_916_800.0,
    1.0 / 3_628_800.0,
    1.0 / 362_880.0,
    1.0 / 40_320.0,
    1.0 / 5_040.0,
    1.0 / 720.0,
    1.0 / 120.0,
    1.0 / 24.0,
    1.0 / 6.0,
    1.0 / 2.0,
    1.0,
];

/// ln 2 in two parts, the first with trailing zeros, so that its small multiples are exact (as in fdlibm).
const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// 1.5 · 2⁵²: adding it rounds to an integer, which then stands in the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// tanh without branches, so that it runs on vectors: (e²ˣ − 1) / (e²ˣ + 1) with e²ˣ − 1 = (2ⁿ − 1) + 2ⁿ (eʳ − 1).
/// Within a few units in the last place of the exact value, also near zero.
#[inline(always)]
fn tanh(x: f64) -> f64 {
    // Beyond ±20, tanh is ±1 to double precision.
    let y = 2.0 * x.clamp(-20.0, 20.0);
    let shifted = y.mul_add(std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN2_LOW, n.mul_add(-LN2_HIGH, y));
    let mut series = EXPM1[0];
    for coefficient in &EXPM1[1..] {
        series = series.mul_add(r, *coefficient);
    }
    // The exponent field of 2ⁿ is n + 1023.
    let power = f64::from_bits((shifted.to_bits() << 52).wrapping_add(1023 << 52));
    let expm1 = power.mul_add(series * r, power - 1.0);
    expm1 / (expm1 + 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn tanh_at_the_ends() {
        assert_eq!(tanh(0.0), 0.0);
        assert_eq!(tanh(1e300), 1.0);
        assert_eq!(tanh(-1e300), -1.0);
        assert_eq!(tanh(1e-200), 1e-200);
    }

    proptest! {
        #[test]
        fn tanh_is_tanh(x in -25f64..25.0, exponent in -12i32..1) {
            let x = x * 10f64.powi(exponent);
            let exact = x.tanh();
            prop_assert!((tanh(x) - exact).abs() <= 1e-15 * exact.abs(), "{x}");
        }
    }
}
