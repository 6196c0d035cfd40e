//! NARMA-n: a nonlinear autoregressive moving average of order n.
//!
//! ```text
//! n = 10:  y[t+1] = 0.3 y[t] + 0.05 y[t] (y[t] + … + y[t-9]) + 1.5 u[t-9] u[t] + 0.1
//! n = 20:  y[t+1] = tanh(0.3 y[t] + 0.05 y[t] (y[t] + … + y[t-19]) + 1.5 u[t-19] u[t] + 0.01)
//! n = 30:  y[t+1] = tanh(0.2 y[t] + 0.004 y[t] (y[t] + … + y[t-29]) + 1.5 u[t-29] u[t] + 0.201)
//! n = 30, plain: the same without the tanh
//! ```
//!
//! with `u[t]` independent and uniform on [0, 0.5] and `y[0..n]` = 0. Order 10 is that of Atiya and Parlos (IEEE
//! Trans. Neural Networks 11(3), 2000), and is not bounded. Order 20 would diverge, and is bounded by a tanh,
//! as order 30 usually is too. Order 30 stays bounded by itself with its coefficients (none of 30 draws of 20,000 steps
//! exceeded 1); the plain form is the one without the tanh, and its scores are not those of the bounded one. Order 20 has the coefficients of Rodan and Tiňo (ibid. 22(1), 2011), order 30 those of Schrauwen et al.
//! (Neurocomputing 71(7), 2008). Order 20 is also printed with 0.2 added after the tanh; that recursion stays at its
//! upper fixed point (mean 1.14, standard deviation 0.009) and remembers little, so it is not used here.
//!
//! The target at step t is y[t+1]. A readout may use u and states up to t, never a past y.

use std::collections::VecDeque;

use rand::RngExt;

use super::Sequence;
use crate::random;

/// Steps at the beginning that are discarded: y starts from zero, not from its stationary law. The bounded orders
/// remember longer.
const TRANSIENT: usize = 50;
const BOUNDED_TRANSIENT: usize = 200;

/// A draw in which y ever exceeds this is on its way to infinity: the recursion has an unstable fixed point above,
/// and no draw was seen to return. The draw is rejected whole. Clipping it instead, or saturating the recursion,
/// would be another task.
const DIVERGED: f64 = 1.0;

/// The orders that are implemented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// NARMA-10, not bounded: draws that diverge are rejected.
    Ten,
    /// NARMA-20, bounded by a hyperbolic tangent: never rejected.
    Twenty,
    /// NARMA-30, bounded likewise.
    Thirty,
    /// NARMA-30 without the tanh, which its coefficients do not need.
    ThirtyPlain,
}

impl Order {
    /// Number of past outputs in the recursion.
    pub(crate) fn steps(self) -> usize {
        match self {
            Order::Ten => 10,
            Order::Twenty => 20,
            Order::Thirty | Order::ThirtyPlain => 30,
        }
    }

    /// The next output, from the present one, the sum of the last n, and the product of the inputs.
    fn next(self, y: f64, sum: f64, product: f64) -> f64 {
        match self {
            Order::Ten => 0.3 * y + 0.05 * y * sum + 1.5 * product + 0.1,
            Order::Twenty => (0.3 * y + 0.05 * y * sum + 1.5 * product + 0.01).tanh(),
            Order::Thirty => Order::ThirtyPlain.next(y, sum, product).tanh(),
            Order::ThirtyPlain => 0.2 * y + 0.004 * y * sum + 1.5 * product + 0.201,
        }
    }
}

/// A NARMA-10 sequence of `length` steps, drawn from `seed`.
///
/// Divergent draws are redrawn from the same generator and counted. Some 8 % of draws of 3,000 steps diverge, and the
/// share grows with the length: at 20,000 steps some 35 %. Far beyond that nearly every draw diverges and the search
/// takes long; the task is not meant for such lengths.
pub fn narma10(length: usize, seed: u64) -> Sequence {
    narma(Order::Ten, length, seed)
}

