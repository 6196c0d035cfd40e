//! NARMA-10: a nonlinear autoregressive moving average of order 10.
//!
//! ```text
//! y[t+1] = 0.3 y[t] + 0.05 y[t] (y[t] + y[t-1] + … + y[t-9]) + 1.5 u[t-9] u[t] + 0.1
//! ```
//!
//! with `u[t]` independent and uniform on [0, 0.5] and `y[0..=9]` = 0 (Atiya and Parlos, IEEE Trans. Neural
//! Networks 11(3), 2000). The target at step t is y[t+1]. A readout may use u and states up to t, never a
//! past y.

use std::collections::VecDeque;

use rand::RngExt;

use super::Sequence;
use crate::random;

/// Steps at the beginning that are thrown away: y starts from zero, not from its stationary law.
const TRANSIENT: usize = 50;

/// A draw in which y ever exceeds this is on its way to infinity: the recursion has an unstable fixed
/// point above, and no draw was seen to come back. It is rejected whole. Clipping it instead, or
/// saturating the recursion, would make another task.
const DIVERGED: f64 = 1.0;

/// A NARMA-10 sequence of `length` steps, drawn from `seed`.
///
/// Divergent draws are redrawn from the same generator and counted. Some 8 % of draws of 3,000 steps
/// diverge, and the share grows with the length: at 20,000 steps some 35 %.
pub fn narma10(length: usize, seed: u64) -> Sequence {
    let mut rng = random::stream(seed, 0);
    let mut rejected_draws = 0;
    loop {
        let input: Vec<f64> = (0..length + TRANSIENT)
            .map(|_| 0.5 * rng.random::<f64>())
            .collect();
        if let Some(target) = respond(&input) {
            return Sequence {
                input: input[TRANSIENT..].to_vec(),
                target: target[TRANSIENT..].to_vec(),
                rejected_draws,
            };
        }
        rejected_draws += 1;
    }
}

/// y[t+1] for each t of `input`; `None` if it diverges.
fn respond(input: &[f64]) -> Option<Vec<f64>> {
    // The recursion starts at t = 9, where u[t-9] is first defined; before that y is zero.
    let mut past: VecDeque<f64> = VecDeque::from([0.0; 10]);
    let mut target = Vec::with_capacity(input.len());
    for t in 0..input.len() {
        let next = if t < 9 {
            0.0
        } else {
            let y = past[9];
            let sum: f64 = past.iter().sum();
            0.3 * y + 0.05 * y * sum + 1.5 * input[t - 9] * input[t] + 0.1
        };
        if next > DIVERGED {
            return None;
        }
        past.pop_front();
        past.push_back(next);
        target.push(next);
    }
    Some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_input_gives_the_recursion_worked_by_hand() {
        // u = 0.2: y[10] = 1.5·0.04 + 0.1 = 0.16; y[11] = 0.3·0.16 + 0.05·0.16² + 0.16 = 0.20928;
        // y[12] = 0.3·0.20928 + 0.05·0.20928·(0.20928 + 0.16) + 0.16 = 0.226648…
        let y = respond(&[0.2; 12]).expect("does not diverge");
        assert_eq!(y[..9], [0.0; 9]);
        assert!((y[9] - 0.16).abs() < 1e-15);
        assert!((y[10] - 0.20928).abs() < 1e-15);
        let third = 0.3 * 0.20928 + 0.05 * 0.20928 * (0.20928 + 0.16) + 0.16;
        assert!((y[11] - third).abs() < 1e-15);
    }

    #[test]
    fn the_product_pairs_the_present_with_nine_steps_ago() {
        let mut input = [0.0; 30];
        input[12] = 0.5;
        input[21] = 0.5;
        let with = respond(&input).expect("does not diverge");
        input[12] = 0.0;
        let without = respond(&input).expect("does not diverge");
        assert_eq!(with[..21], without[..21]);
        assert!((with[21] - without[21] - 1.5 * 0.25).abs() < 1e-15);
    }

    #[test]
    fn the_target_has_its_known_moments() {
        let sequence = narma10(20_000, 1);
        let n = sequence.target.len() as f64;
        let mean = sequence.target.iter().sum::<f64>() / n;
        let centred: Vec<f64> = sequence.target.iter().map(|y| y - mean).collect();
        let variance = centred.iter().map(|c| c * c).sum::<f64>() / n;
        let lag1 = centred.windows(2).map(|w| w[0] * w[1]).sum::<f64>() / n / variance;
        assert!((mean - 0.389).abs() < 0.005, "mean {mean}");
        assert!(
            (variance.sqrt() - 0.108).abs() < 0.004,
            "sd {}",
            variance.sqrt()
        );
        assert!((lag1 - 0.62).abs() < 0.03, "lag-1 autocorrelation {lag1}");
    }

    #[test]
    fn divergent_draws_are_rejected_whole_and_counted() {
        assert_eq!(respond(&[0.5; 400]), None);
        let rejected: usize = (0..40)
            .map(|seed| narma10(3_200, seed).rejected_draws)
            .sum();
        assert!((1..=12).contains(&rejected), "{rejected} of 40");
        assert!(narma10(20_000, 3).target.iter().all(|y| *y <= DIVERGED));
    }

    #[test]
    fn a_seed_gives_one_sequence() {
        assert_eq!(narma10(100, 7), narma10(100, 7));
        assert_ne!(narma10(100, 7).input, narma10(100, 8).input);
    }
}
