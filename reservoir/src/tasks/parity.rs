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

/// Exclusive or of two neighbouring inputs, and parity of three, `0..=longest` steps ago, all of one input: how far
/// back a device both remembers and multiplies. The target is the exclusive or of the two newest inputs.
pub fn delays(length: usize, longest: usize, seed: u64) -> Sequence {
    let before = longest + 2;
    let signs = signs(length + before, seed);
    let product = |delay: usize, order: usize, sign: f64| -> Vec<f64> {
        (0..length)
            .map(|t| {
                let last = t + before - delay;
                sign * signs[last + 1 - order..=last].iter().product::<f64>()
            })
            .collect()
    };
    let further = (0..=longest).flat_map(|delay| {
        let xor = (delay > 0).then(|| Target {
            name: format!("xor {delay} ago"),
            values: product(delay, 2, -1.0),
        });
        let parity = Target {
            name: format!("parity of 3, {delay} ago"),
            values: product(delay, 3, 1.0),
        };
        xor.into_iter().chain([parity])
    });
    Sequence {
        input: signs[before..].to_vec(),
        target: product(0, 2, -1.0),
        further: further.collect(),
        rejected_draws: 0,
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
    fn delayed_targets_are_products_of_neighbours_so_many_steps_ago() {
        let s = delays(100, 3, 1);
        let names: Vec<&str> = s.further.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(
            names[..3],
            ["parity of 3, 0 ago", "xor 1 ago", "parity of 3, 1 ago"]
        );
        assert_eq!(names.len(), 7);
        let (xor_2, parity_3) = (&s.further[3].values, &s.further[6].values);
        for t in 5..100 {
            let u = |ago: usize| s.input[t - ago];
            assert_eq!(s.target[t], -u(0) * u(1));
            assert_eq!(xor_2[t], -u(2) * u(3));
            assert_eq!(parity_3[t], u(3) * u(4) * u(5));
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
