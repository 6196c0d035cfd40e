//! Equalisation of a nonlinear channel: which symbol was sent, from what was received.
//!
//! ```text
//! q[t] =  0.08 d[t+2] − 0.12 d[t+1] + d[t] + 0.18 d[t−1] − 0.1 d[t−2]
//!       + 0.091 d[t−3] − 0.05 d[t−4] + 0.04 d[t−5] + 0.03 d[t−6] + 0.01 d[t−7]
//! u[t] = q[t] + 0.036 q[t]² − 0.011 q[t]³ + noise
//! ```
//!
//! with d independent and uniform on {−3, −1, 1, 3} (Mathews and Lee, Proc. ASILOMAR, 1994; Jaeger and Haas, Science
//! 304(5667), 2004). The target is `d[t−2]`, as in Jaeger and Haas; the further target is `d[t]`, part of which only
//! later values of u contain.

use rand::RngExt;

use super::{Sequence, Target};
use crate::random;

/// Weight of d[t + 2 − i] in the output of the channel.
const TAPS: [f64; 10] = [0.08, -0.12, 1.0, 0.18, -0.1, 0.091, -0.05, 0.04, 0.03, 0.01];

pub(crate) const SYMBOLS: [f64; 4] = [-3.0, -1.0, 1.0, 3.0];

/// Steps between a symbol and its place in the target.
const DELAY: usize = 2;

/// `length` received values at a ratio of signal to noise power of `snr_db` decibels (infinite for none),
/// drawn from `seed`. The noise is Gaussian, its power relative to that of the noiseless values drawn.
pub fn channel(length: usize, snr_db: f64, seed: u64) -> Sequence {
    let mut rng = random::stream(seed, 22);
    // Symbol i of this list is d[i − 7].
    let symbols: Vec<f64> = (0..length + 9)
        .map(|_| SYMBOLS[rng.random_range(0..SYMBOLS.len())])
        .collect();
    let mut input: Vec<f64> = (0..length).map(|t| received(&symbols[t..t + 10])).collect();
    let power = input.iter().map(|u| u * u).sum::<f64>() / length.max(1) as f64;
    let noise = (power * 10f64.powf(-snr_db / 10.0)).sqrt();
    for value in &mut input {
        *value += noise * random::normal(&mut rng);
    }
    let sent = |delay: usize| symbols[7 - delay..7 - delay + length].to_vec();
    Sequence {
        input,
        target: sent(DELAY),
        further: vec![Target {
            name: "d[t]".to_string(),
            values: sent(0),
        }],
        rejected_draws: 0,
    }
}

/// Output of the channel for d[t−7], …, d[t+2], in this order.
fn received(symbols: &[f64]) -> f64 {
    let q: f64 = symbols.iter().rev().zip(TAPS).map(|(d, tap)| d * tap).sum();
    q + 0.036 * q * q - 0.011 * q * q * q
}

/// The symbol nearest to `value`.
pub fn decide(value: f64) -> f64 {
    // Midpoints between neighbours are −2, 0 and 2.
    match value {
        v if v < -2.0 => -3.0,
        v if v < 0.0 => -1.0,
        v if v < 2.0 => 1.0,
        _ => 3.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_symbol_by_hand() {
        let mut symbols = [0.0; 10];
        symbols[7] = 3.0;
        assert!((received(&symbols) - (3.0 + 0.036 * 9.0 - 0.011 * 27.0)).abs() < 1e-12);
        symbols[7] = 0.0;
        symbols[9] = 1.0;
        let q: f64 = 0.08;
        assert!((received(&symbols) - (q + 0.036 * q * q - 0.011 * q * q * q)).abs() < 1e-12);
    }

    #[test]
    fn a_noiseless_channel_is_the_formula_of_its_own_targets() {
        let s = channel(200, f64::INFINITY, 1);
        let d = &s.further[0].values;
        assert_eq!(s.target[2..], d[..198]);
        for t in 7..198 {
            assert_eq!(s.input[t], received(&d[t - 7..t + 3]));
        }
    }

    #[test]
    fn noise_has_the_power_asked_for() {
        let (clean, noisy) = (channel(20_000, f64::INFINITY, 2), channel(20_000, 12.0, 2));
        let power = |v: &mut dyn Iterator<Item = f64>| v.map(|x| x * x).sum::<f64>();
        let noise = power(&mut noisy.input.iter().zip(&clean.input).map(|(a, b)| a - b));
        let ratio = 10.0 * (power(&mut clean.input.iter().copied()) / noise).log10();
        assert!((ratio - 12.0).abs() < 0.2, "{ratio}");
    }

    #[test]
    fn the_nearest_symbol_is_decided_for() {
        assert_eq!(SYMBOLS.map(decide), SYMBOLS);
        assert_eq!([2.9, 0.1, -0.1, -9.0].map(decide), [3.0, 1.0, -1.0, -3.0]);
    }
}
