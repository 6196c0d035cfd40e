//! The echo-state test: whether two runs of one drive from two initial states come together.
//!
//! A reservoir whose state depends on how it began, and not only on its input, cannot be read out (Jaeger,
//! GMD Report 148, 2001). A device is never exactly twice in one state: the distance falls to that of its
//! noise, and the test asks only that it falls, and stays down.

use nalgebra::DMatrix;
use serde::{Deserialize, Serialize};

use crate::state::{Standardiser, StateError, StateMatrix};

/// Whether two runs under one drive converge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EchoVerdict {
    /// They come together and stay together.
    Forgets,
    /// They stay apart, or part again.
    Remembers,
    /// They started too near each other to tell.
    Undecided,
}

/// Distance of two runs over time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EchoTest {
    /// Root mean square distance of the standardised features at each step; two unrelated states are √2
    /// apart on average.
    pub distance: Vec<f64>,
    /// Mean distance in the first twentieth of the steps.
    pub first: f64,
    /// Mean distance in the last quarter.
    pub last: f64,
    /// First step from which on the distance is never again above the threshold; `None` if there is none.
    pub forgotten_after: Option<usize>,
    /// Whether the two runs came together.
    pub verdict: EchoVerdict,
}

/// Distances below this at the start are too small to see anything fall.
const APART: f64 = 0.01;

/// Compares two runs of the same features under the same drive. They are taken to have come together
/// where their distance is at most `threshold` (0.1 is a tenth of a feature's standard deviation).
///
/// # Errors
/// If the two differ in features or in length, or are empty.
pub fn echo_test(a: &StateMatrix, b: &StateMatrix, threshold: f64) -> Result<EchoTest, StateError> {
    if a.features() != b.features() || a.rows() != b.rows() || a.rows() == 0 || a.columns() == 0 {
        return Err(StateError::Ragged {
            feature: "second run".to_string(),
            found: b.rows() * b.columns(),
            expected: (a.rows() * a.columns()).max(1),
        });
    }
    // Scaled by what the drive does to a state that has forgotten how it began: the last half.
    let rows = a.rows();
    let scale = Standardiser::fit(a, rows / 2..rows);
    let distance = distances(&scale.apply(a, 0..rows), &scale.apply(b, 0..rows));
    Ok(judged(distance, threshold))
}

/// The verdict on a series of distances.
fn judged(distance: Vec<f64>, threshold: f64) -> EchoTest {
    let rows = distance.len();
    let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
    let first = mean(&distance[..rows.div_ceil(20)]);
    let last = mean(&distance[rows - rows.div_ceil(4)..]);
    let forgotten_after = match distance.iter().rposition(|d| d.is_nan() || *d > threshold) {
        None => Some(0),
        Some(above) if above + 1 < rows => Some(above + 1),
        Some(_) => None,
    };
    let early_enough = forgotten_after.is_some_and(|step| step <= rows - rows.div_ceil(4));
    let verdict = if first < APART.max(threshold) && last <= threshold {
        EchoVerdict::Undecided
    } else if early_enough {
        EchoVerdict::Forgets
    } else {
        EchoVerdict::Remembers
    };
    EchoTest {
        distance,
        first,
        last,
        forgotten_after,
        verdict,
    }
}

/// Steps that a noisy distance is averaged over.
const SMOOTHED: usize = 10;

/// The echo-state test for a device with noise. `again` is a second run from the initial state of `a`: the distance
/// of these two in their last half is noise. `a` and `b` are taken to have come together where their distance, a mean
/// over ten steps, is within four standard deviations of the mean of that noise.
///
/// # Errors
/// As [`echo_test`].
pub fn echo_test_with_noise(
    a: &StateMatrix,
    b: &StateMatrix,
    again: &StateMatrix,
) -> Result<EchoTest, StateError> {
    let noise = smoothed(&echo_test(a, again, 0.0)?.distance);
    let half = &noise[noise.len() / 2..];
    let mean = half.iter().sum::<f64>() / half.len() as f64;
    let squares: f64 = half.iter().map(|d| (d - mean).powi(2)).sum();
    let threshold = mean + 4.0 * (squares / half.len() as f64).sqrt();
    let raw = echo_test(a, b, threshold)?;
    Ok(judged(smoothed(&raw.distance), threshold))
}

/// Mean over this step and those before, up to [`SMOOTHED`] in all.
fn smoothed(distance: &[f64]) -> Vec<f64> {
    (0..distance.len())
        .map(|t| {
            let window = &distance[(t + 1).saturating_sub(SMOOTHED)..=t];
            window.iter().sum::<f64>() / window.len() as f64
        })
        .collect()
}

fn distances(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Vec<f64> {
    let columns = a.ncols() as f64;
    (a - b)
        .row_iter()
        .map(|row| (row.norm_squared() / columns).sqrt())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::esn::{Esn, EsnConfig};
    use crate::random;
    use rand::RngExt;

    fn runs(spectral_radius: f64) -> (StateMatrix, StateMatrix) {
        let esn = Esn::new(EsnConfig {
            spectral_radius,
            connectivity: 0.3,
            ..EsnConfig::narma(50, 1)
        })
        .expect("valid");
        let mut rng = random::stream(1, 5);
        let input: Vec<f64> = (0..600).map(|_| 0.5 * rng.random::<f64>()).collect();
        let run = |x0: f64| esn.run_from(&[x0; 50], &input).expect("finite");
        (run(0.0), run(1.0))
    }

    #[test]
    fn a_contracting_network_forgets() {
        let (a, b) = runs(0.9);
        let test = echo_test(&a, &b, 0.1).expect("same features");
        assert_eq!(test.verdict, EchoVerdict::Forgets);
        assert!(test.last < 1e-3 && test.first > 1.0);
        assert!(
            test.forgotten_after
                .is_some_and(|step| step > 1 && step < 400)
        );
    }

    #[test]
    fn a_chaotic_network_remembers() {
        let (a, b) = runs(3.0);
        let test = echo_test(&a, &b, 0.1).expect("same features");
        assert_eq!(test.verdict, EchoVerdict::Remembers);
        assert!(test.last > 0.3, "{}", test.last);
    }

    #[test]
    fn one_run_twice_decides_nothing() {
        let (a, _) = runs(0.9);
        let test = echo_test(&a, &a, 0.1).expect("same features");
        assert_eq!(test.verdict, EchoVerdict::Undecided);
        assert_eq!(test.forgotten_after, Some(0));
    }

    #[test]
    fn noise_is_not_taken_for_memory() {
        let noisy = |states: &StateMatrix, seed: u64| {
            let mut rng = random::stream(seed, 6);
            let noise = states.values().map(|_| 0.2 * random::normal(&mut rng));
            StateMatrix::from_matrix(states.features().to_vec(), states.values() + noise)
                .expect("finite")
        };
        let (a, b) = runs(0.9);
        let test = echo_test_with_noise(&noisy(&a, 1), &noisy(&b, 2), &noisy(&a, 3));
        let test = test.expect("same features");
        assert_eq!(
            test.verdict,
            EchoVerdict::Forgets,
            "{:?}",
            test.forgotten_after
        );
        let (a, b) = runs(3.0);
        let test = echo_test_with_noise(&noisy(&a, 1), &noisy(&b, 2), &noisy(&a, 3));
        assert_eq!(test.expect("same features").verdict, EchoVerdict::Remembers);
    }

    #[test]
    fn other_features_are_refused() {
        let (a, _) = runs(0.9);
        let other = crate::controls::delay_line(&[0.0; 600], 3).expect("finite");
        assert!(echo_test(&a, &other, 0.1).is_err());
    }
}
