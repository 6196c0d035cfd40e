//! Whether two sides of a table are independent: G and χ² against their limit law, and against what permuting
//! one side gives.
//!
//! Permuting labels freely changes a table only within its margins, so the table is drawn from its margins directly
//! (Patefield's algorithm, Appl. Statist. 30(1), 1981): the same law as shuffling every label, at a cost that does
//! not depend on how many there are. Labels that follow each other in time are permuted in blocks, which keeps the
//! dependence within a block.

use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::table::{CountTable, TableError, check_labels};
use crate::blocks;
use crate::random::Rng;

/// Permutations that a report uses: p down to 2·10⁻⁴, and a standard error of 0.003 at 5 %.
pub const PERMUTATIONS: usize = 5_000;

/// Most observations that are permuted: bounds the table of logarithms at 32 MB.
pub const MOST_PERMUTED: u64 = 1 << 22;

/// A test of independence.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Independence {
    /// G = 2 log Λ of the table.
    pub g: f64,
    /// Pearson's χ² of the table.
    pub chi_squared: f64,
    /// Degrees of freedom.
    pub freedom: usize,
    /// Probability of a G at least as large under the limit law; 1 without a degree of freedom.
    pub p_limit: f64,
    /// The permutations.
    pub null: Null,
}

/// Distribution of the statistics over the permutations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Null {
    pub(crate) permutations: usize,
    /// Labels per block; 1 if every label was permuted on its own.
    pub(crate) block: usize,
    /// (1 + permutations with a G at least as large)/(1 + permutations): never 0, and valid at any number of
    /// permutations (Phipson and Smyth, Stat. Appl. Genet. Mol. Biol. 9(1), 2010).
    pub p_g: f64,
    /// Permutation p-value of χ².
    pub(crate) p_chi_squared: f64,
    pub(crate) mean_g: f64,
    /// 95 % quantile of G.
    pub(crate) q95_g: f64,
}

/// Tests `table` with `permutations` of freely exchangeable labels; `None` for an empty table, for more than
/// [`MOST_PERMUTED`] observations, or without permutations.
pub fn exchangeable(
    table: &CountTable,
    permutations: usize,
    rng: &mut Rng,
) -> Option<Independence> {
    if table.total() == 0 || table.total() > MOST_PERMUTED {
        return None;
    }
    let mut margins = Margins::of(table);
    let mut counts = vec![0; table.counts().len()];
    judge(table, permutations, 1, |judged| {
        margins.draw(rng, &mut counts);
        judged(&counts);
    })
}

/// Tests labels that came one after the other: `x` is cut into blocks of `block` labels, which are put in random
/// order beside the unchanged `y`. `None` for no labels, blocks or permutations.
///
/// # Errors
/// If the labels make no table.
pub fn series(
    (x, rows): (&[u32], usize),
    (y, columns): (&[u32], usize),
    block: usize,
    permutations: usize,
    rng: &mut Rng,
) -> Result<Option<Independence>, TableError> {
    check_labels(x, rows)?;
    check_labels(y, columns)?;
    let table = CountTable::of_labels(x, y, rows, columns)?;
    if x.is_empty() || block == 0 {
        return Ok(None);
    }
    let mut order: Vec<&[u32]> = x.chunks(block).collect();
    let mut counts = vec![0; rows * columns];
    Ok(judge(&table, permutations, block, |judged| {
        order.shuffle(rng);
        counts.fill(0);
        for (x, y) in order.iter().copied().flatten().zip(y) {
            counts[*x as usize * columns + *y as usize] += 1;
        }
        judged(&counts);
    }))
}

/// Longest lag at which dependence is measured.
const LONGEST_LAG: usize = 200;

/// Labels per block that a series needs: ten times its memory, of the labels or of their squared distances from the
/// mean, whichever is longer (up to 200 lags). At least 1, at most a twentieth of the series, so that enough blocks are
/// left to permute.
pub(crate) fn block_of(labels: &[u32]) -> usize {
    let n = labels.len();
    let most = (n / 20).max(1);
    let values: Vec<f64> = labels.iter().map(|label| f64::from(*label)).collect();
    let mean = values.iter().sum::<f64>() / n.max(1) as f64;
    let squares: Vec<f64> = values.iter().map(|value| (value - mean).powi(2)).collect();
    let longest = most.min(LONGEST_LAG);
    let memory = blocks::memory(&values, longest).max(blocks::memory(&squares, longest));
    (10 * memory).clamp(1, most)
}

