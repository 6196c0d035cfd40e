//! A product of two inputs that is read from a count of events, such as shares in a step: what the count's own noise
//! leaves of it.
//!
//! A rate (d₀ + a x)(g₀ + b x′) of two independent inputs, uniform on [0, 1], holds the term a b x x′. What no readout
//! linear in x and x′ knows of that product is z = (x − ½)(x′ − ½), of variance 1/144. The number of events in a step is
//! Poisson, so of N events on average the rate in units of its largest has a noise of variance m²/N, where
//! m = (d₀ + a/2)(g₀ + b/2). The best linear estimate of z from x, x′ and the count leaves the fraction
//! 1 / (1 + κ N) of its variance, κ = (a b / m)² / 144.

/// Smallest and largest value of a factor, in units of the largest: 0 ≤ smallest < 1.
pub type Span = (f64, f64);

/// The part of a product's variance that a count of `mean_events` on average does not tell, between 0 and 1, for factors
/// that follow their inputs linearly over `first` and `second`.
pub fn unexplained(mean_events: f64, first: Span, second: Span) -> f64 {
    let ((d, d_high), (g, g_high)) = (first, second);
    let (a, b) = (d_high - d, g_high - g);
    let middle = f64::midpoint(d, d_high) * f64::midpoint(g, g_high);
    let kappa = (a * b / middle).powi(2) / 144.0;
    1.0 / (1.0 + kappa * mean_events)
}

/// The NRMSE of a task that scores `linear` without the products and `ideal` with exact ones, where the count leaves the
/// fraction `unexplained` of them.
pub fn score(linear: f64, ideal: f64, unexplained: f64) -> f64 {
    (ideal.powi(2) + (linear.powi(2) - ideal.powi(2)) * unexplained).sqrt()
}

#[cfg(test)]
mod tests {
    use rand::RngExt;
    use rand_distr::{Distribution, Poisson};

    use super::*;
    use crate::bootstrap::Bootstrap;
    use crate::evaluate::evaluate;
    use crate::random;
    use crate::split::Split;
    use crate::state::{Feature, StateMatrix};

    #[test]
    fn a_readout_of_counted_products_scores_what_the_law_says() {
        let split = Split {
            washout: 0,
            train: 20_000,
            test: 20_000,
        };
        let (duty, rate) = ((0.31, 1.0), (1.0 / 16.0, 1.0));
        for (events, seed) in [(30.0, 1), (300.0, 2), (3000.0, 3)] {
            let mut rng = random::stream(seed, 0);
            let mut columns = vec![Vec::new(); 3];
            let mut target = Vec::new();
            let middle = 0.655 * (17.0 / 32.0);
            for _ in 0..split.total() {
                let (x, y): (f64, f64) = (rng.random(), rng.random());
                let mean = (0.31 + 0.69 * x) * (1.0 + 15.0 * y) / 16.0 / middle * events;
                let counted: f64 = Poisson::new(mean).expect("a mean").sample(&mut rng);
                for (column, value) in columns.iter_mut().zip([x, y, counted]) {
                    column.push(value);
                }
                target.push((x - 0.5) * (y - 0.5));
            }
            let named = ["x", "y", "n"].map(|name| Feature::new(name, "1"));
            let states =
                StateMatrix::from_columns(split.total(), named.into_iter().zip(columns).collect());
            let bootstrap = Bootstrap::new(split.test, seed);
            let states = states.expect("states");
            let score = evaluate(&states, &target, &split, &bootstrap).expect("a score");
            let law = super::score(1.0, 0.0, unexplained(events, duty, rate));
            let found = score.nrmse.value;
            assert!((found - law).abs() < 0.015, "{events}: {found} {law}");
        }
    }
}
