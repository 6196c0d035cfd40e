//! Information processing capacity: which functions of the past input the states hold.
//!
//! For an input that is independent and uniform, products of Legendre polynomials of past inputs are orthogonal, and
//! the capacities of a reservoir for all of them add up to at most its rank; a reservoir that forgets and
//! hides nothing reaches it (Dambre et al., Sci. Rep. 2:514, 2012). The capacity for a target z is
//! 1 − min ‖z − Xw‖²/‖z‖² over the steps themselves.
//!
//! On T steps even an unrelated target has a capacity of rank/T on average. A term is therefore counted as zero unless
//! its capacity is more than chance gives, at a level that holds for all terms together: see [`super::chance`].

use std::ops::Range;

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use super::CapacityError;
use super::chance::Chance;
use crate::dense;
use crate::left_out::LeftOut;
use crate::state::{Standardiser, StateMatrix};

/// Most terms: with 10,000 steps and 100 features they take about a minute.
pub const MOST_TERMS: usize = 50_000;

/// Targets that are projected at a time.
const BATCH: usize = 64;

/// Eigenvalues of the correlation matrix below this share of the largest are rounding, not dimensions.
const NEGLIGIBLE: f64 = 1e-12;

/// What to measure: which terms, and how certain a term has to be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct IpcPlan {
    /// Interval on which the input is uniform.
    pub range: (f64, f64),
    /// Longest delay of the terms of total degree 1, 2, …: as many degrees as there are entries.
    pub longest: Vec<usize>,
    /// Probability, in (0, 1), that chance lets any of the terms pass.
    pub level: f64,
}

/// A product of Legendre polynomials, each of one past input: (delay, degree) by rising delay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term(pub Vec<(usize, usize)>);

impl Term {
    /// Sum of the degrees.
    pub(crate) fn degree(&self) -> usize {
        self.0.iter().map(|(_, degree)| degree).sum()
    }
}

/// Capacity for one term.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TermCapacity {
    pub(crate) term: Term,
    /// Capacity on these steps, what chance gives included.
    pub(crate) raw: f64,
    /// The capacity, or zero if chance gives as much.
    pub(crate) capacity: f64,
}

/// Information processing capacity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessingCapacity {
    /// Each term asked for.
    pub(crate) terms: Vec<TermCapacity>,
    /// Sum of the capacities of each total degree, from 1.
    pub by_degree: Vec<f64>,
    /// Sum over all terms; at most `rank`.
    pub total: f64,
    /// Capacity below which no term counts: unless one of them is in the states, any exceeds it with the probability
    /// of the plan.
    pub threshold: f64,
    /// Numerical rank of the states over these steps: an upper bound of the total.
    pub rank: usize,
}

/// Measures the capacities over `rows` without those in `left_out`. The rows have to begin no earlier than the longest delay.
///
/// # Errors
/// If the plan is empty, would make more than [`MOST_TERMS`], or names a range that the input leaves; if rows
/// are missing.
pub fn processing_capacity(
    states: &StateMatrix,
    input: &[f64],
    rows: Range<usize>,
    plan: &IpcPlan,
    left_out: &LeftOut,
) -> Result<ProcessingCapacity, CapacityError> {
    check(states, input, &rows, plan)?;
    let kept: Vec<usize> = rows
        .clone()
        .filter(|row| !left_out.contains(*row))
        .collect();
    if kept.len() < 50 {
        return Err(CapacityError::Request(format!(
            "{} of the rows {rows:?} remain after leaving out: at least 50 are needed",
            kept.len()
        )));
    }
    let start = rows.start - left_out.within(rows.start).len();
    let rows = start..start + kept.len();
    let states = &*left_out.states(states);
    let terms = terms(&plan.longest);
    let polynomials = legendre(input, plan.range, plan.longest.len());
    let (basis, rank) = orthonormal(states, rows)?;
    let target = |term: &Term| -> Vec<f64> {
        let product = |t: usize| {
            let factors = term.0.iter();
            factors
                .map(|&(delay, degree)| polynomials[degree][t - delay])
                .product::<f64>()
        };
        kept.iter().copied().map(product).collect()
    };

    let chance = Chance::new((rank, kept.len()), terms.len(), plan.level);
    let mut by_degree = vec![0.0; plan.longest.len()];
    let mut measured = Vec::with_capacity(terms.len());
    for batch in terms.chunks(BATCH) {
        let targets = centred(kept.len(), batch.iter().map(&target));
        let raw = capacities(&basis, &targets);
        for ((term, raw), column) in batch.iter().zip(raw).zip(targets.column_iter()) {
            let counts = chance.is_exceeded(raw, &basis, column.as_slice());
            let capacity = if counts { raw } else { 0.0 };
            by_degree[term.degree() - 1] += capacity;
            measured.push(TermCapacity {
                term: term.clone(),
                raw,
                capacity,
            });
        }
    }
    Ok(ProcessingCapacity {
        total: by_degree.iter().sum(),
        terms: measured,
        by_degree,
        threshold: chance.threshold(),
        rank,
    })
}