/// A NARMA sequence of this order and `length` steps, drawn from `seed`.
pub fn narma(order: Order, length: usize, seed: u64) -> Sequence {
    let mut rng = random::stream(seed, 0);
    let transient = match order {
        Order::Ten => TRANSIENT,
        Order::Twenty | Order::Thirty | Order::ThirtyPlain => BOUNDED_TRANSIENT,
    };
    let mut rejected_draws = 0;
    loop {
        let input: Vec<f64> = (0..length + transient)
            .map(|_| 0.5 * rng.random::<f64>())
            .collect();
        if let Some(target) = respond(order, &input) {
            return Sequence {
                input: input[transient..].to_vec(),
                target: target[transient..].to_vec(),
                rejected_draws,
                ..Sequence::default()
            };
        }
        rejected_draws += 1;
    }
}

/// y[t+1] for each t of `input`; `None` if it diverges.
fn respond(order: Order, input: &[f64]) -> Option<Vec<f64>> {
    let n = order.steps();
    // The recursion starts at t = n − 1, where u[t-n+1] is first defined; before that y is zero.
    let mut past: VecDeque<f64> = vec![0.0; n].into();
    let mut target = Vec::with_capacity(input.len());
    for t in 0..input.len() {
        let next = if t < n - 1 {
            0.0
        } else {
            let sum: f64 = past.iter().sum();
            order.next(past[n - 1], sum, input[t + 1 - n] * input[t])
        };
        if order == Order::Ten && next > DIVERGED {
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
        let y = respond(Order::Ten, &[0.2; 12]).expect("does not diverge");
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
        let with = respond(Order::Ten, &input).expect("does not diverge");
        input[12] = 0.0;
        let without = respond(Order::Ten, &input).expect("does not diverge");
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
        assert_eq!(respond(Order::Ten, &[0.5; 400]), None);
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

    #[test]
    fn the_bounded_orders_by_hand() {
        // The first step after n − 1 zeros: only the product and the constants are there.
        let twenty = respond(Order::Twenty, &[0.4; 20]).expect("bounded");
        assert!((twenty[19] - (1.5f64 * 0.16 + 0.01).tanh()).abs() < 1e-15);
        let thirty = respond(Order::Thirty, &[0.4; 31]).expect("bounded");
        let first = (1.5f64 * 0.16 + 0.201).tanh();
        assert!((thirty[29] - first).abs() < 1e-15);
        let second = (0.2 * first + 0.004 * first * first + 1.5 * 0.16 + 0.201).tanh();
        assert!((thirty[30] - second).abs() < 1e-15);
    }

    #[test]
    fn the_bounded_orders_stay_bounded_and_vary() {
        for order in [Order::Twenty, Order::Thirty] {
            let s = narma(order, 20_000, 1);
            assert_eq!(s.rejected_draws, 0);
            assert!(s.target.iter().all(|y| (0.0..=1.2).contains(y)));
            let mean = s.target.iter().sum::<f64>() / 20_000.0;
            let squares = s.target.iter().map(|y| (y - mean).powi(2)).sum::<f64>();
            let sd = (squares / 20_000.0).sqrt();
            assert!(
                (0.2..0.5).contains(&mean) && (0.05..0.2).contains(&sd),
                "{order:?}: mean {mean}, sd {sd}"
            );
        }
    }

    #[test]
    fn order_thirty_needs_no_bound() {
        for seed in 1..=30 {
            let plain = narma(Order::ThirtyPlain, 20_000, seed);
            let bounded = narma(Order::Thirty, 20_000, seed);
            assert_eq!(plain.input, bounded.input);
            let most = plain
                .target
                .iter()
                .fold(0.0, |most: f64, y| most.max(y.abs()));
            assert!(most < DIVERGED, "seed {seed}: {most}");
            assert_ne!(plain.target, bounded.target);
        }
    }
}
