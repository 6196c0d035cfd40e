//! Statistics over dyadic time scales: a stream's averages over 2^j values, j = 0, 1, …, and how they change from one to
//! the next. A stream of n values takes one small state for each of its log₂ n scales and nothing else.

use serde::{Deserialize, Serialize};

/// Most scales, enough for 2⁴⁷ values.
pub(crate) const MOST_SCALES: usize = 48;

/// Statistics of a stream of values y on one time scale.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Scale {
    /// Values averaged, m = 2^j.
    pub(crate) averaged: u64,
    /// Number of complete averages.
    pub(crate) averages: u64,
    /// Pairs of neighbouring averages behind the Allan variance: one fewer than there are averages.
    pub(crate) allan_pairs: u64,
    /// Allan variance ½⟨(ȳₖ₊₁ − ȳₖ)²⟩ over all neighbouring averages, in the square of the values' unit (Allan,
    /// Proceedings of the IEEE 54(2), 1966; Riley, NIST Special Publication 1065, 5.2). `None` without a pair.
    pub(crate) allan_variance: Option<f64>,
    /// Pairs of averages behind the Haar details; pairs do not overlap.
    pub(crate) haar_pairs: u64,
    /// Energy of the orthonormal Haar details d = √(m/2) (ȳ₂ₖ − ȳ₂ₖ₊₁), Σd², in the square of the values' unit (Percival
    /// and Walden, Wavelet Methods for Time Series Analysis, 2000, 4.1).
    pub(crate) haar_energy: f64,
    /// Mean of ȳ₂ₖ₊₁ − ȳ₂ₖ: the trend of the values within 2m of them. `None` without a pair.
    pub haar_trend: Option<f64>,
}

impl Scale {
    /// Square root of the Allan variance, in the values' unit.
    pub fn allan_deviation(&self) -> Option<f64> {
        self.allan_variance.map(f64::sqrt)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    /// The last average.
    last: f64,
    averages: u64,
    allan: f64,
    haar: f64,
    trend: f64,
}

/// Statistics of a stream, updated with each value.
#[derive(Debug, Clone, Default)]
pub struct Timescales {
    /// The finest first.
    states: Vec<State>,
}

impl Timescales {
    /// Statistics of all of `values`.
    pub fn of(values: &[f64]) -> Timescales {
        let mut out = Timescales::default();
        values.iter().for_each(|value| out.push(*value));
        out
    }

    /// The next value. Two of m values make one average of 2m, so a value costs two scales on average.
    pub(crate) fn push(&mut self, value: f64) {
        let mut average = value;
        for place in 0..MOST_SCALES {
            if self.states.len() == place {
                self.states.push(State::default());
            }
            let state = &mut self.states[place];
            let (first, step) = (state.averages == 0, average - state.last);
            let before = std::mem::replace(&mut state.last, average);
            state.averages += 1;
            if !first {
                state.allan += 0.5 * step * step;
            }
            if state.averages % 2 == 1 {
                return;
            }
            state.haar += step * step;
            state.trend += step;
            average = 0.5 * (before + average);
        }
    }

    /// Number of values pushed.
    pub fn len(&self) -> u64 {
        self.states.first().map_or(0, |state| state.averages)
    }

    /// Whether no value was pushed.
    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// All scales with at least one complete average, the finest first.
    pub fn scales(&self) -> Vec<Scale> {
        let states = self.states.iter().enumerate();
        states
            .map(|(place, state)| {
                let averaged = 1u64 << place;
                let (allan_pairs, haar_pairs) = (state.averages - 1, state.averages / 2);
                let mean = |sum: f64, n: u64| (n > 0).then(|| sum / n as f64);
                Scale {
                    averaged,
                    averages: state.averages,
                    allan_pairs,
                    allan_variance: mean(state.allan, allan_pairs),
                    haar_pairs,
                    haar_energy: 0.5 * averaged as f64 * state.haar,
                    haar_trend: mean(state.trend, haar_pairs),
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// The nine frequencies of NBS Monograph 140, Annex 8.E, with the deviations that NIST SP 1065, table 31, gives for
    /// averages of one and of two.
    #[test]
    fn the_nine_frequencies_of_the_standard() {
        let y = [
            892.0, 809.0, 823.0, 798.0, 671.0, 644.0, 883.0, 903.0, 677.0,
        ];
        let scales = Timescales::of(&y).scales();
        let deviation = |i: usize| scales[i].allan_deviation().expect("pairs");
        assert!((deviation(0) - 91.22945).abs() < 5e-6);
        assert!((deviation(1) - 115.8082).abs() < 5e-5);
        let pairs: Vec<u64> = scales.iter().map(|s| s.allan_pairs).collect();
        assert_eq!(pairs, [8, 3, 1, 0]);
        assert_eq!(scales[3].allan_variance, None);
    }

    #[test]
    fn a_ramp_goes_one_way_on_every_scale() {
        let ramp: Vec<f64> = (0..16).map(f64::from).collect();
        for scale in Timescales::of(&ramp).scales().iter().take(4) {
            assert_eq!(scale.haar_trend, Some(scale.averaged as f64));
            // Every step is m, so the variance is m²/2.
            let expected = (scale.averaged * scale.averaged) as f64 / 2.0;
            assert_eq!(scale.allan_variance, Some(expected));
        }
    }

    #[test]
    fn white_noise_averages_out_and_a_walk_does_not() {
        let mut rng = crate::random::stream(3, 41);
        let white: Vec<f64> = (0..1 << 14)
            .map(|_| crate::random::normal(&mut rng))
            .collect();
        let walk: Vec<f64> = white
            .iter()
            .scan(0.0, |sum, x| {
                *sum += x;
                Some(*sum)
            })
            .collect();
        // The variance goes as 1/m of white noise and as m of a walk.
        let slope = |values: &[f64]| {
            let scales = Timescales::of(values).scales();
            let log = |i: usize| scales[i].allan_variance.expect("pairs").log2();
            (log(6) - log(2)) / 4.0
        };
        assert!((slope(&white) + 1.0).abs() < 0.15, "{}", slope(&white));
        assert!((slope(&walk) - 1.0).abs() < 0.15, "{}", slope(&walk));
    }

    proptest! {
        /// Parseval: the energies of all details and of the mean make up that of the values.
        #[test]
        fn haar_energies_sum_to_the_whole(values in vec(-1e3f64..1e3, 64)) {
            let scales = Timescales::of(&values).scales();
            let details: f64 = scales.iter().map(|scale| scale.haar_energy).sum();
            let mean = values.iter().sum::<f64>() / 64.0;
            let whole: f64 = values.iter().map(|y| y * y).sum();
            prop_assert!((details + 64.0 * mean * mean - whole).abs() < 1e-9 * whole.max(1.0));
        }

        #[test]
        fn a_stream_says_what_the_definition_says(values in vec(-1e3f64..1e3, 0..200)) {
            for scale in Timescales::of(&values).scales() {
                let m = scale.averaged as usize;
                let means: Vec<f64> =
                    values.chunks_exact(m).map(|c| c.iter().sum::<f64>() / m as f64).collect();
                prop_assert_eq!(means.len() as u64, scale.averages);
                let steps: Vec<f64> = means.windows(2).map(|w| w[1] - w[0]).collect();
                prop_assert_eq!(steps.len() as u64, scale.allan_pairs);
                if let Some(variance) = scale.allan_variance {
                    let expected =
                        steps.iter().map(|s| 0.5 * s * s).sum::<f64>() / steps.len() as f64;
                    prop_assert!((variance - expected).abs() <= 1e-9 * expected.max(1.0));
                }
            }
        }
    }
}
