//! Waveform classification: each period of the signal is a sine or a square wave.
//!
//! (Paquot et al., Sci. Rep. 2:287, 2012.) The target is 1 during a square and 0 during a sine. A square's
//! samples are ±1, which a sine also reaches at its peaks, so one sample does not always decide.

use std::f64::consts::TAU;

use rand::RngExt;

use super::Sequence;
use crate::random;

/// `length` steps of waves of `period` steps (at least 4), each drawn from `seed` to be a sine or a square
/// with equal chance.
pub fn waveform(length: usize, period: usize, seed: u64) -> Sequence {
    let period = period.max(4);
    let mut rng = random::stream(seed, 24);
    let mut sequence = Sequence::default();
    let mut square = false;
    for t in 0..length {
        let phase = t % period;
        if phase == 0 {
            square = rng.random();
        }
        let sine = (TAU * phase as f64 / period as f64).sin();
        let high = phase < period.div_ceil(2);
        sequence.input.push(match (square, high) {
            (false, _) => sine,
            (true, true) => 1.0,
            (true, false) => -1.0,
        });
        sequence.target.push(f64::from(u8::from(square)));
    }
    sequence
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_period_of_each_by_hand() {
        let s = waveform(400, 4, 1);
        let mut seen = [false; 2];
        for (wave, label) in s.input.chunks(4).zip(s.target.chunks(4)) {
            assert!(label.iter().all(|l| *l == label[0]));
            let expected = if label[0] == 1.0 {
                [1.0, 1.0, -1.0, -1.0]
            } else {
                [0.0, 1.0, 0.0, -1.0]
            };
            assert!(
                wave.iter()
                    .zip(expected)
                    .all(|(a, b)| (a - b).abs() < 1e-12)
            );
            seen[label[0] as usize] = true;
        }
        assert_eq!(seen, [true, true]);
    }

    #[test]
    fn a_seed_gives_one_sequence() {
        assert_eq!(waveform(100, 12, 1), waveform(100, 12, 1));
        assert_ne!(waveform(1_000, 12, 1), waveform(1_000, 12, 2));
    }
}