fn judge(
    table: &CountTable,
    permutations: usize,
    block: usize,
    mut permute: impl FnMut(&mut dyn FnMut(&[u64])),
) -> Option<Independence> {
    if permutations == 0 || table.total() == 0 {
        return None;
    }
    // With fixed margins G is Σ n ln n up to a constant, and χ² is Σ n²/(r c).
    let n_log_n = |n: u64| {
        if n > 1 {
            n as f64 * (n as f64).ln()
        } else {
            0.0
        }
    };
    let most = table.counts().len().max(4_096);
    let logs: Vec<f64> = (0..most.min(1 << 16) as u64).map(n_log_n).collect();
    let term = |n: u64| logs.get(n as usize).copied().unwrap_or_else(|| n_log_n(n));
    let weights: Vec<f64> = table
        .row_totals()
        .iter()
        .flat_map(|r| {
            let product = |c: &u64| (*r as f64) * (*c as f64);
            table
                .column_totals()
                .iter()
                .map(move |c| if *r * *c > 0 { 1.0 / product(c) } else { 0.0 })
        })
        .collect();
    let scores = |counts: &[u64]| {
        let mut log_sum = 0.0;
        let mut squares = 0.0;
        for (n, weight) in counts.iter().zip(&weights) {
            log_sum += term(*n);
            squares += (*n as f64).powi(2) * weight;
        }
        (log_sum, squares)
    };
    let (log_sum, squares) = scores(table.counts());
    let g = table.g();
    // A value that equals the observed one up to rounding counts as at least as large.
    let slack = |value: f64| value - 1e-9 * value.abs().max(1.0);
    let (mut as_large_g, mut as_large_chi) = (0usize, 0usize);
    let mut drawn = Vec::with_capacity(permutations);
    for _ in 0..permutations {
        permute(&mut |counts| {
            let (log, square) = scores(counts);
            as_large_g += usize::from(log >= slack(log_sum));
            as_large_chi += usize::from(square >= slack(squares));
            drawn.push(g + 2.0 * (log - log_sum));
        });
    }
    let p = |count: usize| (count + 1) as f64 / (permutations + 1) as f64;
    let mean_g = drawn.iter().sum::<f64>() / permutations as f64;
    drawn.sort_by(f64::total_cmp);
    let freedom = table.freedom();
    let p_limit = if freedom == 0 {
        1.0
    } else {
        ChiSquared::new(freedom as f64).ok()?.sf(g.max(0.0))
    };
    Some(Independence {
        g,
        chi_squared: table.chi_squared(),
        freedom,
        p_limit,
        null: Null {
            permutations,
            block,
            p_g: p(as_large_g),
            p_chi_squared: p(as_large_chi),
            mean_g,
            q95_g: drawn[(permutations - 1) * 95 / 100],
        },
    })
}

/// Draws tables with the margins of another.
struct Margins {
    rows: Vec<u64>,
    columns: Vec<u64>,
    left: Vec<u64>,
    /// ln k! for k up to the total.
    log_factorials: Vec<f64>,
}

impl Margins {
    fn of(table: &CountTable) -> Margins {
        let mut sum = 0.0;
        let mut log_factorials = Vec::with_capacity(table.total() as usize + 1);
        log_factorials.push(0.0);
        for k in 1..=table.total() {
            sum += (k as f64).ln();
            log_factorials.push(sum);
        }
        Margins {
            rows: table.row_totals().to_vec(),
            columns: table.column_totals().to_vec(),
            left: table.column_totals().to_vec(),
            log_factorials,
        }
    }

