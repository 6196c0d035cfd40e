//! Seeded randomness, in numbered streams that never overlap.

use rand::{RngExt, SeedableRng};

/// The generator that everything here uses.
pub type Rng = rand_chacha::ChaCha8Rng;

/// The generator for stream `stream` of `seed`; each use of randomness in a run has a stream of its own.
pub fn stream(seed: u64, stream: u64) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A standard normal number, by the method of Box and Muller (Ann. Math. Stat. 29(2), 1958).
pub(crate) fn normal(rng: &mut Rng) -> f64 {
    // 1 − u lies in (0, 1], whose logarithm is finite.
    let radius = (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    radius * (std::f64::consts::TAU * rng.random::<f64>()).cos()
}
