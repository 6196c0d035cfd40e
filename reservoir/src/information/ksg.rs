//! Mutual information of two continuous quantities from distances to neighbours, in bits: the first estimator of
//! Kraskov, Stögbauer and Grassberger, Phys. Rev. E 69, 066138 (2004), eq. 8.
//!
//! ```text
//! I = ψ(k) + ψ(N) − ⟨ψ(n_x + 1) + ψ(n_y + 1)⟩
//! ```
//!
//! n_x is how many other values of x lie strictly nearer than the k-th neighbour in the plane, by the larger of
//! both distances. Each side is standardised first. Costs O(N log N).
//!
//! The estimate is for continuous quantities. Values of finite resolution lie on a lattice, where many distances are
//! equal and n_x, which counts what is strictly nearer, is too small: two independent quantities on a lattice as wide as
//! the distance to the neighbours seem to share some tenths of a bit. So a quantity of which values repeat is spread:
//! each value is moved at random within its step of the lattice. That leaves the information as it is, since the value
//! on the lattice can still be read from the moved one, and the rest is independent of everything.

use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use statrs::function::gamma::digamma;
use thiserror::Error;

use crate::random::Rng;

/// Most points: bounds the memory of the tree.
pub(crate) const MOST_POINTS: usize = 1 << 22;

/// Most points of a leaf of the tree, which are compared one by one.
const LEAF: usize = 8;

/// Why there is no estimate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KsgError {
    /// The sides differ in length.
    #[error("{x} values of one quantity and {y} of the other")]
    Lengths {
        /// Number of values of the first quantity.
        x: usize,
        /// Number of values of the second quantity.
        y: usize,
    },
    /// Too few points for k neighbours, or too many.
    #[error("{n} points: the estimate from {k} neighbours needs {} to {MOST_POINTS} points", .k.max(&1) + 1)]
    Points {
        /// Number of points given.
        n: usize,
        /// Which neighbour's distance is used.
        k: usize,
    },
    /// A value is not finite.
    #[error("value {0} is not finite")]
    NotFinite(usize),
    /// A side does not vary.
    #[error("a quantity that does not vary shares no information")]
    Constant,
    /// Points coincide.
    #[error("more than {k} points coincide: the quantity is not continuous; use a table of counts")]
    Ties {
        /// Neighbours asked for.
        k: usize,
    },
}

/// An estimate, and how far values were moved for it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ksg {
    /// The estimate, in bits. May come out a little below 0.
    pub bits: f64,
    /// Resolution of x within which its values were moved, in x's unit; `None` if no value repeats.
    pub moved_x: Option<f64>,
    /// The same of y.
    pub moved_y: Option<f64>,
}

/// The estimate from the `k`th neighbour. Values of finite resolution are moved within it, drawn from `rng`.
///
/// # Errors
/// If the sides do not match, are too short, not finite, constant, or if more than `k` points coincide.
pub fn ksg(x: &[f64], y: &[f64], k: usize, rng: &mut Rng) -> Result<Ksg, KsgError> {
    check(x, y, k)?;
    let (mut x, mut y) = (x.to_vec(), y.to_vec());
    let (moved_x, moved_y) = (spread(&mut x, rng), spread(&mut y, rng));
    Ok(Ksg {
        bits: estimate(&x, &y, k)?,
        moved_x,
        moved_y,
    })
}

/// Whether there is an estimate for these values.
fn check(x: &[f64], y: &[f64], k: usize) -> Result<(), KsgError> {
    let n = x.len();
    if n != y.len() {
        return Err(KsgError::Lengths { x: n, y: y.len() });
    }
    if k == 0 || n <= k || n > MOST_POINTS {
        return Err(KsgError::Points { n, k });
    }
    standardised(x)?;
    standardised(y)?;
    // −0 is sorted as 0, to which it is equal.
    let pairs = x.iter().zip(y);
    let mut points: Vec<(f64, f64)> = pairs.map(|(x, y)| (x + 0.0, y + 0.0)).collect();
    points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    // A point and k others.
    if points.windows(k + 1).any(|same| same[0] == same[k]) {
        return Err(KsgError::Ties { k });
    }
    Ok(())
}

/// Differences below this part of the largest value are of rounding, and values that differ by less are equal.
const ROUNDING: f64 = 1e-12;