    /// Draws one table, row by row: each row takes its observations from the remaining total of each column.
    fn draw(&mut self, rng: &mut Rng, counts: &mut [u64]) {
        self.left.copy_from_slice(&self.columns);
        let mut total: u64 = self.rows.iter().sum();
        let columns = self.columns.len();
        let last_row = self.rows.len() - 1;
        for (x, row) in counts.chunks_exact_mut(columns).enumerate() {
            if x == last_row {
                row.copy_from_slice(&self.left);
                return;
            }
            let mut wanted = self.rows[x];
            let mut rest = total;
            total -= wanted;
            for (y, cell) in row.iter_mut().enumerate() {
                let here = self.left[y];
                *cell = if y == columns - 1 {
                    wanted
                } else {
                    self.hypergeometric(here, rest - here, wanted, rng)
                };
                rest -= here;
                wanted -= *cell;
                self.left[y] -= *cell;
            }
        }
    }

    /// Draws the number of good balls among `drawn` out of `good + bad`: by inversion, outwards from the mode.
    fn hypergeometric(&self, good: u64, bad: u64, drawn: u64, rng: &mut Rng) -> u64 {
        let (low, high) = (drawn.saturating_sub(bad), drawn.min(good));
        if low == high {
            return low;
        }
        let f = |k: u64| self.log_factorials[k as usize];
        let total = good + bad;
        let mode = ((good + 1) as u128 * (drawn + 1) as u128 / (total + 2) as u128) as u64;
        let mode = mode.clamp(low, high);
        let log_p = f(good) + f(bad) + f(drawn) + f(total - drawn)
            - f(total)
            - f(mode)
            - f(good - mode)
            - f(drawn - mode)
            - f(bad + mode - drawn);
        let p_mode = log_p.exp();
        loop {
            let mut u = rng.random::<f64>() - p_mode;
            if u < 0.0 {
                return mode;
            }
            let (mut up, mut p_up) = (mode, p_mode);
            let (mut down, mut p_down) = (mode, p_mode);
            while up < high || down > low {
                if up < high {
                    let ways = (good - up) as f64 * (drawn - up) as f64;
                    up += 1;
                    p_up *= ways / (up as f64 * (bad + up - drawn) as f64);
                    u -= p_up;
                    if u < 0.0 {
                        return up;
                    }
                }
                if down > low {
                    let ways = down as f64 * (bad + down - drawn) as f64;
                    down -= 1;
                    p_down *= ways / ((good - down) as f64 * (drawn - down) as f64);
                    u -= p_down;
                    if u < 0.0 {
                        return down;
                    }
                }
                if p_up < 1e-18 && p_down < 1e-18 {
                    break;
                }
            }
            // By rounding, the probabilities sum to slightly less than 1: draw again.
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    fn labels(n: usize, categories: u32, seed: u64) -> Vec<u32> {
        let mut rng = random::stream(seed, 4);
        (0..n).map(|_| rng.random_range(0..categories)).collect()
    }

    #[test]
    fn drawn_tables_keep_their_margins_and_follow_fisher() {
        // 2 × 2 with margins (6, 4), (5, 5): the first cell is hypergeometric.
        let table = CountTable::new(2, 2, vec![3, 3, 2, 2]).expect("a table");
        let mut margins = Margins::of(&table);
        let mut rng = random::stream(1, 5);
        let mut seen = [0u32; 7];
        let mut counts = vec![0; 4];
        let runs = 42_000;
        for _ in 0..runs {
            margins.draw(&mut rng, &mut counts);
            let drawn = CountTable::new(2, 2, counts.clone()).expect("a table");
            assert_eq!(drawn.row_totals(), table.row_totals());
            assert_eq!(drawn.column_totals(), table.column_totals());
            seen[counts[0] as usize] += 1;
        }
        // C(5,k) C(5,6−k)/C(10,6) = 5, 50, 100, 50, 5 of 210.
        for (k, ways) in [(1, 5.0), (2, 50.0), (3, 100.0), (4, 50.0), (5, 5.0)] {
            let expected = f64::from(runs) * ways / 210.0;
            let off = (f64::from(seen[k]) - expected) / expected.sqrt();
            assert!(off.abs() < 4.5, "{k}: {} for {expected}", seen[k]);
        }
    }

    #[test]
    fn drawing_from_margins_is_shuffling_labels() {
        let (x, y) = (labels(400, 5, 1), labels(400, 4, 2));
        let table = CountTable::of_labels(&x, &y, 5, 4).expect("a table");
        let drawn = exchangeable(&table, 4_000, &mut random::stream(3, 5)).expect("a test");
        let shuffled = series((&x, 5), (&y, 4), 1, 4_000, &mut random::stream(4, 5))
            .expect("labels")
            .expect("a test");
        assert!((drawn.null.p_g - shuffled.null.p_g).abs() < 0.05);
        assert!((drawn.null.p_chi_squared - shuffled.null.p_chi_squared).abs() < 0.05);
        assert!((drawn.null.mean_g - shuffled.null.mean_g).abs() < 0.5);
        assert!((drawn.null.mean_g - 12.0).abs() < 1.0, "df is 12");
        assert!((drawn.null.p_g - drawn.p_limit).abs() < 0.05);
    }

    #[test]
    fn dependence_is_found_and_an_empty_table_is_not_tested() {
        let x = labels(300, 4, 5);
        let table = CountTable::of_labels(&x, &x, 4, 4).expect("a table");
        let test = exchangeable(&table, 999, &mut random::stream(1, 5)).expect("a test");
        assert_eq!(test.null.p_g, 0.001);
        let empty = CountTable::new(2, 2, vec![0; 4]).expect("a table");
        assert_eq!(exchangeable(&empty, 10, &mut random::stream(1, 5)), None);
        let mut rng = random::stream(1, 5);
        assert_eq!(series((&[], 2), (&[], 2), 1, 10, &mut rng), Ok(None));
        // One category tells nothing.
        let flat = CountTable::new(1, 2, vec![3, 4]).expect("a table");
        let test = exchangeable(&flat, 99, &mut rng).expect("a test");
        assert_eq!((test.p_limit, test.null.p_g), (1.0, 1.0));
    }

    #[test]
    fn blocks_keep_the_rate_where_free_permutation_loses_it() {
        // Two slow independent series: labels that stay the same for 20 places on average.
        let slow = |seed| {
            let mut rng = random::stream(seed, 6);
            let mut state = 0u32;
            let mut walk = |_| {
                if rng.random::<f64>() < 0.05 {
                    state = rng.random_range(0..4);
                }
                state
            };
            (0..1_500).map(&mut walk).collect::<Vec<u32>>()
        };
        let (mut free, mut blocked) = (0, 0);
        for seed in 0..60 {
            let (x, y) = (slow(2 * seed), slow(2 * seed + 1));
            let mut rng = random::stream(seed, 5);
            let test = |block, rng: &mut Rng| {
                series((&x, 4), (&y, 4), block, 199, rng)
                    .expect("labels")
                    .expect("a test")
                    .null
                    .p_g
            };
            free += usize::from(test(1, &mut rng) <= 0.05);
            assert!(block_of(&x) > 20);
            blocked += usize::from(test(block_of(&x), &mut rng) <= 0.05);
        }
        assert!(free > 40, "{free} of 60");
        assert!(blocked <= 12, "{blocked} of 60");
    }

    #[test]
    fn a_series_correlated_at_even_lags_alone_is_permuted_in_blocks() {
        // Two slow series take turns: neighbours are independent, every second label is like the one before.
        let turns = |seed| {
            let mut rng = random::stream(seed, 6);
            let mut states = [0u32; 2];
            let mut walk = |t: usize| {
                if rng.random::<f64>() < 0.3 {
                    states[t % 2] = rng.random_range(0..4);
                }
                states[t % 2]
            };
            (0..1_500).map(&mut walk).collect::<Vec<u32>>()
        };
        let rejected = (0..200)
            .filter(|seed| {
                let (x, y) = (turns(2 * seed), turns(2 * seed + 1));
                let block = block_of(&x).min(block_of(&y));
                let mut rng = random::stream(*seed, 5);
                let test = series((&x, 4), (&y, 4), block, 199, &mut rng);
                test.expect("labels").expect("a test").null.p_g <= 0.05
            })
            .count();
        // 10 expected. A block as long as the first uncorrelated lag says rejects some 125.
        assert!((2..=22).contains(&rejected), "{rejected} of 200");
    }
}
