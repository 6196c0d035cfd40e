//! An estimate of mutual information together with its weaknesses.

use std::fmt;

use serde::{Deserialize, Serialize};
use std::f64::consts::LN_2;

use super::leakage::{Leakage, LeakageBounds};
use super::mutual::MutualInformation;
use super::permutation::{self, Independence, PERMUTATIONS};
use super::power::{self, Demand};
use super::table::{CountTable, TableError};
use crate::random::Rng;

/// Fewest observations per cell for an estimate that can be trusted (Cochran, Biometrics 10(4), 1954).
pub(crate) const FEWEST_PER_CELL: f64 = 5.0;

/// Why an estimate cannot be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caution {
    /// Too few observations for so many cells.
    Undersampled {
        /// Mean count per cell.
        per_cell: f64,
    },
    /// The corrected estimate from halves of the data differs from that of all data: the correction is not enough,
    /// and more data would change the estimate.
    DriftsWithN {
        /// Mean of both halves, in bits.
        halves: f64,
        /// Estimate from all data, in bits.
        whole: f64,
    },
    /// The first half differs from the second: the measured relation changes with time.
    Unsteady {
        /// First half, in bits.
        first: f64,
        /// Second half, in bits.
        second: f64,
    },
    /// Permuted data give as much information: nothing was found.
    InsideNull {
        /// Permutation p-value.
        p: f64,
    },
    /// Labels depend on earlier labels and were permuted in blocks: there are effectively fewer observations, and the
    /// smallest detectable information is larger than stated.
    Dependent {
        /// Labels a block.
        block: usize,
    },
}

impl fmt::Display for Caution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caution::Undersampled { per_cell } => write!(
                f,
                "undersampled: {per_cell:.1} observations a cell, {FEWEST_PER_CELL} are needed; use fewer classes"
            ),
            Caution::DriftsWithN { halves, whole } => write!(
                f,
                "drifts with n: {halves:.4} bit from halves of the data, {whole:.4} from all"
            ),
            Caution::Unsteady { first, second } => write!(
                f,
                "unsteady: {first:.4} bit in the first half, {second:.4} in the second"
            ),
            Caution::InsideNull { p } => {
                write!(f, "inside the null: permuted data give as much (p {p:.3})")
            }
            Caution::Dependent { block } => {
                write!(f, "dependent in time: permuted in blocks of {block}")
            }
        }
    }
}

/// How to measure.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Protocol {
    /// Number of permutations drawn.
    pub permutations: usize,
    /// Labels per block; `None` to estimate it from the dependence of the labels.
    pub block: Option<usize>,
    /// Error rates that a detection must satisfy.
    pub demand: Demand,
}

impl Default for Protocol {
    fn default() -> Protocol {
        Protocol {
            permutations: PERMUTATIONS,
            block: None,
            demand: Demand::default(),
        }
    }
}

/// An estimate with its null, the smallest detectable information and its cautions. All information is in bits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Number of pairs of labels.
    pub n: u64,
    /// Categories of x.
    pub(crate) rows: usize,
    /// Categories of y.
    pub(crate) columns: usize,
    pub(crate) information: MutualInformation,
    /// log Λ = n times the plug-in information, enclosed by exact arithmetic; `None` for more pairs than
    /// [`MOST_EXACT`](super::leakage::MOST_EXACT).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leakage: Option<LeakageBounds>,
    /// Test of independence by permutation.
    pub test: Independence,
    /// Mean of the plug-in estimate over the permutations: its bias when there is nothing.
    pub(crate) null_mean: f64,
    /// Its 95 % quantile.
    pub(crate) null_q95: f64,
    /// Smallest information that the test detects with the demanded power if the pairs are independent of each other.
    pub(crate) detectable: Option<f64>,
    /// Miller–Madow estimates of the first and the second half.
    pub(crate) halves: Option<(f64, f64)>,
    /// Reasons not to trust the estimate, the most serious first; empty if there are none.
    pub cautions: Vec<Caution>,
}