/// If values repeat, moves each at random within half of the smallest difference of two to each side, and gives that
/// difference.
fn spread(values: &mut [f64], rng: &mut Rng) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let largest = values.iter().fold(0.0, |most: f64, v| most.max(v.abs()));
    let equal = ROUNDING * largest;
    let gaps = sorted.windows(2).map(|pair| pair[1] - pair[0]);
    let repeats = gaps.clone().any(|gap| gap <= equal);
    let step = gaps.filter(|gap| *gap > equal).min_by(f64::total_cmp)?;
    if !repeats {
        return None;
    }
    for value in values {
        *value += step * (rng.random::<f64>() - 0.5);
    }
    Some(step)
}

/// The estimate of checked values, in bits.
fn estimate(x: &[f64], y: &[f64], k: usize) -> Result<f64, KsgError> {
    let n = x.len();
    let x = standardised(x)?;
    let y = standardised(y)?;
    let mut points: Vec<[f64; 2]> = x.iter().zip(&y).map(|(x, y)| [*x, *y]).collect();
    let tree = Tree::build(&mut points);
    let sorted = |mut values: Vec<f64>| {
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let (xs, ys) = (sorted(x), sorted(y));
    // ψ(m + 1) = ψ(m) + 1/m.
    let mut psi = Vec::with_capacity(n + 1);
    psi.push(digamma(1.0));
    for m in 1..=n {
        psi.push(psi[m - 1] + 1.0 / m as f64);
    }
    let mut nearest = vec![0.0; k];
    let mut sum = 0.0;
    // In the tree's order, so that the neighbours of one query are still in the cache for the next.
    for point in &points {
        let distance = tree.kth_neighbour(&points, *point, &mut nearest);
        if distance == 0.0 {
            return Err(KsgError::Ties { k });
        }
        // Each count holds the point itself.
        sum += psi[within(&xs, point[0], distance) - 1] + psi[within(&ys, point[1], distance) - 1];
    }
    let nats = psi[k - 1] + psi[n - 1] - sum / n as f64;
    Ok(nats / std::f64::consts::LN_2)
}

/// The estimate beside permutations of one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KsgTest {
    /// The estimate.
    pub estimate: Ksg,
    /// Mean of the permutations' estimates, in bits.
    pub null_mean: f64,
    /// Standard deviation of the permutations' estimates, in bits.
    pub null_sd: f64,
    /// (1 + permutations with an estimate at least as large)/(1 + permutations).
    pub p: f64,
    pub(crate) permutations: usize,
}

/// Tests independence by [`ksg`] with `permutations` of freely exchangeable values, each of which costs as much as
/// the estimate itself.
///
/// # Errors
/// As [`ksg`].
pub fn ksg_test(
    x: &[f64],
    y: &[f64],
    k: usize,
    permutations: usize,
    rng: &mut Rng,
) -> Result<KsgTest, KsgError> {
    check(x, y, k)?;
    let (mut x, mut y) = (x.to_vec(), y.to_vec());
    let (moved_x, moved_y) = (spread(&mut x, rng), spread(&mut y, rng));
    let bits = estimate(&x, &y, k)?;
    let (mut as_large, mut sum, mut squares) = (0usize, 0.0, 0.0);
    for _ in 0..permutations {
        y.shuffle(rng);
        let null = estimate(&x, &y, k)?;
        as_large += usize::from(null >= bits);
        sum += null;
        squares += null * null;
    }
    let count = permutations.max(1) as f64;
    let null_mean = sum / count;
    Ok(KsgTest {
        estimate: Ksg {
            bits,
            moved_x,
            moved_y,
        },
        null_mean,
        null_sd: (squares / count - null_mean * null_mean).max(0.0).sqrt(),
        p: (as_large + 1) as f64 / (permutations + 1) as f64,
        permutations,
    })
}

/// Values of `sorted` strictly nearer to `centre` than `distance`.
fn within(sorted: &[f64], centre: f64, distance: f64) -> usize {
    // Computed as the distances were, so that both round alike.
    let first = sorted.partition_point(|v| centre - v >= distance);
    let end = sorted.partition_point(|v| v - centre < distance);
    end.saturating_sub(first).max(1)
}