fn check(
    states: &StateMatrix,
    input: &[f64],
    rows: &Range<usize>,
    plan: &IpcPlan,
) -> Result<(), CapacityError> {
    let refuse = |what: String| Err(CapacityError::Request(what));
    let (low, high) = plan.range;
    let longest = plan.longest.iter().copied().max().unwrap_or(0);
    if rows.end > states.rows().min(input.len()) || rows.len() < 50 {
        return refuse(format!(
            "rows {rows:?} do not fit {} states and {} inputs, or are fewer than 50",
            states.rows(),
            input.len()
        ));
    }
    if rows.start < longest {
        return refuse(format!(
            "delays up to {longest} need as many steps before the first row, which is row {}",
            rows.start
        ));
    }
    if !(low.is_finite() && high.is_finite() && low < high) {
        return refuse(format!(
            "the input range from {low} to {high} is empty or not finite"
        ));
    }
    if let Some(t) = input[..rows.end]
        .iter()
        .position(|u| !(low..=high).contains(u))
    {
        return refuse(format!(
            "input {} at step {t} is outside of its range from {low} to {high}",
            input[t]
        ));
    }
    if !(plan.level > 0.0 && plan.level < 1.0) {
        return refuse(format!(
            "the level is {}: a probability between 0 and 1 is needed",
            plan.level
        ));
    }
    // Monomials of degree d in n variables: (n + d − 1 choose d).
    let count = |(longest, degree): (&usize, usize)| -> f64 {
        (1..=degree)
            .map(|i| (longest + i) as f64 / i as f64)
            .product()
    };
    let terms: f64 = plan.longest.iter().zip(1..).map(count).sum();
    if !(1.0..=MOST_TERMS as f64).contains(&terms) {
        return refuse(format!(
            "the plan has {terms:.0} terms: 1 to {MOST_TERMS} are possible"
        ));
    }
    Ok(())
}

/// All terms: of each total degree, with delays up to that degree's longest.
fn terms(longest: &[usize]) -> Vec<Term> {
    let mut terms = Vec::new();
    for (&longest, degree) in longest.iter().zip(1..) {
        extend(&mut terms, &mut Vec::new(), 0, longest, degree);
    }
    terms
}

/// Adds the products of `factors` with all products of `degree` in delays `from` to `longest`.
fn extend(
    terms: &mut Vec<Term>,
    factors: &mut Vec<(usize, usize)>,
    from: usize,
    longest: usize,
    degree: usize,
) {
    if degree == 0 {
        terms.push(Term(factors.clone()));
        return;
    }
    for delay in from..=longest {
        for power in 1..=degree {
            factors.push((delay, power));
            extend(terms, factors, delay + 1, longest, degree - power);
            factors.pop();
        }
    }
}

