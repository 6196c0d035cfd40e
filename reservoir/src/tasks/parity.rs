//! Temporal parity and exclusive or of a random binary input: memory and nonlinearity, without anything
//! that a linear readout of past inputs could use.
//!
//! Parity of order n with delay τ is the product of `u[t−τ]`, …, `u[t−τ−n+1]` for u in {−1, +1} (Bertschinger
//! and Natschläger, Neural Comput. 16(7), 2004, with bits instead of signs). Order 2 is the exclusive or.

use rand::RngExt;

use super::{Sequence, Target};
use crate::random;

/// Parities of orders `1..=orders` with delay `delay`, all of one input of `length` steps drawn from
/// `seed`. The target is that of the highest order, the further targets those below it; order 1 is the
/// plain memory of `u[t−τ]`. At least order 1 is given.
pub fn parity(length: usize, orders: usize, delay: usize, seed: u64) -> Sequence {
    let orders = orders.max(1);
    let signs = signs(length + orders + delay, seed);
    let product = |order: usize| -> Vec<f64> {
        (0..length)
            .map(|t| {
                // Step t of the task is at t + orders + delay of the list.
                let last = t + orders;
                signs[last + 1 - order..=last].iter().product()
            })
            .collect()
    };
    Sequence {
        input: signs[orders + delay..].to_vec(),
        target: product(orders),
        further: (1..orders)
            .map(|order| Target {
                name: format!("parity {order}"),
                values: product(order),
            })
            .collect(),
        rejected_draws: 0,
    }
}

/// Exclusive or of the present input and that of `distance` steps ago: `−u[t] u[t−distance]`, which is +1
/// where the two signs differ.
pub fn xor(length: usize, distance: usize, seed: u64) -> Sequence {
    let signs = signs(length + distance, seed);
    Sequence {
        input: signs[distance..].to_vec(),
        target: (0..length)
            .map(|t| -signs[t] * signs[t + distance])
            .collect(),
        ..Sequence::default()
    }
}

fn signs(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = random::stream(seed, 23);
    (0..count)
        .map(|_| if rng.random::<bool>() { 1.0 } else { -1.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parities_are_products_of_the_past() {
        let s = parity(100, 4, 2, 1);
        for t in 6..100 {
            for (order, target) in [(4, &s.target), (1, &s.further[0].values)] {
                let by_hand: f64 = (0..order).map(|i| s.input[t - 2 - i]).product();
                assert_eq!(target[t], by_hand);
            }
        }
        assert_eq!(s.further.len(), 3);
    }

    #[test]
    fn xor_is_one_where_the_signs_differ() {
        let s = xor(100, 3, 1);
        for t in 3..100 {
            assert_eq!(s.target[t] > 0.0, s.input[t] != s.input[t - 3]);
        }
    }

    #[test]
    fn no_single_input_tells_anything() {
        let s = parity(20_000, 3, 0, 2);
        for delay in 0..5 {
            let correlation: f64 = (delay..20_000)
                .map(|t| s.target[t] * s.input[t - delay])
                .sum::<f64>()
                / 20_000.0;
            assert!(correlation.abs() < 0.03, "{correlation} at {delay}");
        }
    }
}
