//! The inner loop of the network: W x, tanh, and the storing of states.
//!
//! The loops are written so that the compiler can run them on whatever vectors the processor has, which
//! is found out at run time. Every node sums its sources in one order whatever the width, and products are
//! fused everywhere, so that a seed gives the same states to the last bit on every machine.

use nalgebra::DMatrix;
use pulp::{Arch, Simd, WithSimd};

/// Nodes that are summed side by side.
const TILE: usize = 64;

/// Steps that are kept by rows before they are stored by columns: two cache lines of a column.
const KEPT: usize = 16;

/// A square matrix of `offsets.len()` full cyclic diagonals.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Diagonals {
    nodes: usize,
    offsets: Vec<usize>,
    /// By tile of nodes, then by offset, then by node; zero beyond the last node. In single precision, so
    /// that those of a thousand nodes stay in the second-level cache: they are random anyway. All arithmetic is
    /// in double precision.
    weights: Vec<[f32; TILE]>,
}

impl Diagonals {
    /// `weights` by offset, then by node.
    pub(super) fn new(nodes: usize, offsets: &[usize], weights: &[f64]) -> Diagonals {
        let tiles = nodes.div_ceil(TILE);
        let mut tiled = Vec::with_capacity(tiles * offsets.len());
        for tile in 0..tiles {
            for k in 0..offsets.len() {
                tiled.push(std::array::from_fn(|lane| {
                    let node = tile * TILE + lane;
                    if node < nodes {
                        weights[k * nodes + node] as f32
                    } else {
                        0.0
                    }
                }));
            }
        }
        Diagonals {
            nodes,
            offsets: offsets.to_vec(),
            weights: tiled,
        }
    }

    pub(super) fn nodes(&self) -> usize {
        self.nodes
    }

    pub(super) fn scale(&mut self, by: f64) {
        for weight in self.weights.iter_mut().flatten() {
            *weight = (f64::from(*weight) * by) as f32;
        }
    }

    pub(super) fn to_dense(&self) -> DMatrix<f64> {
        let mut dense = DMatrix::zeros(self.nodes, self.nodes);
        for (place, weights) in self.weights.iter().enumerate() {
            let (tile, k) = (place / self.offsets.len(), place % self.offsets.len());
            for (lane, weight) in weights.iter().enumerate() {
                let node = tile * TILE + lane;
                if node < self.nodes {
                    dense[(node, (node + self.offsets[k]) % self.nodes)] = f64::from(*weight);
                }
            }
        }
        dense
    }

    /// W x.
    pub(super) fn product(&self, x: &[f64]) -> Vec<f64> {
        let mut twice = self.workspace();
        self.spread(&mut twice, x);
        let mut product = vec![0.0; self.weights.len() / self.offsets.len() * TILE];
        Arch::new().dispatch(Multiply {
            weights: self,
            twice: &twice,
            sums: &mut product,
        });
        product.truncate(self.nodes);
        product
    }

    /// Room for a state twice in a row, so that a cyclic diagonal reads straight on, and for the padding.
    fn workspace(&self) -> Vec<f64> {
        vec![0.0; 2 * self.nodes + TILE]
    }

    fn spread(&self, twice: &mut [f64], x: &[f64]) {
        twice[..self.nodes].copy_from_slice(x);
        twice[self.nodes..2 * self.nodes].copy_from_slice(x);
    }

    /// W x for x `twice` in a row, added to `sums`, which has whole tiles.
    #[inline(always)]
    fn multiply(&self, twice: &[f64], sums: &mut [f64]) {
        let rows = self.weights.chunks_exact(self.offsets.len());
        let (tiles, _) = sums.as_chunks_mut::<TILE>();
        for (tile, (sum, row)) in tiles.iter_mut().zip(rows).enumerate() {
            let mut total = *sum;
            for (weights, offset) in row.iter().zip(&self.offsets) {
                let start = tile * TILE + offset;
                let Some(sources) = twice[start..].first_chunk::<TILE>() else {
                    continue;
                };
                for lane in 0..TILE {
                    total[lane] = f64::from(weights[lane]).mul_add(sources[lane], total[lane]);
                }
            }
            *sum = total;
        }
    }
}

/// One product, on the vectors that the processor has.
struct Multiply<'a> {
    weights: &'a Diagonals,
    twice: &'a [f64],
    sums: &'a mut [f64],
}

impl WithSimd for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        self.weights.multiply(self.twice, self.sums);
    }
}

/// One step of the network, likewise: from the state `twice` to the state `x`.
struct Step<'a> {
    recurrent: &'a Diagonals,
    input_weights: &'a [f64],
    bias: &'a [f64],
    leak: f64,
    u: f64,
    twice: &'a [f64],
    sums: &'a mut [f64],
    x: &'a mut [f64],
}

impl WithSimd for Step<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let weights = self.input_weights.iter().zip(self.bias);
        for (sum, (w, b)) in self.sums.iter_mut().zip(weights) {
            *sum = w.mul_add(self.u, *b);
        }
        self.recurrent.multiply(self.twice, self.sums);
        for (x, sum) in self.x.iter_mut().zip(&*self.sums) {
            *x = self.leak.mul_add(tanh(*sum) - *x, *x);
        }
    }
}

/// States of the network under `input` from `initial`, T × N.
pub(super) fn run(
    recurrent: &Diagonals,
    input_weights: &[f64],
    bias: &[f64],
    leak: f64,
    initial: &[f64],
    input: &[f64],
) -> DMatrix<f64> {
    let nodes = recurrent.nodes;
    let padded = nodes.div_ceil(TILE) * TILE;
    let mut states = DMatrix::zeros(input.len(), nodes);
    let mut twice = recurrent.workspace();
    recurrent.spread(&mut twice, initial);
    let mut x = initial.to_vec();
    let mut sums = vec![0.0; padded];
    let mut kept = vec![0.0; KEPT * nodes];
    let arch = Arch::new();
    for (block, inputs) in input.chunks(KEPT).enumerate() {
        for (u, kept) in inputs.iter().zip(kept.chunks_exact_mut(nodes)) {
            arch.dispatch(Step {
                recurrent,
                input_weights,
                bias,
                leak,
                u: *u,
                twice: &twice,
                sums: &mut sums,
                x: &mut x,
            });
            recurrent.spread(&mut twice, &x);
            kept.copy_from_slice(&x);
        }
        let start = block * KEPT;
        for (node, mut column) in states.column_iter_mut().enumerate() {
            for (step, value) in column.rows_mut(start, inputs.len()).iter_mut().enumerate() {
                *value = kept[step * nodes + node];
            }
        }
    }
    states
}

/// Taylor coefficients of (eʳ − 1)/r, highest first: 1/13!, …, 1/2!, 1. For |r| ≤ ln 2 / 2 what is left out
/// is below 2e-17.
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

        #[test]
        fn the_product_is_that_of_the_dense_matrix(nodes in 1usize..100, seed: u64) {
            use rand::RngExt;
            let mut rng = crate::random::stream(seed, 6);
            let degree = rng.random_range(1..=nodes);
            let offsets = rand::seq::index::sample(&mut rng, nodes, degree).into_vec();
            let weights: Vec<f64> = (0..nodes * degree).map(|_| rng.random()).collect();
            let x: Vec<f64> = (0..nodes).map(|_| rng.random()).collect();
            let w = Diagonals::new(nodes, &offsets, &weights);
            let dense = w.to_dense() * nalgebra::DVector::from_column_slice(&x);
            for (a, b) in w.product(&x).iter().zip(dense.iter()) {
                prop_assert!((a - b).abs() < 1e-12 * nodes as f64);
            }
        }
    }
}
