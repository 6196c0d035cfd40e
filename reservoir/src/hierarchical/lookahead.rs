//! Carry look-ahead: the sum of two numbers by a circuit of joins, with its gates and layers counted.
//!
//! Every place of a sum *generates* a carry (both bits are set) or *propagates* one (one is). Neighbouring runs of
//! places join, (g, p) of the upper with (g', p') of the lower: (g ∨ p g', p p'). All carries of n places need about
//! log₂ n joins in a row, but each join is work, and there are at least n − 1. So the depth is logarithmic; the work,
//! and with it the energy, is not.

use super::dense::HierNat;

/// How the joins are arranged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// Fewest layers, ⌈log₂ n⌉, for (n/2) log₂ n joins (Sklansky, IRE Trans. Electronic Computers EC-9(2), 1960).
    Sklansky,
    /// Fewer than 2n joins, for about 2 log₂ n layers (Brent and Kung, IEEE Trans. Computers C-31(3), 1982).
    BrentKung,
}

/// A sum, with the work and the depth of its carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookahead {
    /// Sum of the two numbers, exact.
    pub sum: HierNat,
    /// Places n: bits of the longer number.
    pub places: u64,
    /// Joins of two runs: the work.
    pub joins: u64,
    /// Joins in a row, at most: the depth.
    pub depth: u32,
}

/// A run of places, and the layer after which its carry is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    generate: bool,
    propagate: bool,
    layer: u32,
}

impl Run {
    fn join(self, lower: Run) -> Run {
        Run {
            generate: self.generate || self.propagate && lower.generate,
            propagate: self.propagate && lower.propagate,
            layer: self.layer.max(lower.layer) + 1,
        }
    }
}

/// a + b, every carry from the circuit; memory is 8 bytes a bit.
pub fn add(a: &HierNat, b: &HierNat, prefix: Prefix) -> Lookahead {
    let places = a.bits().max(b.bits());
    let mut runs: Vec<Run> = (0..places)
        .map(|place| {
            let (a, b) = (a.bit(place), b.bit(place));
            Run {
                generate: a && b,
                propagate: a != b,
                layer: 0,
            }
        })
        .collect();
    let joins = match prefix {
        Prefix::Sklansky => sklansky(&mut runs),
        Prefix::BrentKung => brent_kung(&mut runs),
    };
    // Run i now reaches from place i down to place 0: it generates the carry into place i + 1.
    let mut limbs = vec![0; (places / 64 + 1) as usize];
    let mut carry = false;
    for (place, run) in (0..places).zip(&runs) {
        let bit = a.bit(place) ^ b.bit(place) ^ carry;
        limbs[(place / 64) as usize] |= u64::from(bit) << (place % 64);
        carry = run.generate;
    }
    limbs[(places / 64) as usize] |= u64::from(carry) << (places % 64);
    Lookahead {
        sum: HierNat::from_limbs(limbs),
        places,
        joins,
        depth: runs.iter().map(|run| run.layer).max().unwrap_or(0),
    }
}

/// Blocks of twice the length each time, every place of the upper half joined to the whole lower half.
fn sklansky(runs: &mut [Run]) -> u64 {
    let (mut joins, mut half) = (0, 1);
    while half < runs.len() {
        for block in runs.chunks_mut(2 * half) {
            let (lower, upper) = block.split_at_mut(half.min(block.len()));
            let lower = lower[lower.len() - 1];
            for run in upper {
                *run = run.join(lower);
                joins += 1;
            }
        }
        half *= 2;
    }
    joins
}

/// Up a tree of blocks, and down again to the places in between.
fn brent_kung(runs: &mut [Run]) -> u64 {
    let (mut joins, mut half) = (0, 1);
    while half < runs.len() {
        for top in (2 * half - 1..runs.len()).step_by(2 * half) {
            runs[top] = runs[top].join(runs[top - half]);
            joins += 1;
        }
        half *= 2;
    }
    while half > 1 {
        half /= 2;
        for top in (3 * half - 1..runs.len()).step_by(2 * half) {
            runs[top] = runs[top].join(runs[top - half]);
            joins += 1;
        }
    }
    joins
}
