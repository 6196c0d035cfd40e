//! Lorenz: three chaotic variables, one of them observed. The targets are its next step and the two hidden variables.
//!
//! ```text
//! dx/dt = 10 (y − x),   dy/dt = x (28 − z) − y,   dz/dt = x y − 8/3 z
//! ```
//!
//! (Lorenz, J. Atmos. Sci. 20(2), 1963.) Sampled every 0.02; predicting y and z from x alone is the observer task of
//! Lu et al., Chaos 27(4), 2017.

use rand::RngExt;

use super::{Sequence, Target, ahead};
use crate::random;

/// Time between samples.
pub(crate) const INTERVAL: f64 = 0.02;

/// Runge–Kutta steps per sample: the local error is then some 1e-9.
const SUBSTEPS: usize = 4;

/// Samples at the beginning that are discarded.
const TRANSIENT: usize = 1_000;

/// `length` samples from a start drawn from `seed`. The input is x/20, so that it is of order 1; the
/// target is x/20 at the next sample, the further targets y/20 and z/20 at the present one.
pub fn lorenz(length: usize, seed: u64) -> Sequence {
    let mut rng = random::stream(seed, 21);
    let mut state = [0.0, 0.0, 25.0].map(|at| at + 2.0 * rng.random::<f64>() - 1.0);
    let mut series: [Vec<f64>; 3] = Default::default();
    for sample in 0..TRANSIENT + length + 1 {
        for _ in 0..SUBSTEPS {
            state = step(state, INTERVAL / SUBSTEPS as f64);
        }
        if sample >= TRANSIENT {
            for (values, value) in series.iter_mut().zip(state) {
                values.push(value / 20.0);
            }
        }
    }
    let [x, y, z] = series;
    let unseen = |name: &str, values: &[f64]| Target {
        name: name.to_string(),
        values: ahead(values, 0, length),
    };
    Sequence {
        input: ahead(&x, 0, length),
        target: ahead(&x, 1, length),
        further: vec![unseen("y[t]/20", &y), unseen("z[t]/20", &z)],
        rejected_draws: 0,
    }
}

fn slope([x, y, z]: [f64; 3]) -> [f64; 3] {
    [10.0 * (y - x), x * (28.0 - z) - y, x * y - 8.0 / 3.0 * z]
}

/// One classic Runge–Kutta step of length `h`.
fn step(state: [f64; 3], h: f64) -> [f64; 3] {
    let moved = |by: f64, k: [f64; 3]| std::array::from_fn(|i| state[i] + by * k[i]);
    let k1 = slope(state);
    let k2 = slope(moved(0.5 * h, k1));
    let k3 = slope(moved(0.5 * h, k2));
    let k4 = slope(moved(h, k3));
    std::array::from_fn(|i| state[i] + h / 6.0 * (k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_points_stay() {
        // x = y = ±√(β (ρ − 1)), z = ρ − 1.
        let x = (8.0f64 / 3.0 * 27.0).sqrt();
        for fixed in [[0.0; 3], [x, x, 27.0], [-x, -x, 27.0]] {
            let next = step(fixed, 0.005);
            assert!(next.iter().zip(fixed).all(|(a, b)| (a - b).abs() < 1e-12));
        }
    }

    #[test]
    fn halving_the_step_changes_the_result_by_a_sixteenth_of_the_error() {
        let far =
            |n: usize| (0..n).fold([1.0, 1.0, 20.0], |state, _| step(state, 0.2 / n as f64))[0];
        let exact = far(4_096);
        let ratio = (far(32) - exact) / (far(64) - exact);
        assert!((12.0..20.0).contains(&ratio), "{ratio}");
    }

    #[test]
    fn the_attractor_has_its_known_moments() {
        let s = lorenz(20_000, 1);
        let n = s.input.len() as f64;
        let mean_z = s.further[1].values.iter().sum::<f64>() / n * 20.0;
        let square_x = s.input.iter().map(|x| x * x).sum::<f64>() / n * 400.0;
        // ⟨z⟩ = 23.55 and ⟨x²⟩ = β⟨z⟩ = 62.8, which follow from the equations of the means.
        assert!((mean_z - 23.55).abs() < 0.3, "{mean_z}");
        assert!((square_x - 8.0 / 3.0 * mean_z).abs() < 1.0, "{square_x}");
        assert_eq!(s.target[..100], s.input[1..101]);
        assert_eq!(s, lorenz(20_000, 1));
        assert_ne!(s, lorenz(20_000, 2));
    }
}