/// P_0 … P_degree of the input, scaled from `range` to [−1, 1], by Bonnet's recursion.
fn legendre(input: &[f64], (low, high): (f64, f64), degree: usize) -> Vec<Vec<f64>> {
    let x: Vec<f64> = input
        .iter()
        .map(|u| 2.0 * (u - low) / (high - low) - 1.0)
        .collect();
    let mut polynomials = vec![vec![1.0; x.len()], x.clone()];
    for n in 1..degree {
        let k = n as f64;
        let next = (0..x.len())
            .map(|t| {
                let (last, before) = (polynomials[n][t], polynomials[n - 1][t]);
                ((2.0 * k + 1.0) * x[t] * last - k * before) / (k + 1.0)
            })
            .collect();
        polynomials.push(next);
    }
    polynomials
}

/// Orthonormal basis of the span of the centred states over `rows`, and its dimension.
fn orthonormal(
    states: &StateMatrix,
    rows: Range<usize>,
) -> Result<(DMatrix<f64>, usize), CapacityError> {
    let x = Standardiser::fit(states, rows.clone()).apply(states, rows);
    let mut gram = DMatrix::zeros(x.ncols(), x.ncols());
    dense::add_gram(&mut gram, &x, 0..x.nrows());
    let (values, vectors) = dense::eigen(&gram).ok_or_else(|| {
        CapacityError::Request("the eigenvalues of the states do not converge".to_string())
    })?;
    let largest = values.last().copied().unwrap_or(0.0);
    let kept: Vec<usize> = (0..values.len())
        .filter(|&i| values[i] > NEGLIGIBLE * largest)
        .collect();
    let directions = DMatrix::from_fn(x.ncols(), kept.len(), |i, j| {
        vectors[(i, kept[j])] / values[kept[j]].sqrt()
    });
    Ok((dense::product(&x, &directions), kept.len()))
}

/// `targets` of `steps` values as columns, minus their means.
fn centred(steps: usize, targets: impl Iterator<Item = Vec<f64>>) -> DMatrix<f64> {
    let columns: Vec<f64> = targets.flatten().collect();
    let count = columns.len() / steps;
    let mut z = DMatrix::from_vec(steps, count, columns);
    for mut column in z.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    z
}