fn standardised(values: &[f64]) -> Result<Vec<f64>, KsgError> {
    if let Some(place) = values.iter().position(|v| !v.is_finite()) {
        return Err(KsgError::NotFinite(place));
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    if sd > 0.0 && sd.is_finite() {
        Ok(values.iter().map(|v| (v - mean) / sd).collect())
    } else {
        Err(KsgError::Constant)
    }
}

/// A k-d tree (Bentley, Commun. ACM 18(9), 1975) over points in the order of its leaves: each node halves its
/// points at the median of its wider side. Nodes are numbered as in a heap.
struct Tree {
    /// Bounds of each node's points: low x, low y, high x, high y.
    bounds: Vec<[f64; 4]>,
    ranges: Vec<(u32, u32)>,
}

impl Tree {
    fn build(points: &mut [[f64; 2]]) -> Tree {
        let mut levels = 0;
        while points.len() >> levels > LEAF {
            levels += 1;
        }
        let nodes = (2usize << levels) - 1;
        let mut tree = Tree {
            bounds: vec![[0.0; 4]; nodes],
            ranges: vec![(0, 0); nodes],
        };
        tree.split(points, 0, 0);
        tree
    }

    fn split(&mut self, points: &mut [[f64; 2]], node: usize, first: usize) {
        let mut bounds = [
            f64::INFINITY,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::NEG_INFINITY,
        ];
        for [x, y] in points.iter() {
            bounds = [
                bounds[0].min(*x),
                bounds[1].min(*y),
                bounds[2].max(*x),
                bounds[3].max(*y),
            ];
        }
        self.bounds[node] = bounds;
        self.ranges[node] = (first as u32, (first + points.len()) as u32);
        if 2 * node + 2 < self.bounds.len() {
            let axis = usize::from(bounds[3] - bounds[1] > bounds[2] - bounds[0]);
            let middle = points.len() / 2;
            points.select_nth_unstable_by(middle, |a, b| a[axis].total_cmp(&b[axis]));
            let (below, above) = points.split_at_mut(middle);
            self.split(below, 2 * node + 1, first);
            self.split(above, 2 * node + 2, first + middle);
        }
    }

    /// Distance from `point`, which is one of them, to its k-th neighbour, k the length of `nearest`.
    fn kth_neighbour(&self, points: &[[f64; 2]], point: [f64; 2], nearest: &mut [f64]) -> f64 {
        nearest.fill(f64::INFINITY);
        let k = nearest.len();
        // The point itself is met at distance 0 and left out once.
        let mut met_itself = false;
        let mut stack = [(0usize, 0.0f64); 64];
        let mut depth = 1;
        while depth > 0 {
            depth -= 1;
            let (mut node, gap) = stack[depth];
            if gap >= nearest[k - 1] {
                continue;
            }
            while 2 * node + 2 < self.bounds.len() {
                let (left, right) = (2 * node + 1, 2 * node + 2);
                let (to_left, to_right) = (self.gap(left, point), self.gap(right, point));
                let (near, far, to_far) = if to_left <= to_right {
                    (left, right, to_right)
                } else {
                    (right, left, to_left)
                };
                if to_far < nearest[k - 1] {
                    stack[depth] = (far, to_far);
                    depth += 1;
                }
                node = near;
            }
            let (first, end) = self.ranges[node];
            for other in &points[first as usize..end as usize] {
                let distance = (other[0] - point[0]).abs().max((other[1] - point[1]).abs());
                if distance == 0.0 && !met_itself {
                    met_itself = true;
                } else if distance < nearest[k - 1] {
                    let mut place = k - 1;
                    while place > 0 && nearest[place - 1] > distance {
                        nearest[place] = nearest[place - 1];
                        place -= 1;
                    }
                    nearest[place] = distance;
                }
            }
        }
        nearest[k - 1]
    }

    /// Distance from `point` to the box around a node's points, 0 inside.
    fn gap(&self, node: usize, [x, y]: [f64; 2]) -> f64 {
        let [low_x, low_y, high_x, high_y] = self.bounds[node];
        let x = (low_x - x).max(x - high_x);
        let y = (low_y - y).max(y - high_y);
        x.max(y).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random;

    fn gaussian(n: usize, rho: f64, seed: u64) -> (Vec<f64>, Vec<f64>) {
        let mut rng = random::stream(seed, 4);
        let rest = (1.0 - rho * rho).sqrt();
        (0..n)
            .map(|_| {
                let x = random::normal(&mut rng);
                (x, rho * x + rest * random::normal(&mut rng))
            })
            .unzip()
    }

    /// The definition, at O(N²).
    fn by_definition(x: &[f64], y: &[f64], k: usize) -> f64 {
        let (x, y) = (
            standardised(x).expect("varies"),
            standardised(y).expect("varies"),
        );
        let n = x.len();
        let mut sum = 0.0;
        for i in 0..n {
            let others = || (0..n).filter(move |j| *j != i);
            let mut distances: Vec<f64> = others()
                .map(|j| (x[i] - x[j]).abs().max((y[i] - y[j]).abs()))
                .collect();
            distances.sort_by(f64::total_cmp);
            let near = |v: &[f64]| {
                others()
                    .filter(|j| (v[i] - v[*j]).abs() < distances[k - 1])
                    .count()
            };
            sum += digamma(near(&x) as f64 + 1.0) + digamma(near(&y) as f64 + 1.0);
        }
        (digamma(k as f64) + digamma(n as f64) - sum / n as f64) / std::f64::consts::LN_2
    }

    #[test]
    fn as_defined() {
        for (n, k, seed) in [(5, 1, 1), (9, 3, 2), (200, 3, 3), (301, 8, 4)] {
            let (x, y) = gaussian(n, 0.6, seed);
            let found = ksg(&x, &y, k, &mut random::stream(1, 5)).expect("an estimate");
            let expected = by_definition(&x, &y, k);
            assert!((found.bits - expected).abs() < 1e-9, "{n} {k}");
            assert_eq!((found.moved_x, found.moved_y), (None, None));
        }
        // On a grid, where many distances are equal.
        let mut rng = random::stream(5, 4);
        let mut draw = || {
            (0..150)
                .map(|_| f64::from(rng.random_range(0..40u32)))
                .collect::<Vec<_>>()
        };
        let (x, y) = (draw(), draw());
        let found = estimate(&x, &y, 4).expect("an estimate");
        assert!((found - by_definition(&x, &y, 4)).abs() < 1e-9);
    }

    #[test]
    fn gaussians_have_their_closed_form() {
        // I = −½ log₂(1 − ρ²).
        for rho in [0.0, 0.3, 0.6, 0.9] {
            let expected = -0.5 * (1.0f64 - rho * rho).log2();
            let (x, y) = gaussian(4_000, rho, 7);
            let found = estimate(&x, &y, 3).expect("an estimate");
            assert!(
                (found - expected).abs() < 0.05,
                "{rho}: {found} for {expected}"
            );
        }
    }

    #[test]
    fn the_test_finds_what_there_is_and_no_more() {
        let p = |rho, seed| {
            let (x, y) = gaussian(200, rho, seed);
            let mut rng = random::stream(seed, 5);
            ksg_test(&x, &y, 3, 99, &mut rng).expect("a test").p
        };
        assert_eq!(p(0.8, 1), 0.01);
        let rejected = (0..60).filter(|seed| p(0.0, *seed) <= 0.05).count();
        assert!(rejected <= 9, "{rejected} of 60");
    }

    #[test]
    fn a_resolution_as_wide_as_the_distances_adds_no_information() {
        // Normals that share nothing, or 0.322 bit, measured in steps of a fiftieth or a twentieth of their standard
        // deviation.
        let mean = |step: f64, rho: f64| {
            let bits = (0..20u64).map(|seed| {
                let (mut x, mut y) = gaussian(1_000, rho, seed);
                let round = |v: &mut f64| *v = (*v / step).round() * step;
                x.iter_mut().chain(&mut y).for_each(round);
                let found = ksg(&x, &y, 8, &mut random::stream(seed, 5)).expect("an estimate");
                assert!((found.moved_x.expect("moved") / step - 1.0).abs() < 1e-6);
                (estimate(&x, &y, 8).expect("an estimate"), found.bits)
            });
            let sums = bits.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
            (sums.0 / 20.0, sums.1 / 20.0)
        };
        for (step, rho, truth) in [(0.02, 0.0, 0.0), (0.05, 0.0, 0.0), (0.05, 0.6, 0.322)] {
            let (as_is, moved) = mean(step, rho);
            let case = format!("{step} {rho}: {as_is:.3} as it is, {moved:.3} moved");
            assert!(as_is - truth > 0.03, "{case}");
            assert!((moved - truth).abs() < 0.025, "{case}");
        }
    }

    #[test]
    fn what_cannot_be_estimated_is_said() {
        let mut rng = random::stream(1, 5);
        let mut ksg = |x: &[f64], y: &[f64], k| ksg(x, y, k, &mut rng);
        assert_eq!(
            ksg(&[1.0], &[1.0, 2.0], 1),
            Err(KsgError::Lengths { x: 1, y: 2 })
        );
        assert_eq!(
            ksg(&[1.0, 2.0], &[1.0, 2.0], 2),
            Err(KsgError::Points { n: 2, k: 2 })
        );
        assert_eq!(
            ksg(&[1.0, f64::NAN], &[1.0, 2.0], 1),
            Err(KsgError::NotFinite(1))
        );
        assert_eq!(
            ksg(&[1.0; 5], &[1.0, 2.0, 3.0, 4.0, 5.0], 1),
            Err(KsgError::Constant)
        );
        let bits = [0.0, 1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0];
        assert_eq!(ksg(&bits, &bits, 3), Err(KsgError::Ties { k: 3 }));
    }
}
