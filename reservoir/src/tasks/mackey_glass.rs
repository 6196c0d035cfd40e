//! Mackey–Glass: a chaotic delay equation, to be predicted.
//!
//! ```text
//! dx/dt = 0.2 x(t − τ) / (1 + x(t − τ)^10) − 0.1 x(t)
//! ```
//!
//! (Mackey and Glass, Science 197(4300), 1977). τ = 17 is mildly chaotic, τ = 30 more so. Sampled once per
//! unit of time; the classic horizon is 84 (Jaeger and Haas, Science 304(5667), 2004).

use std::collections::VecDeque;

use rand::RngExt;

use super::{Sequence, Target, ahead};
use crate::random;

/// Steps of the integration per unit of time, which is a sample: at this step the classic Runge–Kutta
/// method's error is below 1e-8 per sample.
const SUBSTEPS: usize = 10;

/// Samples at the beginning that are discarded: about ten times the slowest decay.
const TRANSIENT: usize = 1_000;

/// Horizons of the further targets, in samples; the first target is one sample ahead.
pub const HORIZONS: [usize; 3] = [6, 17, 84];

/// `length` samples of the equation with delay `tau` (in samples, at least 1), started from a history
/// drawn from `seed`. The target is the next sample; the further targets are [`HORIZONS`] ahead.
pub fn mackey_glass(length: usize, tau: usize, seed: u64) -> Sequence {
    let mut rng = random::stream(seed, 20);
    let start: Vec<f64> = (0..=tau.max(1) * SUBSTEPS)
        .map(|_| 1.2 + 0.1 * (rng.random::<f64>() - 0.5))
        .collect();
    let longest = HORIZONS[HORIZONS.len() - 1];
    let signal = integrate(start, TRANSIENT + length + longest);
    let signal = &signal[TRANSIENT..];
    Sequence {
        input: signal[..length].to_vec(),
        target: ahead(signal, 1, length),
        further: HORIZONS
            .iter()
            .map(|&horizon| Target {
                name: format!("x[t+{horizon}]"),
                values: ahead(signal, horizon, length),
            })
            .collect(),
        rejected_draws: 0,
    }
}

/// Growth minus decay, at x with `delayed` τ earlier.
fn slope(x: f64, delayed: f64) -> f64 {
    0.2 * delayed / (1.0 + delayed.powi(10)) - 0.1 * x
}

/// `samples` samples after the history `past`, which is a substep apart and ends with the present.
fn integrate(past: Vec<f64>, samples: usize) -> Vec<f64> {
    let h = 1.0 / SUBSTEPS as f64;
    let mut past = VecDeque::from(past);
    let mut x = past.back().copied().unwrap_or_default();
    let mut signal = Vec::with_capacity(samples);
    for _ in 0..samples {
        for _ in 0..SUBSTEPS {
            // The delayed value is known at both ends of the step; between them its mean is good to h².
            let (early, late) = (past[0], past[1]);
            let middle = 0.5 * (early + late);
            let k1 = slope(x, early);
            let k2 = slope(x + 0.5 * h * k1, middle);
            let k3 = slope(x + 0.5 * h * k2, middle);
            let k4 = slope(x + h * k3, late);
            x += h / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4);
            past.pop_front();
            past.push_back(x);
        }
        signal.push(x);
    }
    signal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fixed_point_stays() {
        // 0.2 / (1 + x^10) = 0.1 at x = 1.
        let signal = integrate(vec![1.0; 171], 50);
        assert!(signal.iter().all(|x| (x - 1.0).abs() < 1e-12));
    }

    #[test]
    fn without_a_past_it_decays_exponentially() {
        let mut past = vec![0.0; 171];
        past[170] = 1.0;
        let signal = integrate(past, 10);
        assert!((signal[9] - (-1.0f64).exp()).abs() < 1e-7, "{}", signal[9]);
    }

    #[test]
    fn the_attractor_has_its_known_range() {
        let s = mackey_glass(5_000, 17, 1);
        let low = s.input.iter().copied().fold(f64::INFINITY, f64::min);
        let high = s.input.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        assert!((0.2..0.5).contains(&low), "{low}");
        assert!((1.2..1.4).contains(&high), "{high}");
        let mean = s.input.iter().sum::<f64>() / 5_000.0;
        assert!((mean - 0.93).abs() < 0.02, "{mean}");
    }

    #[test]
    fn targets_are_the_future() {
        let s = mackey_glass(300, 17, 2);
        assert_eq!(s.target[..299], s.input[1..]);
        assert_eq!(s.further[2].values[..216], s.input[84..]);
        assert!(s.targets().all(|target| target.len() == 300));
        assert_ne!(s, mackey_glass(300, 17, 3));
        assert_eq!(s, mackey_glass(300, 17, 2));
    }
}