/// ‖Qᵀz‖²/‖z‖² of each of the centred targets.
fn capacities(basis: &DMatrix<f64>, targets: &DMatrix<f64>) -> Vec<f64> {
    let along = dense::transposed_product(basis, targets);
    along
        .column_iter()
        .zip(targets.column_iter())
        .map(|(along, z)| match z.norm_squared() {
            power if power > 0.0 => (along.norm_squared() / power).min(1.0),
            _ => 0.0,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controls::{delay_line, leaky_bank};
    use crate::random;
    use crate::state::Feature;
    use rand::RngExt;

    const ROWS: Range<usize> = 50..2_050;

    fn white(seed: u64) -> Vec<f64> {
        let mut rng = random::stream(seed, 5);
        (0..ROWS.end).map(|_| 0.5 * rng.random::<f64>()).collect()
    }

    fn plan(longest: &[usize]) -> IpcPlan {
        IpcPlan {
            range: (0.0, 0.5),
            longest: longest.to_vec(),
            level: 0.05,
        }
    }

    fn measure(states: &StateMatrix, input: &[f64], longest: &[usize]) -> ProcessingCapacity {
        processing_capacity(states, input, ROWS, &plan(longest), &LeftOut::default())
            .expect("measured")
    }

    #[test]
    fn terms_are_counted_as_monomials_are() {
        assert_eq!(terms(&[2]).len(), 3);
        assert_eq!(terms(&[2, 2]).len(), 3 + 6);
        assert_eq!(terms(&[0, 1, 2]).len(), 1 + 3 + 10);
        assert_eq!(terms(&[0, 1])[1], Term(vec![(0, 1), (1, 1)]));
    }

    #[test]
    fn legendre_polynomials_by_hand() {
        let p = legendre(&[0.0, 0.5, 0.375], (0.0, 0.5), 3);
        assert_eq!(p[1], [-1.0, 1.0, 0.5]);
        assert_eq!(p[2], [1.0, 1.0, -0.125]);
        assert_eq!(p[3], [-1.0, 1.0, -0.4375]);
    }

    #[test]
    fn a_delay_line_is_linear_and_complete() {
        let input = white(1);
        let c = measure(&delay_line(&input, 5).expect("finite"), &input, &[20, 8]);
        assert_eq!(c.rank, 5);
        assert!((c.by_degree[0] - 5.0).abs() < 0.05, "{:?}", c.by_degree);
        assert!(c.by_degree[1] < 0.1, "{:?}", c.by_degree);
        assert!(c.total <= 5.1);
    }

    #[test]
    fn a_product_and_a_cube_are_found_where_they_are() {
        let input = white(2);
        let x: Vec<f64> = input.iter().map(|u| 4.0 * u - 1.0).collect();
        let at = |t: usize, k: usize| if t < k { 0.0 } else { x[t - k] };
        let product = (0..x.len()).map(|t| at(t, 1) * at(t, 3)).collect();
        // x³ = (2 P₃ + 3 P₁)/5: of its variance 1/7, 3/25·... lies in P₁: (9/25)/3 = 0.12, that is 84 %.
        let cube = (0..x.len()).map(|t| at(t, 2).powi(3)).collect();
        let states = StateMatrix::from_columns(
            x.len(),
            vec![
                (Feature::new("a", "1"), product),
                (Feature::new("b", "1"), cube),
            ],
        )
        .expect("finite");
        let c = measure(&states, &input, &[5, 5, 4]);
        let of = |factors: &[(usize, usize)]| {
            let found = c.terms.iter().find(|t| t.term.0 == factors);
            found.expect("asked for").capacity
        };
        assert!((of(&[(1, 1), (3, 1)]) - 1.0).abs() < 0.01);
        assert!((of(&[(2, 1)]) - 0.84).abs() < 0.03, "{}", of(&[(2, 1)]));
        assert!((of(&[(2, 3)]) - 0.16).abs() < 0.03, "{}", of(&[(2, 3)]));
        assert!((c.total - 2.0).abs() < 0.1, "{}", c.total);
    }

    #[test]
    fn unrelated_states_have_no_more_than_chance_gives() {
        let c = measure(
            &delay_line(&white(3), 5).expect("finite"),
            &white(4),
            &[30, 15],
        );
        let raw: f64 = c.terms.iter().map(|t| t.raw).sum();
        // Every term has rank/T = 0.0025 on average.
        let expected = c.terms.len() as f64 * 5.0 / 2_000.0;
        assert!((raw / expected - 1.0).abs() < 0.3, "{raw} {expected}");
        assert!(c.total < 0.05, "{}", c.total);
    }

    /// Of 60 reservoirs with a right probability of 5 %, 8 or more are wrong once in a hundred times; with the
    /// law for independent targets alone, about one in four delay lines and one in six banks are wrong (3,000 steps).
    #[test]
    fn linear_reservoirs_are_rarely_called_nonlinear() {
        let wrong = |states: &dyn Fn(&[f64]) -> StateMatrix| {
            let wrong = (0..60).filter(|seed| {
                let input = white(1_000 + seed);
                let c = measure(&states(&input), &input, &[40, 12, 6, 4]);
                c.by_degree[1..].iter().any(|degree| *degree > 0.0)
            });
            wrong.count()
        };
        let line = wrong(&|input| delay_line(input, 10).expect("finite"));
        let bank = wrong(&|input| leaky_bank(input, 10).expect("finite"));
        assert!(line <= 7 && bank <= 7, "{line} {bank}");
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let input = white(5);
        let states = delay_line(&input, 2).expect("finite");
        let refused = |plan: IpcPlan| {
            processing_capacity(&states, &input, ROWS, &plan, &LeftOut::default()).is_err()
        };
        assert!(refused(plan(&[])) && refused(plan(&[51])) && refused(plan(&[50, 50, 50, 50])));
        assert!(refused(IpcPlan {
            range: (0.0, 0.1),
            ..plan(&[2])
        }));
        assert!(refused(IpcPlan {
            level: 1.0,
            ..plan(&[2])
        }));
        assert!(!refused(plan(&[50])));
    }
}
