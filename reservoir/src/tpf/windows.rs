//! Windows of a stream of shares: three features of each, and a label.
//!
//! The label must not be a function of the same window's features. The default label is whether there is an event in
//! the *next* window. [`Windows::same_window`] is the tautological label with which any classifier scores 100 %:
//! whether there is an event in this window, while the number of events in this window is a feature.

use rand::RngExt;
use serde::{Deserialize, Serialize};

use super::network::{Network, Training};
use crate::information::discrimination::Auc;
use crate::random;
use crate::state::{Feature, StateError, StateMatrix};

/// Length of the paper's windows, in seconds.
pub const LENGTH: f64 = 2.0;

/// Passes of the network over the training windows. The paper allows 2,000; the tautology is learnt in a few.
const EPOCHS: usize = 60;

/// Windows in order of time.
#[derive(Debug, Clone)]
pub struct Windows {
    /// Number of events, mean and standard deviation of their time since the window's start; one row per window.
    pub(crate) features: StateMatrix,
    /// Whether there is an event.
    pub(crate) events: Vec<bool>,
}

impl Windows {
    /// Cuts the time from 0 to `end` into windows of `length`; an incomplete window at the end and times outside are
    /// left out. A window without events has no mean and no deviation; they get the values of a uniform law, so that
    /// only the count distinguishes such windows.
    ///
    /// # Errors
    /// If a time is not finite.
    pub fn of(times: &[f64], length: f64, end: f64) -> Result<Windows, StateError> {
        let count = if length > 0.0 {
            (end / length).max(0.0) as usize
        } else {
            0
        };
        let mut sums = vec![(0u32, 0.0, 0.0); count];
        for time in times.iter().filter(|time| **time >= 0.0) {
            let index = (time / length) as usize;
            if let Some((n, sum, squares)) = sums.get_mut(index) {
                let since = time - index as f64 * length;
                *n += 1;
                *sum += since;
                *squares += since * since;
            }
        }
        let (middle, spread) = (length / 2.0, length / 12f64.sqrt());
        let column = |value: &dyn Fn(f64, f64, f64) -> f64, empty: f64| -> Vec<f64> {
            let of = |(n, sum, squares): &(u32, f64, f64)| match n {
                0 => empty,
                n => value(f64::from(*n), *sum, *squares),
            };
            sums.iter().map(of).collect()
        };
        let deviation =
            |n: f64, sum: f64, squares: f64| (squares / n - (sum / n).powi(2)).max(0.0).sqrt();
        let features = vec![
            (Feature::new("count", "1"), column(&|n, _, _| n, 0.0)),
            (
                Feature::new("mean", "s"),
                column(&|n, sum, _| sum / n, middle),
            ),
            (Feature::new("sd", "s"), column(&deviation, spread)),
        ];
        Ok(Windows {
            features: StateMatrix::from_columns(count, features)?,
            events: sums.iter().map(|(n, ..)| *n > 0).collect(),
        })
    }

    /// Number of windows.
    pub(crate) fn count(&self) -> usize {
        self.events.len()
    }

    /// Share of the windows that are empty; `None` without windows.
    pub(crate) fn empty_share(&self) -> Option<f64> {
        let empty = self.events.iter().filter(|event| !**event).count();
        (self.count() > 0).then(|| empty as f64 / self.count() as f64)
    }

    /// Whether there is an event in the *next* window: one label fewer than windows.
    pub fn next_window(&self) -> &[bool] {
        self.events.get(1..).unwrap_or_default()
    }

    /// Whether there is an event in the window itself: a function of its count. A demonstration.
    pub fn same_window(&self) -> &[bool] {
        &self.events
    }

    /// Trains the network 3-16-8-4-2 on the first two thirds of the windows and judges it on the rest; `None` if
    /// there are too few windows, or the rest has only one label.
    pub fn judge(&self, label: &[bool], seed: u64) -> Option<Judged> {
        let n = label.len().min(self.count());
        let (train, test) = (0..2 * n / 3, 2 * n / 3..n);
        let training = Training {
            seed,
            ..Training::published(EPOCHS)
        };
        let network = Network::fit(&self.features, label, train, &training)?;
        let scores = network.probabilities(&self.features, test.clone());
        let truth = &label[test];
        let pairs = scores.iter().zip(truth);
        let right = pairs
            .filter(|(score, truth)| (**score >= 0.5) == **truth)
            .count();
        let events = truth.iter().filter(|event| **event).count();
        Some(Judged {
            n: truth.len(),
            accuracy: right as f64 / truth.len() as f64,
            majority: events.max(truth.len() - events) as f64 / truth.len() as f64,
            auc: Auc::of(&scores, truth)?,
        })
    }
}

/// Results of a classifier on windows that it was not trained on.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// Windows tested on.
    pub n: usize,
    /// Fraction of correct predictions.
    pub accuracy: f64,
    /// Accuracy of always predicting the more frequent label.
    pub majority: f64,
    /// Area under the ROC curve of the score.
    pub auc: Auc,
}

/// Times of a Poisson stream of `rate` per second up to `end` seconds, drawn from `seed`: a model of the shares of an
/// unobserved unit.
pub fn poisson(rate: f64, end: f64, seed: u64) -> Vec<f64> {
    let mut rng = random::stream(seed, 33);
    let mut times = Vec::new();
    let mut now = 0.0;
    if !(rate > 0.0 && rate.is_finite()) {
        return times;
    }
    loop {
        now -= (1.0 - rng.random::<f64>()).ln() / rate;
        if now >= end {
            return times;
        }
        times.push(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_by_hand() {
        let windows = Windows::of(&[0.5, 1.5, 4.2, 7.0, -1.0], 2.0, 6.5).expect("finite");
        assert_eq!(windows.events, [true, false, true]);
        assert_eq!(windows.next_window(), [false, true]);
        let row: Vec<f64> = windows.features.values().row(0).iter().copied().collect();
        assert_eq!(row, [2.0, 1.0, 0.5]);
        let empty = windows.features.values().row(1);
        assert_eq!((empty[0], empty[1]), (0.0, 1.0));
        assert!((windows.empty_share().expect("windows") - 1.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            Windows::of(&[], 2.0, 0.0).expect("none").empty_share(),
            None
        );
    }

    #[test]
    fn the_tautology_scores_everything_and_the_next_window_nothing() {
        let windows = Windows::of(&poisson(0.35, 6_000.0, 1), LENGTH, 6_000.0).expect("finite");
        let leak = windows
            .judge(windows.same_window(), 42)
            .expect("both kinds");
        assert_eq!((leak.accuracy, leak.auc.value), (1.0, 1.0));
        let honest = windows
            .judge(windows.next_window(), 42)
            .expect("both kinds");
        assert!(
            (honest.auc.value - 0.5).abs() < 4.0 * honest.auc.null_sd,
            "{honest:?}"
        );
        assert!(honest.accuracy < honest.majority + 0.06, "{honest:?}");
    }

    #[test]
    fn the_stream_has_its_rate() {
        let times = poisson(5.0, 2_000.0, 3);
        // 10,000 expected, standard deviation 100.
        assert!((9_600..10_400).contains(&times.len()));
        assert!(times.is_sorted() && times.iter().all(|t| (0.0..2_000.0).contains(t)));
        assert!(poisson(0.0, 10.0, 1).is_empty());
    }
}
