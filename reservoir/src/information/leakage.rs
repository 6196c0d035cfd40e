//! The leakage ratio Λ of a table of counts as an exact fraction, and rigorous bounds of its logarithm.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::table::CountTable;
use crate::hierarchical::{BinomialHeap, HierNat};

/// Most observations N of a table whose Λ is computed: numerator and denominator have up to N log₂ N bits, here 2.2
/// million.
pub const MOST_EXACT: u64 = 1 << 17;

/// Λ = ∏ (n N/(r c))^n = N^N ∏ n^n / (∏ r^r ∏ c^c) over the counts n, row totals r and column totals c, in lowest
/// terms. N · I(X; Y) = log Λ, G = 2 log Λ; Λ ≥ 1, and Λ = 1 only for independent tables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leakage {
    numerator: HierNat,
    denominator: HierNat,
}

/// Bounds of log Λ, and the length of its fraction.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LeakageBounds {
    /// Lower bound of log Λ, in nats.
    pub low: f64,
    /// Upper bound of log Λ, in nats.
    pub high: f64,
    /// Bits of the numerator in lowest terms.
    pub numerator_bits: u64,
    /// Bits of the denominator.
    pub denominator_bits: u64,
    /// Whether Λ is exactly 1: the categories are independent in this table.
    pub(crate) independent: bool,
}

impl Leakage {
    /// Computes Λ of a table; `None` for more than [`MOST_EXACT`] observations. Λ is 1 for an empty table.
    pub(crate) fn of(table: &CountTable) -> Option<Leakage> {
        if table.total() > MOST_EXACT {
            return None;
        }
        // Exponent of each factor, negative in the denominator.
        let mut factors: BTreeMap<u64, i64> = BTreeMap::new();
        let mut take = |base: u64, sign: i64| {
            *factors.entry(base).or_default() += sign * base as i64;
        };
        take(table.total(), 1);
        table.counts().iter().for_each(|n| take(*n, 1));
        table.row_totals().iter().for_each(|r| take(*r, -1));
        table.column_totals().iter().for_each(|c| take(*c, -1));
        let primes = in_primes(&factors);
        let product = |sign: i64| {
            let above = primes.iter().filter(|(_, times)| **times * sign > 0);
            power_product(above.map(|(prime, times)| (*prime, times.unsigned_abs())))
        };
        Some(Leakage {
            numerator: product(1)?,
            denominator: product(-1)?,
        })
    }

    /// Numerator in lowest terms.
    pub fn numerator(&self) -> &HierNat {
        &self.numerator
    }

    /// Denominator in lowest terms.
    pub fn denominator(&self) -> &HierNat {
        &self.denominator
    }

    /// Whether Λ is 1.
    pub fn is_one(&self) -> bool {
        self.numerator == self.denominator
    }

    /// Rigorous bounds of log Λ, in nats.
    pub(crate) fn log_bounds(&self) -> LeakageBounds {
        let bits = (self.numerator.bits(), self.denominator.bits());
        let excess = self.numerator.checked_sub(&self.denominator);
        // Λ ≥ 1 (lean: `one_le_leakage`), so there is an excess; without one log Λ is 0.
        let excess = excess.unwrap_or_default();
        let independent = excess.is_zero();
        let (low, high) = if independent {
            (0.0, 0.0)
        } else if excess.bits() < bits.1 + 1_000 {
            // log Λ = log(1 + excess/denominator): no cancellation, however near Λ is to 1.
            let ((a, up), (b, down)) = (leading(&excess), leading(&self.denominator));
            let scale = 2f64.powi((up as i64 - down as i64) as i32);
            let one = f64::EPSILON;
            // Each mantissa is too small by less than one unit of 2⁻⁵².
            let ratio = a / b * scale;
            let ln = (
                (ratio * (1.0 - 4.0 * one)).ln_1p(),
                (ratio * (1.0 + 4.0 * one)).ln_1p(),
            );
            (ln.0 * (1.0 - 4.0 * one), ln.1 * (1.0 + 4.0 * one))
        } else {
            let ln = |number: &HierNat| number.ln_bounds().unwrap_or((0.0, 0.0));
            let (above, below) = (ln(&self.numerator), ln(&self.denominator));
            let one = f64::EPSILON;
            (
                (above.0 - below.1) * (1.0 - one),
                (above.1 - below.0) * (1.0 + one),
            )
        };
        LeakageBounds {
            low,
            high,
            numerator_bits: bits.0,
            denominator_bits: bits.1,
            independent,
        }
    }
}

/// The 53 leading bits, and the number of bits after them, below 2³¹ for every table within the limit.
fn leading(number: &HierNat) -> (f64, u64) {
    let below = number.bits().saturating_sub(53);
    let top = number
        .shift_down(below)
        .limbs()
        .first()
        .copied()
        .unwrap_or(0);
    (top as f64, below)
}

