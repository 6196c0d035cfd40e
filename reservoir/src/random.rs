//! Seeded randomness, in numbered streams that never overlap.

use rand::SeedableRng;

/// The generator that everything here uses.
pub type Rng = rand_chacha::ChaCha8Rng;

/// Stream `stream` of `seed`.
pub fn stream(seed: u64, stream: u64) -> Rng {
    let mut rng = Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}
