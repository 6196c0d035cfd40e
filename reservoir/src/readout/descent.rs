//! Coordinate descent for an elastic net, finished by Newton's method.
//!
//! Descent finds which weights are not zero and their signs, feature by feature (Friedman, Hastie and Tibshirani, J. Stat.
//! Softw. 33(1), 2010). Where features are nearly alike it takes hundreds of thousands of passes to the weights; but
//! with the signs known, the penalty is linear and one linear system gives them. A step towards that solution goes as far
//! as the first weight that changes its sign, which becomes zero (Lee et al., NIPS 19, 2006). The duality gap says how
//! far the objective is from the optimum at most, as in scikit-learn.

use nalgebra::DMatrix;

use crate::dense;

/// Rounds of descent and Newton steps, at most. Features that are equal but for rounding take some tens.
const MOST_ROUNDS: usize = 300;

/// Passes over the weights that are not zero, in each round.
const PASSES: usize = 10;

/// Newton steps in each round.
const STEPS: usize = 20;

/// Gap, relative to the power of the target, at which the descent stops.
const GOAL: f64 = 1e-13;

/// Gap that is good enough where rounding ends the progress: a weight of a feature unlike all others is then known to 1e-4
/// of the target's standard deviation.
const ENOUGH: f64 = 1e-8;

/// Rounds without progress after which rounding is taken to have ended it.
const PATIENCE: usize = 20;

/// Pull of a Newton step towards the present weights, relative to a feature's variance: it settles those that equal
/// features leave open.
const PULL: f64 = 1e-11;

/// One target: ½ wᵀGw − cᵀw + `power`/2 + `absolute` ‖w‖₁ + `square`/2 ‖w‖².
pub(super) struct Problem<'a> {
    /// G = XᵀX/T, N × N, both triangles.
    pub(super) gram: &'a DMatrix<f64>,
    /// c = Xᵀy/T, N.
    pub(super) cross: &'a [f64],
    /// ‖y‖²/T.
    pub(super) power: f64,
    /// Penalty on absolute weights.
    pub(super) absolute: f64,
    /// Penalty on squared weights.
    pub(super) square: f64,
}

/// Weights with what follows from them.
struct Point {
    weights: Vec<f64>,
    /// c − G w.
    slope: Vec<f64>,
}

impl Problem<'_> {
    /// The weights, searched from `weights`.
    ///
    /// # Errors
    /// The gap relative to the target's power, if it is not small enough.
    pub(super) fn solve(&self, weights: Vec<f64>) -> Result<Vec<f64>, f64> {
        // A constant target has nothing to explain.
        if self.power <= 0.0 {
            return Ok(vec![0.0; weights.len()]);
        }
        let mut point = self.at(weights);
        let (mut best, mut since) = ((f64::INFINITY, Vec::new()), 0);
        for _ in 0..MOST_ROUNDS {
            self.descend(&mut point, |_| true);
            for _ in 0..PASSES {
                self.descend(&mut point, |weight| weight != 0.0);
            }
            for _ in 0..STEPS {
                match self.newton(&point) {
                    Some((weights, is_whole)) => {
                        point = self.at(weights);
                        if is_whole {
                            break;
                        }
                    }
                    None => break,
                }
            }
            let gap = self.gap(&point) / self.power;
            since += 1;
            if gap < best.0 {
                if gap < 0.5 * best.0 {
                    since = 0;
                }
                best = (gap, point.weights.clone());
            }
            if best.0 <= GOAL || (best.0 <= ENOUGH && since >= PATIENCE) {
                break;
            }
        }
        if best.0 <= ENOUGH {
            Ok(best.1)
        } else {
            Err(best.0)
        }
    }

    fn at(&self, weights: Vec<f64>) -> Point {
        let mut slope = self.cross.to_vec();
        for (column, weight) in self.gram.column_iter().zip(&weights) {
            if *weight != 0.0 {
                subtract(&mut slope, *weight, column.as_slice());
            }
        }
        Point { weights, slope }
    }

    /// Minimises over one weight after the other, of those of which `is_asked` says so.
    fn descend(&self, point: &mut Point, is_asked: impl Fn(f64) -> bool) {
        for (i, column) in self.gram.column_iter().enumerate() {
            let (old, own) = (point.weights[i], column[i]);
            if !is_asked(old) || own <= 0.0 {
                continue;
            }
            let pull = point.slope[i] + own * old;
            let new = pull.signum() * (pull.abs() - self.absolute).max(0.0) / (own + self.square);
            if new != old {
                point.weights[i] = new;
                subtract(&mut point.slope, new - old, column.as_slice());
            }
        }
    }

    /// The weights that are optimal with the present signs, or the first on the way there at which one becomes zero; and
    /// whether the way was gone to its end. `None` where all are zero or nothing can be solved.
    fn newton(&self, point: &Point) -> Option<(Vec<f64>, bool)> {
        let weights = &point.weights;
        let active: Vec<usize> = (0..weights.len()).filter(|i| weights[*i] != 0.0).collect();
        let count = active.len();
        let mut system = DMatrix::from_fn(count, count, |i, j| self.gram[(active[i], active[j])]);
        for i in 0..count {
            system[(i, i)] += self.square + PULL * system[(i, i)].max(f64::MIN_POSITIVE);
        }
        // The gradient with the signs as they are: the step is a correction, so that rounding does not add up.
        let gradient = DMatrix::from_fn(count, 1, |i, _| {
            let (own, weight) = (active[i], weights[active[i]]);
            point.slope[own] - self.square * weight - self.absolute * weight.signum()
        });
        let step = dense::solve_positive(&system, &gradient).filter(|_| count > 0)?;
        let zero_at = |i: usize| {
            let weight = weights[active[i]];
            let is_crossed = weight * (weight + step[i]) < 0.0;
            is_crossed.then(|| -weight / step[i])
        };
        let crossing = (0..count).filter_map(|i| Some((zero_at(i)?, active[i])));
        let first = crossing.min_by(|a, b| a.0.total_cmp(&b.0));
        let length = first.map_or(1.0, |(length, _)| length);
        let mut next = weights.clone();
        for (i, place) in active.iter().enumerate() {
            next[*place] += length * step[i];
        }
        if let Some((_, place)) = first {
            next[place] = 0.0;
        }
        Some((next, first.is_none()))
    }

    /// Objective minus that of the dual problem, whose variable is the residual, scaled until it is feasible: no
    /// weights have an objective smaller by more than this.
    fn gap(&self, point: &Point) -> f64 {
        let Point { weights, slope } = point;
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let (fitted, along) = (dot(weights, self.cross), dot(weights, slope));
        let squares = dot(weights, weights);
        let largest = (slope.iter().zip(weights))
            .map(|(slope, weight)| (slope - self.square * weight).abs())
            .fold(0.0, f64::max);
        let scale = if largest > self.absolute {
            self.absolute / largest
        } else {
            1.0
        };
        // ‖y − Xw‖²/T, and yᵀ(y − Xw)/T.
        let (residual, product) = (self.power - fitted - along, self.power - fitted);
        let norm: f64 = weights.iter().map(|weight| weight.abs()).sum();
        let gap = 0.5 * (1.0 + scale * scale) * (residual + self.square * squares)
            + self.absolute * norm
            - scale * product;
        gap.max(0.0)
    }
}

/// `values` − `by` · `column`.
fn subtract(values: &mut [f64], by: f64, column: &[f64]) {
    for (value, of) in values.iter_mut().zip(column) {
        *value -= by * of;
    }
}