impl Measurement {
    /// Measures labels `x` of `rows` categories against `y` of `columns`, in the order in which they came. `None`
    /// without labels, or for more than can be permuted.
    ///
    /// # Errors
    /// If the labels make no table.
    pub fn of(
        (x, rows): (&[u32], usize),
        (y, columns): (&[u32], usize),
        protocol: &Protocol,
        rng: &mut Rng,
    ) -> Result<Option<Measurement>, TableError> {
        let table = CountTable::of_labels(x, y, rows, columns)?;
        let Some(information) = MutualInformation::of(&table) else {
            return Ok(None);
        };
        // Permuting x against y is the same as permuting y against x, so it is enough if one side has no memory.
        let block = match protocol.block {
            Some(block) => block.max(1),
            None => match permutation::block_of(x) {
                1 => 1,
                block => block.min(permutation::block_of(y)),
            },
        };
        let permutations = protocol.permutations;
        let test = if block == 1 {
            permutation::exchangeable(&table, permutations, rng)
        } else {
            permutation::series((x, rows), (y, columns), block, permutations, rng)?
        };
        let Some(test) = test else {
            return Ok(None);
        };
        let n = table.total();
        let bits = |g: f64| g / (2.0 * n as f64 * LN_2);
        let half = |range: std::ops::Range<usize>| -> Result<Option<f64>, TableError> {
            let part = CountTable::of_labels(&x[range.clone()], &y[range], rows, columns)?;
            Ok(MutualInformation::of(&part).map(|mi| mi.miller_madow))
        };
        let middle = x.len() / 2;
        let halves = half(0..middle)?.zip(half(middle..x.len())?);
        let mut measurement = Measurement {
            n,
            rows,
            columns,
            information,
            leakage: Leakage::of(&table).map(|leakage| leakage.log_bounds()),
            test,
            null_mean: bits(test.null.mean_g),
            null_q95: bits(test.null.q95_g),
            detectable: power::smallest_bits(n, test.freedom, protocol.demand),
            halves,
            cautions: Vec::new(),
        };
        measurement.cautions = measurement.caution(table.per_cell(), protocol);
        Ok(Some(measurement))
    }

    /// Plug-in estimate minus its mean over the permutations: the least biased estimate of little information.
    pub fn above_null(&self) -> f64 {
        self.information.plug_in - self.null_mean
    }

    /// Whether the estimate may be quoted as an amount of information.
    pub fn is_trusted(&self) -> bool {
        let harmless = |caution: &Caution| matches!(caution, Caution::Dependent { .. });
        self.cautions.iter().all(harmless)
    }

    fn caution(&self, per_cell: f64, protocol: &Protocol) -> Vec<Caution> {
        let mut cautions = Vec::new();
        if per_cell < FEWEST_PER_CELL {
            cautions.push(Caution::Undersampled { per_cell });
        }
        let null = self.test.null;
        if null.p_g > protocol.demand.alpha {
            cautions.push(Caution::InsideNull { p: null.p_g });
        }
        if let Some((first, second)) = self.halves {
            let whole = self.information.miller_madow;
            // Scatter by chance: the error of the delta method, or that of the null where it vanishes; under the
            // null, the variance of G is twice its degrees of freedom.
            let of_null = (2.0 * self.test.freedom as f64).sqrt() / (2.0 * self.n as f64 * LN_2);
            let error = self.information.standard_error.hypot(of_null);
            let halves = 0.5 * (first + second);
            // On average the halves agree with the whole, up to the remaining bias.
            if (halves - whole).abs() > 2.0 * error {
                cautions.push(Caution::DriftsWithN { halves, whole });
            }
            // Each half has √2 the error of the whole where there is information, and twice that where there
            // is none; their difference √2 of that again.
            if (first - second).abs()
                > 3.0 * 2.0 * self.information.standard_error.hypot(2f64.sqrt() * of_null)
            {
                cautions.push(Caution::Unsteady { first, second });
            }
        }
        if null.block > 1 {
            cautions.push(Caution::Dependent { block: null.block });
        }
        cautions
    }
}