/// The same product as powers of primes: common factors cancel.
fn in_primes(factors: &BTreeMap<u64, i64>) -> BTreeMap<u64, i64> {
    let mut primes = BTreeMap::new();
    for (base, times) in factors.iter().filter(|(_, times)| **times != 0) {
        let (mut rest, mut divisor) = (*base, 2);
        while divisor * divisor <= rest {
            while rest % divisor == 0 {
                *primes.entry(divisor).or_insert(0) += times;
                rest /= divisor;
            }
            divisor += 1;
        }
        if rest > 1 {
            *primes.entry(rest).or_insert(0) += times;
        }
    }
    primes
}

/// ∏ base^times, always multiplying the two smallest factors, so that factors have similar length; `None` if the
/// product is too large.
fn power_product(powers: impl Iterator<Item = (u64, u64)>) -> Option<HierNat> {
    let powers = powers.map(|(base, times)| HierNat::from(base).pow(times).ok());
    let mut factors: BinomialHeap<HierNat> = powers.collect::<Option<_>>()?;
    while let Some(least) = factors.extract_min() {
        match factors.extract_min() {
            Some(next) => factors.insert(&least * &next),
            None => return Some(least),
        }
    }
    Some(HierNat::from(1u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    #[test]
    fn the_proofs_golden_fractions_digit_by_digit() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../lean/golden/leakage.json");
        let text = std::fs::read_to_string(path).expect("the golden file is part of the project");
        let cases: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
        assert!(cases.len() >= 10);
        for case in cases {
            let table: Vec<Vec<u64>> =
                serde_json::from_value(case["table"].clone()).expect("a table");
            let counts = CountTable::new(table.len(), table[0].len(), table.concat());
            let leakage = Leakage::of(&counts.expect("a table")).expect("small");
            let found = (
                leakage.numerator().to_string(),
                leakage.denominator().to_string(),
            );
            let part = |i: usize| case["leakage"][i].as_str().expect("digits").to_string();
            assert_eq!(found, (part(0), part(1)), "{table:?}");
            assert_eq!(leakage.is_one(), part(0) == part(1));
        }
    }

    #[test]
    fn independence_is_exact_where_rounding_leaves_a_trace() {
        // Rows 1 : 3 : 9 by columns 7 : 11 : 13, every count the product.
        let counts: Vec<u64> = [1, 3, 9]
            .iter()
            .flat_map(|r| [7, 11, 13].map(|c| r * c))
            .collect();
        let table = CountTable::new(3, 3, counts.clone()).expect("a table");
        let bounds = Leakage::of(&table).expect("small").log_bounds();
        assert!(bounds.independent && (bounds.low, bounds.high) == (0.0, 0.0));
        let mut moved = counts;
        moved[0] += 1;
        let table = CountTable::new(3, 3, moved).expect("a table");
        let bounds = Leakage::of(&table).expect("small").log_bounds();
        assert!(
            !bounds.independent && bounds.low > 0.0 && bounds.high < 0.1,
            "{bounds:?}"
        );
    }

    #[test]
    fn a_capture_sized_table_is_enclosed_tightly() {
        let counts: Vec<u64> = (0..64).map(|i| 35 + i * i % 11).collect();
        let table = CountTable::new(8, 8, counts).expect("a table");
        let bounds = Leakage::of(&table).expect("small").log_bounds();
        assert!(bounds.numerator_bits > 10_000, "{bounds:?}");
        assert!(bounds.high - bounds.low < 1e-12 * bounds.high, "{bounds:?}");
        assert!(
            (table.log_leakage() - bounds.low).abs() < 1e-9,
            "{bounds:?}"
        );
        let large = CountTable::new(1, 1, vec![MOST_EXACT + 1]).expect("a table");
        assert_eq!(Leakage::of(&large), None);
    }

    proptest! {
        /// The sum of logarithms lies within the bounds but for its own rounding, a part of the terms' magnitudes.
        #[test]
        fn the_sum_of_logarithms_agrees(counts in vec(0u64..60, 12)) {
            let table = CountTable::new(3, 4, counts).expect("a table");
            let leakage = Leakage::of(&table).expect("small");
            let bounds = leakage.log_bounds();
            let rounding = 1e-14 * (1.0 + table.total() as f64 * 4.0);
            prop_assert!(bounds.low <= bounds.high && bounds.low >= 0.0);
            prop_assert!(table.log_leakage() >= bounds.low - rounding, "{bounds:?}");
            prop_assert!(table.log_leakage() <= bounds.high + rounding, "{bounds:?}");
            prop_assert_eq!(bounds.independent, leakage.is_one());
        }
    }
}
