//! Mutual information of a table of counts, in bits, by three estimators. All are biased: the protocol
//! ([`super::protocol`]) says when they can be trusted.

use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

use super::table::CountTable;
use crate::describe::Entropy;

/// Estimates from one table, in bits.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MutualInformation {
    /// Plug-in estimate from the observed frequencies, log Λ/(N ln 2). Too large on average, by about df/(2 N ln 2).
    pub plug_in: f64,
    /// From entropies with Miller's correction, H(X) + H(Y) − H(X, Y). May come out negative.
    pub(crate) miller_madow: f64,
    /// From frequencies shrunk towards equal ones (Hausser and Strimmer, JMLR 10, 2009).
    pub(crate) shrinkage: f64,
    /// How far they were shrunk: 0 not at all, 1 to equal frequencies.
    pub(crate) shrunk: f64,
    /// Standard error of the plug-in by the delta method, sd of log₂(n N/(r c)) over √N. Near 0 if there is no
    /// information; use the spread of the null then.
    pub(crate) standard_error: f64,
}

impl MutualInformation {
    /// Estimates from `table`; `None` for an empty one.
    pub fn of(table: &CountTable) -> Option<MutualInformation> {
        let n = table.total() as f64;
        let x = Entropy::of_counts(table.row_totals())?;
        let y = Entropy::of_counts(table.column_totals())?;
        let joint = Entropy::of_counts(table.counts())?;
        let plug_in = (table.log_leakage() / n / LN_2).max(0.0);
        let mut squares = 0.0;
        for (i, row) in table.counts().chunks_exact(table.columns()).enumerate() {
            let r = table.row_totals()[i] as f64;
            for (count, c) in row.iter().zip(table.column_totals()) {
                if *count > 0 {
                    let ratio = *count as f64 / r * (n / *c as f64);
                    squares += *count as f64 / n * ratio.log2().powi(2);
                }
            }
        }
        let (shrinkage, shrunk) = shrunken(table);
        Some(MutualInformation {
            plug_in,
            miller_madow: x.miller_madow + y.miller_madow - joint.miller_madow,
            shrinkage,
            shrunk,
            standard_error: ((squares - plug_in * plug_in).max(0.0) / n).sqrt(),
        })
    }
}

/// Mutual information of the cell frequencies shrunk by λ* = (1 − Σ p²)/((N − 1) Σ (1/K − p)²), clipped to
/// [0, 1], towards 1/K; and λ*.
fn shrunken(table: &CountTable) -> (f64, f64) {
    let n = table.total() as f64;
    let cells = table.counts().len() as f64;
    let frequency = |count: &u64| *count as f64 / n;
    let squares: f64 = table.counts().iter().map(|c| frequency(c).powi(2)).sum();
    let away: f64 = table
        .counts()
        .iter()
        .map(|c| (1.0 / cells - frequency(c)).powi(2))
        .sum();
    let shrunk = if n > 1.0 && away > 0.0 {
        ((1.0 - squares) / ((n - 1.0) * away)).clamp(0.0, 1.0)
    } else {
        1.0
    };
    let side = |total: &u64, others: usize| {
        shrunk * others as f64 / cells + (1.0 - shrunk) * frequency(total)
    };
    let mut bits = 0.0;
    for (x, row) in table.counts().chunks_exact(table.columns()).enumerate() {
        let r = side(&table.row_totals()[x], table.columns());
        for (count, c) in row.iter().zip(table.column_totals()) {
            let p = shrunk / cells + (1.0 - shrunk) * frequency(count);
            if p > 0.0 {
                bits += p * (p / (r * side(c, table.rows()))).log2();
            }
        }
    }
    (bits.max(0.0), shrunk)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    fn channel(n: usize, flip: f64, seed: u64) -> CountTable {
        let mut rng = random::stream(seed, 4);
        let x: Vec<u32> = (0..n).map(|_| rng.random_range(0..2)).collect();
        let y: Vec<u32> = x
            .iter()
            .map(|x| x ^ u32::from(rng.random::<f64>() < flip))
            .collect();
        CountTable::of_labels(&x, &y, 2, 2).expect("bits")
    }

    #[test]
    fn the_binary_symmetric_channel_has_its_capacity() {
        // 1 − H₂(0.11) = 0.5001 bit.
        let flip = 0.11f64;
        let capacity = 1.0 + flip * flip.log2() + (1.0 - flip) * (1.0 - flip).log2();
        let counts = [8_900, 1_100, 1_100, 8_900].to_vec();
        let exact = MutualInformation::of(&CountTable::new(2, 2, counts).expect("a table"))
            .expect("not empty");
        assert!((exact.plug_in - capacity).abs() < 1e-12);
        let drawn = MutualInformation::of(&channel(20_000, flip, 1)).expect("not empty");
        for estimate in [drawn.plug_in, drawn.miller_madow, drawn.shrinkage] {
            assert!(
                (estimate - capacity).abs() < 4.0 * drawn.standard_error,
                "{drawn:?}"
            );
        }
        assert!((0.003..0.02).contains(&drawn.standard_error));
    }

    #[test]
    fn the_bias_is_as_stated_and_the_corrections_take_it() {
        let (mut plug_in, mut corrected, mut shrunk) = (0.0, 0.0, 0.0);
        let runs = 200;
        for seed in 0..runs {
            let mut rng = random::stream(seed, 4);
            let mut draw = || {
                (0..500)
                    .map(|_| rng.random_range(0..6))
                    .collect::<Vec<u32>>()
            };
            let (x, y) = (draw(), draw());
            let t = CountTable::of_labels(&x, &y, 6, 6).expect("a table");
            let mi = MutualInformation::of(&t).expect("not empty");
            plug_in += mi.plug_in / runs as f64;
            corrected += mi.miller_madow / runs as f64;
            shrunk += mi.shrinkage / runs as f64;
        }
        let bias = 25.0 / (2.0 * 500.0 * LN_2);
        assert!((plug_in - bias).abs() < 0.1 * bias, "{plug_in} {bias}");
        assert!(corrected.abs() < 0.1 * bias, "{corrected}");
        assert!(shrunk < 0.2 * bias, "{shrunk}");
    }

    #[test]
    fn shrinkage_by_hand() {
        // p = (3, 1, 1, 3)/8: Σp² = 5/16, Σ(¼ − p)² = 1/16, λ = (11/16)/(7/16) > 1.
        let t = CountTable::new(2, 2, vec![3, 1, 1, 3]).expect("a table");
        let mi = MutualInformation::of(&t).expect("not empty");
        assert_eq!((mi.shrinkage, mi.shrunk), (0.0, 1.0));
        // Ten times as many: λ = 11/79.
        let t = CountTable::new(2, 2, vec![30, 10, 10, 30]).expect("a table");
        let mi = MutualInformation::of(&t).expect("not empty");
        assert!((mi.shrunk - 11.0 / 79.0).abs() < 1e-12);
        let p = (1.0 - mi.shrunk) * 0.375 + mi.shrunk * 0.25;
        let q = 0.5 - p;
        let bits = 2.0 * (p * (4.0 * p).log2() + q * (4.0 * q).log2());
        assert!((mi.shrinkage - bits).abs() < 1e-12);
    }
}