impl fmt::Display for Measurement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.4} bit above the null's {:.4}, p {:.4}, n {}",
            self.above_null(),
            self.null_mean,
            self.test.null.p_g,
            self.n
        )?;
        for caution in &self.cautions {
            write!(f, "; {caution}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;
    use rand::RngExt;

    fn measure(x: &[u32], y: &[u32], categories: usize) -> Measurement {
        let protocol = Protocol {
            permutations: 499,
            ..Protocol::default()
        };
        let mut rng = random::stream(9, 5);
        Measurement::of((x, categories), (y, categories), &protocol, &mut rng)
            .expect("labels")
            .expect("not empty")
    }

    fn copies(n: usize, categories: u32, faithful: impl Fn(usize) -> f64) -> (Vec<u32>, Vec<u32>) {
        let mut rng = random::stream(2, 4);
        (0..n)
            .map(|i| {
                let x = rng.random_range(0..categories);
                let copied = rng.random::<f64>() < faithful(i);
                (
                    x,
                    if copied {
                        x
                    } else {
                        rng.random_range(0..categories)
                    },
                )
            })
            .unzip()
    }

    #[test]
    fn plain_information_is_trusted() {
        let (x, y) = copies(4_000, 4, |_| 0.5);
        let m = measure(&x, &y, 4);
        assert!(m.is_trusted() && m.cautions.is_empty(), "{m}");
        // Agreement 5/8, others 1/8 each: 2 − (5/8 log₂ 8/5 + 3/8 log₂ 8) = 0.4512.
        assert!((m.above_null() - 0.4512).abs() < 0.04, "{m}");
        assert!(m.detectable.is_some_and(|bits| bits < 0.01));
    }

    #[test]
    fn each_caution_is_raised_by_its_cause() {
        let (x, y) = copies(1_000, 4, |_| 0.0);
        let m = measure(&x, &y, 4);
        assert!(
            matches!(m.cautions[..], [Caution::InsideNull { .. }]),
            "{m}"
        );
        let (x, y) = copies(300, 32, |_| 0.6);
        let m = measure(&x, &y, 32);
        assert!(
            m.cautions
                .iter()
                .any(|c| matches!(c, Caution::Undersampled { .. })),
            "{m}"
        );
        assert!(
            m.cautions
                .iter()
                .any(|c| matches!(c, Caution::DriftsWithN { .. })),
            "{m}"
        );
        let (x, y) = copies(2_000, 4, |i| if i < 1_000 { 0.9 } else { 0.1 });
        let m = measure(&x, &y, 4);
        assert!(
            m.cautions
                .iter()
                .any(|c| matches!(c, Caution::Unsteady { .. })),
            "{m}"
        );
        assert!(!m.is_trusted());
        let slow: Vec<u32> = (0..2_000).map(|i| (i / 50) % 4).collect();
        let m = measure(&slow, &slow, 4);
        assert!(
            m.cautions
                .iter()
                .any(|c| matches!(c, Caution::Dependent { .. })),
            "{m}"
        );
        assert!(m.to_string().contains("permuted in blocks"));
    }

    #[test]
    fn the_null_is_rarely_called_anything_else() {
        let mut alarms = 0;
        for seed in 0..200 {
            let mut rng = random::stream(seed, 4);
            let mut draw = || {
                (0..600)
                    .map(|_| rng.random_range(0..4))
                    .collect::<Vec<u32>>()
            };
            let m = measure(&draw(), &draw(), 4);
            let other =
                |c: &Caution| matches!(c, Caution::Unsteady { .. } | Caution::DriftsWithN { .. });
            alarms += usize::from(m.cautions.iter().any(other));
        }
        assert!(alarms <= 10, "{alarms} of 200");
    }
}
